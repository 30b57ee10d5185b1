"""Files of the function-calling leaderboard, written here in their form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smol_chat.errors import UsageError
from smol_chat.evaluation.answers import Answer, AnsweredTurn, MadeCall
from smol_chat.evaluation.score import evaluate
from smol_chat.evaluation.sources import open_suite
from smol_chat.messages import JsonObject, JsonValue

QUESTION: JsonObject = {
    "id": "parallel_0",
    "question": [[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Two circles, please."}]],
    "function": [
        {
            "name": "geometry.area",
            "description": "Area of a circle.",
            "parameters": {
                "type": "dict",
                "properties": {
                    "radius": {"type": "float", "description": "in metres"},
                    "style": {"type": "dict", "properties": {"type": {"type": "string"}}},
                    "unit": {"type": "any", "optional": True},
                },
                "required": ["radius"],
            },
        }
    ],
}
TRUTH: list[JsonValue] = [
    {"geometry.area": {"radius": [2, 2.0], "unit": ["m", ""], "style": [{"type": ["dotted", "dashed"]}, ""]}},
    {"geometry.area": {"radius": [3]}},
]


def written(folder: Path, name: str, *questions: JsonObject, truth: JsonValue = None) -> str:
    file = folder / name
    file.write_text("".join(f"{json.dumps(question)}\n" for question in questions))
    if truth is not None:
        (folder / "possible_answer").mkdir()
        (folder / "possible_answer" / name).write_text(json.dumps({"id": "parallel_0", "ground_truth": truth}))
    return str(file)


def test_schemas_and_answers_are_read(tmp_path: Path) -> None:
    suite = open_suite(written(tmp_path, "BFCL_v4_parallel.json", QUESTION, truth=TRUTH))
    (example,) = suite.examples
    (schema,) = example.schemas
    assert (example.request, example.scenario) == ("Be brief.\n\nTwo circles, please.", "BFCL_v4_parallel")
    assert schema.parameters["type"] == "object"
    assert schema.parameters["properties"] == {
        "radius": {"type": "number", "description": "in metres"},
        "style": {"type": "object", "properties": {"type": {"type": "string"}}},
        "unit": {},
    }


@pytest.mark.parametrize(
    ("first", "right"),
    [
        ({"radius": 2.0}, True),
        ({"radius": 2, "unit": "M"}, True),
        ({"radius": 2, "style": {"type": "dashed"}}, True),
        ({"radius": 2, "style": {"type": "solid"}}, False),
        ({"radius": 2, "unit": "ft"}, False),
        ({"radius": 4}, False),
        ({"radius": 2, "colour": "red"}, False),
    ],
)
def test_answers_are_judged_by_the_values_that_are_allowed(
    tmp_path: Path, first: dict[str, JsonValue], right: bool
) -> None:
    suite = open_suite(written(tmp_path, "BFCL_v4_parallel.json", QUESTION, truth=TRUTH))
    calls = (MadeCall("geometry.area", {"radius": 3}), MadeCall("geometry.area", first))
    found = evaluate(suite, {"parallel_0": Answer("parallel_0", (AnsweredTurn(calls),))}, {})
    assert found.total["task_accuracy"].value == float(right)
    assert found.total["f1"].value == 1.0


def test_where_no_function_fits_no_call_is_right(tmp_path: Path) -> None:
    suite = open_suite(written(tmp_path, "BFCL_v4_irrelevance.json", QUESTION))
    assert suite.examples[0].wants_no_call


@pytest.mark.parametrize(
    ("questions", "truth", "sentence"),
    [
        ([QUESTION], None, "they belong into"),
        ([{**QUESTION, "question": [[], []]}], TRUTH, "line 1 is no question of one turn"),
        ([QUESTION, {"id": "x"}], TRUTH, "line 2 is no question"),
        ([{**QUESTION, "id": "other"}], TRUTH, "line 1 is no question"),
        ([QUESTION], [{"a": 1}], "line 1 is no question"),
    ],
)
def test_files_that_cannot_be_used_get_one_sentence(
    tmp_path: Path, questions: list[JsonObject], truth: JsonValue, sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        open_suite(written(tmp_path, "BFCL_v4_parallel.json", *questions, truth=truth))

"""Whole answer sheets with scores worked out by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from smol_chat.evaluation.answers import Answer, AnsweredTurn, MadeCall, Unreadable, as_json, read_answer
from smol_chat.evaluation.score import Evaluation, bootstrap, evaluate, wilson
from smol_chat.evaluation.suite import load_suite, read_suite
from smol_chat.messages import JsonObject, ToolSchema
from smol_chat.tools import ToolRegistry
from support.right_answers import right_answer

SUITE = load_suite()
SCHEMAS = {schema.name: schema for schema in ToolRegistry.load().schemas()}


def scored(answers: list[Answer]) -> Evaluation:
    return evaluate(SUITE, {answer.example: answer for answer in answers}, SCHEMAS)


def value(evaluation: Evaluation, metric: str) -> float:
    found = evaluation.total[metric].value
    assert found is not None
    return found


def test_a_perfect_sheet_scores_one_everywhere() -> None:
    perfect = scored([right_answer(example) for example in SUITE.examples])
    names = ["precision", "recall", "f1", "card_precision", "card_recall", "card_f1", "json_validity"]
    names += ["schema_validity", "argument_match", "no_tool_accuracy", "task_accuracy"]
    for group in (perfect.total, *perfect.by_scenario.values()):
        defined = [name for name in names if group[name].value is not None]
        assert {group[name].value for name in defined} == {1.0}
    # Only where nothing is to be called nothing is opened, and only where something is there is no refraining.
    assert perfect.by_scenario["no_tool_needed"]["json_validity"].value is None
    assert perfect.by_scenario["multi_tool_parallel"]["no_tool_accuracy"].value is None
    assert perfect.total["repaired"].value == 0.0


def test_an_empty_sheet_scores_what_never_calling_scores() -> None:
    empty = scored([Answer(example.id, (AnsweredTurn(content="I think so."),)) for example in SUITE.examples])
    total = empty.total
    # No call was made: precision has nothing to be a share of, and no expected call was found.
    assert total["precision"].value is None
    assert (value(empty, "recall"), value(empty, "f1")) == (0.0, 0.0)
    # 34 examples accept no call alone (18 no_tool_needed, 7 error_recovery, 9 reasoning_heavy) and one accepts it
    # beside a call: 35 of 200 are right.
    assert value(empty, "card_f1") == pytest.approx(35 / 200)
    assert value(empty, "card_precision") == pytest.approx(35 / 200)
    assert value(empty, "card_recall") == pytest.approx(35 / 200)
    assert value(empty, "task_accuracy") == pytest.approx(35 / 200)
    assert (value(empty, "no_tool_accuracy"), total["no_tool_accuracy"].of) == (1.0, 34)
    assert [total[name].value for name in ("json_validity", "schema_validity", "argument_match")] == [None] * 3
    assert {name: figure.value for name, figure in total.figures.items() if name not in ("tokens", "seconds")} == {
        name: figure.value for name, figure in empty.floor.figures.items() if name not in ("tokens", "seconds")
    }


def test_a_sheet_that_always_calls_the_same_tool_scores_by_hand() -> None:
    call = MadeCall("get_current_datetime", {})
    always = scored([Answer(example.id, (AnsweredTurn((call,)),)) for example in SUITE.examples])
    wanted = [
        example.id
        for example in SUITE.examples
        if any(pattern.tool == call.tool for alternative in example.judged[0].accept for pattern in alternative)
    ]
    # single 27, 28, 29; parallel 02 (two of them), 05 (one of two calls); sequential 02, 21, 27; recovery 12;
    # reasoning 03, 23; complex 04 (one of two), 12 (two of them), 17.
    assert len(wanted) == 14
    assert value(always, "precision") == pytest.approx(14 / 200)
    # 4 of the 14 expect two calls (F1 2/3 each), 10 expect one (F1 1): (10 + 4 * 2/3) / 200.
    assert value(always, "card_f1") == pytest.approx((10 + 4 * 2 / 3) / 200)
    # Each call was its turn's only one: precision of an example is 1 or 0.
    assert value(always, "card_precision") == pytest.approx(14 / 200)
    # Where nothing is expected recall is 1 as the card has it (34; the example whose empty alternative is as far off as
    # its other one is judged by the first, which expects a call); 10 whole and 4 halves.
    assert value(always, "card_recall") == pytest.approx((34 + 10 + 4 / 2) / 200)
    assert value(always, "no_tool_accuracy") == 0.0
    assert (value(always, "json_validity"), value(always, "schema_validity")) == (1.0, 1.0)
    # Without a zone it is right in single-28, sequential-02, sequential-27, complex-04 and complex-17.
    assert value(always, "argument_match") == pytest.approx(5 / 14)
    # single-28 has one step; the others want more.
    assert value(always, "task_accuracy") == pytest.approx(1 / 200)


def test_a_shuffled_sheet_scores_by_hand() -> None:
    """Give each of four examples the right answer of the next one."""
    ids = ["single-37", "none-01", "parallel-01", "single-30"]
    picked = [next(example for example in SUITE.examples if example.id == one) for one in ids]
    answers = [right_answer(example) for example in picked]
    shifted = [
        replace(answer, example=example.id)
        for example, answer in zip(picked, [answers[2], answers[3], answers[0], answers[1]], strict=True)
    ]
    shuffled = scored(shifted)
    # single-37 (weather Tromsø) gets Bergen and Malmö: matched 1 of predicted 2, expected 1.
    # none-01 gets a calculation: matched 0, predicted 1, expected 0.
    # parallel-01 (Bergen, Malmö) gets Tromsø: matched 1, predicted 1, expected 2.
    # single-30 (a percentage) gets silence: matched 0, predicted 0, expected 1.
    assert value(shuffled, "precision") == pytest.approx(2 / 4)
    assert value(shuffled, "recall") == pytest.approx(2 / 4)
    assert value(shuffled, "f1") == pytest.approx(2 * 2 / (4 + 4))
    assert value(shuffled, "card_precision") == pytest.approx((1 / 2 + 0 + 1 + 0) / 4)
    assert value(shuffled, "card_recall") == pytest.approx((1 + 1 + 1 / 2 + 0) / 4)
    assert value(shuffled, "card_f1") == pytest.approx((2 / 3 + 0 + 2 / 3 + 0) / 4)
    assert (value(shuffled, "argument_match"), value(shuffled, "task_accuracy")) == (0.0, 0.0)
    assert (value(shuffled, "json_validity"), value(shuffled, "schema_validity")) == (1.0, 1.0)
    assert value(shuffled, "no_tool_accuracy") == 0.0
    assert shuffled.total["precision"].of == 4


def test_what_cannot_be_read_counts_as_opened_and_nothing_else() -> None:
    block = Unreadable("invalid_json", "{")
    silent = Answer("none-01", (AnsweredTurn(malformed=(block,)),))
    call = MadeCall("get_weather", {"location": "Tromsø"}, repaired=True)
    wrong = MadeCall("get_weather", {"location": 3})
    noisy = Answer("single-37", (AnsweredTurn((call, wrong), (block,), cut=True, completion_tokens=60),), seconds=2.5)
    found = scored([silent, noisy])
    # Four blocks opened, two readable; one of these fits the schema; both tools' names match once.
    assert value(found, "json_validity") == pytest.approx(2 / 4)
    assert value(found, "schema_validity") == pytest.approx(1 / 2)
    assert value(found, "repaired") == pytest.approx(1 / 2)
    assert value(found, "precision") == pytest.approx(1 / 2)
    assert value(found, "argument_match") == 1.0
    assert (value(found, "no_tool_accuracy"), value(found, "task_accuracy")) == (0.0, 0.0)
    assert (value(found, "tokens"), value(found, "seconds"), value(found, "cut")) == (30.0, 1.25, 0.5)
    assert found.malformed == {"invalid_json": 2}


def test_a_task_is_done_when_every_turn_was_right() -> None:
    example = next(one for one in SUITE.examples if one.id == "sequential-01")
    whole = right_answer(example)
    assert value(scored([whole]), "task_accuracy") == 1.0
    half = scored([replace(whole, turns=whole.turns[:1])])
    assert (value(half, "task_accuracy"), value(half, "card_f1")) == (0.0, 1.0)


def test_a_model_that_could_not_be_asked_has_not_refrained() -> None:
    found = scored([Answer("none-01", error="It does not fit.")])
    assert (value(found, "no_tool_accuracy"), value(found, "task_accuracy")) == (0.0, 0.0)


def test_the_alternative_that_fits_best_counts() -> None:
    call: JsonObject = {"a": {"x": "1"}}
    accept: list[object] = [[{"a": {"x": "2"}}, {"b": {}}], [call, {"c": {}}]]
    example = {"id": "e", "scenario": "s", "request": "r", "accept": accept}
    suite = read_suite(f'{{"suite": "t"}}\n{json.dumps(example)}\n', "t")
    schema = ToolSchema("a", "", {"type": "object"})
    answers = {"e": Answer("e", (AnsweredTurn((MadeCall("a", {"x": "1"}),)),))}
    found = evaluate(suite, answers, {"a": schema})
    # Both alternatives share one name of two with the answer; the second one's argument fits.
    assert (found.total["argument_match"].value, found.total["recall"].value) == (1.0, 0.5)


def test_intervals_are_the_published_ones() -> None:
    # 191 of 200 (the model card's own score): 0.917 to 0.976.
    assert wilson(191, 200) == pytest.approx((0.9169, 0.9761), abs=5e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=5e-4)
    low, high = wilson(10, 10)
    assert (low, high) == pytest.approx((0.7225, 1.0), abs=5e-4)


def test_a_bootstrap_brackets_its_value_and_never_changes() -> None:
    added = [(float(place % 3 == 0), 1.0) for place in range(90)]
    low, high = bootstrap(added)
    # A share of 1/3 of 90 has a standard error of 0.0497.
    assert (low, high) == pytest.approx((1 / 3 - 0.0974, 1 / 3 + 0.0974), abs=0.015)
    assert bootstrap(added) == (low, high)


def test_an_answer_survives_being_written_down() -> None:
    turn = AnsweredTurn((MadeCall("a", {"x": [1, None]}, True, "r"),), (Unreadable("k", "raw"),), "c", "r", 5, 6, True)
    answer = Answer("e", (turn,), 1.5, "too long")
    assert read_answer(json.loads(json.dumps(as_json(answer)))) == answer


@pytest.mark.parametrize("record", [{}, {"example": "e"}, {"example": "e", "turns": [{}]}, {"turns": [], "what": 1}])
def test_what_is_no_answer_is_refused(record: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no answer"):
        read_answer(record)

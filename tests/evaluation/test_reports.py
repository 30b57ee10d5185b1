"""What is printed and written of a scored run, and of two."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from smol_chat.errors import UsageError
from smol_chat.evaluation import card
from smol_chat.evaluation.answers import Answer, AnsweredTurn, MadeCall, Unreadable
from smol_chat.evaluation.compare import compare
from smol_chat.evaluation.report import Scored, page
from smol_chat.evaluation.runs import Run, RunKey
from smol_chat.evaluation.score import METRICS, evaluate
from smol_chat.evaluation.suite import load_suite
from smol_chat.evaluation.tables import as_object, comparison_lines, comparison_object, lines
from smol_chat.tools import ToolRegistry
from support.right_answers import right_answer

SUITE = load_suite()
SCHEMAS = {schema.name: schema for schema in ToolRegistry.load().schemas()}
EVIL = "<script>alert(1)</script>\x1b[2J\u202e"


def scored(answers: list[Answer], model: str = "tiny") -> Scored:
    key = RunKey("smol200", SUITE.digest, 200, model, "", "free", 0, "")
    run = Run("20270101-tiny", Path("run.jsonl"), key, {answer.example: answer for answer in answers})
    return Scored(run, SUITE, evaluate(SUITE, run.answers, SCHEMAS))


PERFECT = [right_answer(example) for example in SUITE.examples]
SILENT = [Answer(example.id, (AnsweredTurn(),)) for example in SUITE.examples]


def test_the_table_has_every_metric_the_floor_and_the_card_marked_as_quoted() -> None:
    one = scored(PERFECT)
    text = "\n".join(lines(one.run, one.evaluation))
    assert all(metric.label in text for metric in METRICS.values())
    assert all(scenario in text for scenario in card.F1_BY_SCENARIO)
    mean = next(line for line in text.splitlines() if line.startswith("F1, mean")).split()
    # value, interval, examples, never calls, card
    assert mean[2:] == ["1.000", "1.000", "to", "1.000", "200", "0.175", "0.955"]
    assert f"* {card.CAVEAT}" in text and card.SOURCE in card.CAVEAT


def test_the_cards_own_numbers_agree_with_each_other() -> None:
    counts = {name: sum(one.scenario == name for one in SUITE.examples) for name in card.F1_BY_SCENARIO}
    right = sum(round(card.F1_BY_SCENARIO[name] * count) for name, count in counts.items())
    assert right / 200 == card.TOTAL["card_f1"]


def test_the_object_for_programs_is_json_with_undefined_scores_as_null() -> None:
    one = scored(SILENT[:3])
    result = json.loads(json.dumps(as_object(one.run, one.evaluation)))
    assert result["total"]["json_validity"]["value"] is None
    assert (result["complete"], result["total"]["examples"]) == (False, 3)
    assert result["quoted_card"]["source"] == card.SOURCE
    assert result["never_calls"]["f1"]["value"] == 0.0


def test_the_table_says_which_examples_broke_off() -> None:
    one = scored([Answer(SUITE.examples[0].id, error="The prompt does not fit."), *SILENT[1:]])
    assert "examples that broke off: 1, the first because: The prompt does not fit." in lines(one.run, one.evaluation)


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_each_failure_in_the_models_words_and_none_of_it_as_markup() -> None:
    call = MadeCall("get_weather", {"location": EVIL})
    turn = AnsweredTurn((call,), (Unreadable("invalid_json", EVIL),), EVIL, EVIL, cut=True)
    reader = Reader()
    html = page([scored([replace(PERFECT[0], turns=(turn,)), *PERFECT[1:]], model=EVIL)])
    reader.feed(html)
    assert "script" not in reader.tags
    assert "<script>alert(1)</script>" in reader.text
    assert "\x1b" not in html and "\u202e" not in html
    assert reader.tags.count("details") == 1
    assert not {"src", "href", "onclick"} & set(reader.attributes)
    assert "1 of 200 not done" in reader.text
    assert SUITE.examples[0].request in reader.text


def test_two_runs_are_compared_over_the_examples_both_have() -> None:
    # Of ten examples with a call each the second run does the first four more, and loses the last.
    ids = [example.id for example in SUITE.examples if not example.wants_no_call][:10]
    right = {answer.example: answer for answer in PERFECT}
    silent = {answer.example: answer for answer in SILENT}
    first = scored([*(silent[one] for one in ids[:9]), right[ids[9]]])
    second = scored([*(right[one] for one in ids[:4]), *(silent[one] for one in ids[4:]), SILENT[-1]])
    found = compare(first.evaluation, second.evaluation)
    assert (found.gained, found.lost, found.both) == (tuple(ids[:4]), (ids[9],), 0)
    task = found.differences["task_accuracy"]
    # 4 of 10 against 1 of 10.
    assert task.value == pytest.approx(0.3)
    assert task.low is not None and task.high is not None and task.low < 0.3 < task.high
    assert found.differences["no_tool_accuracy"].value is None
    text = "\n".join(comparison_lines(first.run, second.run, found))
    assert "+0.300" in text and ids[9] in text
    assert comparison_object(first.run, second.run, found)["only_first"] == [ids[9]]
    assert "Comparison" in page([first, second], found)


def test_a_run_does_not_differ_from_itself() -> None:
    one = scored(PERFECT[:20])
    found = compare(one.evaluation, one.evaluation)
    defined = [figure for figure in found.differences.values() if figure.value is not None]
    assert {(figure.value, figure.low, figure.high) for figure in defined} == {(0.0, 0.0, 0.0)}


def test_runs_without_a_common_example_cannot_be_compared() -> None:
    with pytest.raises(UsageError, match="no example in common"):
        compare(scored(PERFECT[:2]).evaluation, scored(PERFECT[2:4]).evaluation)

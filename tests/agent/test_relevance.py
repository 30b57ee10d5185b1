"""Which of the real tools a request in everyday words is taken to be about."""

from __future__ import annotations

import pytest

from smol_chat.agent.relevance import choose_tools, score
from smol_chat.messages import ToolSchema
from smol_chat.tools.registry import ToolRegistry

TOOLS = ToolRegistry.load().schemas()
COST = {tool.name: 100 for tool in TOOLS}


def names(tools: tuple[ToolSchema, ...]) -> list[str]:
    return [tool.name for tool in tools]


@pytest.mark.parametrize(
    ("request_", "tool"),
    [
        ("Do I need an umbrella in Bergen tomorrow?", "get_weather"),
        ("what's 17% of 2340", "calculate"),
        ("How do you say good morning in Japanese?", "translate"),
        ("Mail ana@example.org that I'm late", "send_email"),
        ("Which files are in the reports folder?", "list_directory"),
        ("Open notes.txt and tell me what it says", "read_file"),
        ("Save this list to shopping.md", "write_file"),
        ("Schedule a meeting with Tom on Friday", "create_calendar_event"),
        ("How many customers are in shop.db?", "database_query"),
        ("POST this to https://api.example.org/items", "http_request"),
        ("Run git status", "shell_command"),
        ("Write a python script that counts primes and run it", "execute_python"),
        ("Look up the latest news on fusion energy", "web_search"),
        ("Summarise https://example.org/article", "get_webpage"),
        ("What day is it in Tokyo now?", "get_current_datetime"),
    ],
)
def test_the_tool_a_request_needs_is_offered_among_five(request_: str, tool: str) -> None:
    first = choose_tools(TOOLS, cost=COST, budget=500, request="hello")
    chosen = choose_tools(TOOLS, cost=COST, budget=500, request=request_, before=names(first))
    assert len(chosen) == 5
    assert tool in names(chosen)


def test_small_talk_is_about_no_tool() -> None:
    assert [tool.name for tool in TOOLS if score(tool, "hi there, thanks a lot!") > 0] == []


def test_the_list_stays_while_it_has_what_a_request_is_about() -> None:
    first = choose_tools(TOOLS, cost=COST, budget=500, request="Do I need an umbrella?")
    again = choose_tools(TOOLS, cost=COST, budget=500, request="And is it windy, any rain?", before=names(first))
    assert again == first


def test_they_come_in_the_order_of_the_whole_list_whatever_the_request() -> None:
    chosen = choose_tools(TOOLS, cost=COST, budget=700, request="weather mail calculate files", wanted={"translate"})
    assert names(chosen) == sorted(names(chosen))


def test_what_is_wanted_is_there_even_where_it_costs_more_than_there_is() -> None:
    assert names(choose_tools(TOOLS, cost=COST, budget=10, request="", wanted={"translate"})) == ["translate"]

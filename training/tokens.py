"""From conversations to token ids, through the program's own chat template.

What a model is trained on is, byte for byte, what the program sends it: the prompt is rendered by
`smol_chat.protocol.template`, and the model's own words are what stands between that and the prompt of the next turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from smol_chat.messages import JsonObject
from smol_chat.protocol.template import ChatTemplate, SpecialText

TEMPLATE = Path(__file__).parent / "chat_template.jinja"
CONTROL = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
END = "<|im_end|>\n"
IGNORED = -100

Tokenize = Callable[[str], list[int]]


@dataclass(frozen=True, slots=True)
class Answered:
    """One conversation behind a prefix: its ids, and the same with all but the model's words ignored."""

    ids: list[int]
    labels: list[int]


def template(source: str = "") -> ChatTemplate:
    """Compile a chat template; without one, that of the bundled model's adapter."""
    return ChatTemplate(source or TEMPLATE.read_text(encoding="utf-8"), SpecialText(CONTROL))


def prefix_text(chat: ChatTemplate, system: str, tools: Sequence[JsonObject]) -> str:
    """Return what every prompt with this system prompt and these tools begins with."""
    return _common(
        *(_prompt(chat, system, tools, [{"role": "user", "content": text}]) for text in ("A", "1"))
    ).partition("<|im_start|>user")[0]


def answered(
    chat: ChatTemplate, system: str, tools: Sequence[JsonObject], messages: Sequence[JsonObject], tokenize: Tokenize
) -> Answered:
    """Return the ids of a conversation behind its prefix.

    Raises:
        ValueError: the template changes an earlier part of the prompt when the conversation grows.
    """
    done = prefix_text(chat, system, tools)
    ids: list[int] = []
    labels: list[int] = []
    for number, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        prompt = _prompt(chat, system, tools, messages[:number])
        whole = _without_header(_prompt(chat, system, tools, messages[: number + 1]))
        if not (prompt.startswith(done) and whole.startswith(prompt) and whole.endswith(END)):
            raise ValueError(f"the template rewrites the prompt: {whole!r}")
        asked = tokenize(prompt[len(done) :])
        said = tokenize(whole[len(prompt) : -1])
        ids += asked + said
        labels += [IGNORED] * len(asked) + said
        done = whole[:-1]
    return Answered(ids, labels)


def _prompt(chat: ChatTemplate, system: str, tools: Sequence[JsonObject], messages: Sequence[JsonObject]) -> str:
    first: list[JsonObject] = [{"role": "system", "content": system}] if system else []
    return chat.render([*first, *messages], tools).text


def _without_header(prompt: str) -> str:
    return prompt.removesuffix("<|im_start|>assistant\n")


def _common(one: str, other: str) -> str:
    return one[: next(place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)]

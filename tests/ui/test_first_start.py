from __future__ import annotations

from pathlib import Path

from smol_chat.errors import ModelFileError
from support.screen import on_stage
from support.scripted_conversation import DONE, ScriptedBackend


def empty(root: Path) -> ScriptedBackend:
    backend = ScriptedBackend(root, [[DONE]])
    backend.model_name = ""
    return backend


async def test_without_a_model_the_screen_says_what_to_do(tmp_path: Path) -> None:
    async with on_stage(empty(tmp_path), ready=False, size=(160, 40)) as stage:
        await stage.until(lambda: "It needs a language model" in stage.text)
        for part in ("enfuse/smol-tools-4b", "Q4_K_M (2.9 GB)", "models", "smol-chat[tiny]"):
            assert part in stage.text, part


async def test_a_wrong_path_is_one_sentence_and_the_screen_stays(tmp_path: Path) -> None:
    backend = empty(tmp_path)
    async with on_stage(backend, ready=False) as stage:
        await stage.until(lambda: "It needs a language model" in stage.text)
        await stage.type("missing")
        await stage.press("enter")
        await stage.until(lambda: "There is no model 'missing'; check the path." in stage.text)
        backend.load_error = ModelFileError("'[/b].gguf' is no model.")
        await stage.press("ctrl+u")
        await stage.type("x")

        async def refuse(name: str) -> None:
            backend.used_models.append(name)

        backend.use_model = refuse  # type: ignore[method-assign]
        await stage.press("enter")
        await stage.until(lambda: "'[/b].gguf' is no model." in stage.text)
        assert backend.opened == []


async def test_a_model_that_works_opens_the_chat(tmp_path: Path) -> None:
    backend = empty(tmp_path)
    async with on_stage(backend, ready=False) as stage:
        await stage.until(lambda: "It needs a language model" in stage.text)
        await stage.type("mine")
        await stage.press("enter")
        await stage.until(lambda: "Write a message, / for commands" in stage.text)
        await stage.send("hello")
        await stage.until(lambda: backend.conversation.sent == ["hello"])
        assert backend.used_models == ["mine"]


async def test_later_leaves_a_chat_that_says_what_is_missing(tmp_path: Path) -> None:
    async with on_stage(empty(tmp_path), ready=False) as stage:
        await stage.until(lambda: "It needs a language model" in stage.text)
        await stage.press("escape")
        await stage.until(lambda: "No model is loaded yet: /model chooses one." in stage.text)
        await stage.send("/model mine")
        await stage.until(lambda: stage.backend.opened == [None])

"""The help page names every key of the screens it is about."""

from __future__ import annotations

from textual.binding import Binding

from smol_chat.ui.app import SmolChatApp
from smol_chat.ui.command_list import COMMANDS
from smol_chat.ui.composer import Composer
from smol_chat.ui.help import help_page, key_name
from smol_chat.ui.screens.chat import ChatScreen
from smol_chat.ui.transcript.view import Transcript

SECTIONS = (
    ("Everywhere", SmolChatApp.BINDINGS),
    ("Chat", ChatScreen.BINDINGS),
    ("Composer", Composer.BINDINGS),
    ("Conversation", Transcript.BINDINGS),
)


def test_every_key_and_every_command_is_on_the_page_with_what_it_does() -> None:
    page = " ".join(str(help_page(SECTIONS)).split())
    for _, bindings in SECTIONS:
        for binding in bindings:
            assert isinstance(binding, Binding)
            assert binding.description
            for key in binding.key.split(","):
                assert key_name(key) in page
            assert " ".join(binding.description.split()) in page
    for name, command in COMMANDS.items():
        assert f"/{name}" in page
        assert " ".join(command.summary.split()) in page


def test_no_key_does_two_things_in_one_place() -> None:
    for _, bindings in SECTIONS:
        keys = [key for binding in bindings if isinstance(binding, Binding) for key in binding.key.split(",")]
        assert len(keys) == len(set(keys))

"""The commands: what can be written after a slash, and what the palette offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smol_chat.ui.command_list import COMMANDS, CommandProblem, command

if TYPE_CHECKING:  # the screen imports this module
    from smol_chat.ui.screens.chat import ChatScreen


async def run_command(chat: ChatScreen, text: str) -> None:
    """Carry out a command.

    Raises:
        CommandProblem: there is no such command, or it cannot be carried out.
    """
    name, _, argument = text[1:].strip().partition(" ")
    found = COMMANDS.get(name.lower())
    if found is None:
        raise CommandProblem(_unknown(name))
    if argument and not found.argument:
        raise CommandProblem(f"/{found.name} takes nothing after its name.")
    await found.run(chat, argument.strip())


def _unknown(name: str) -> str:
    from difflib import get_close_matches  # late: needed for a mistyped command only

    near = get_close_matches(name.lower(), COMMANDS, n=1, cutoff=0.5)
    advice = f"did you mean /{near[0]}?" if near else "/help lists the commands."
    return f"There is no command /{name[:40]}; {advice} Begin with a space to send it as a message."


@command("help", "every key and command")
async def _help(chat: ChatScreen, _: str) -> None:
    await chat.run_action("app.help")


@command("new", "begin a new conversation")
async def _new(chat: ChatScreen, _: str) -> None:
    await chat.open_conversation(None)


@command("open", "go back to an earlier conversation")
async def _open(chat: ChatScreen, _: str) -> None:
    from smol_chat.ui.pickers import pick_conversation  # late: start-up; lists are opened seldom

    await pick_conversation(chat)


@command("model", "another model: a name, a GGUF file, a server", "[name]")
async def _model(chat: ChatScreen, argument: str) -> None:
    if argument:
        chat.choose_model(argument)
    else:
        from smol_chat.ui.pickers import pick_model  # late: as above

        pick_model(chat)


@command("theme", "choose how the screen looks", "[name]")
async def _theme(chat: ChatScreen, argument: str) -> None:
    if argument:
        chat.choose_theme(argument)
    else:
        from smol_chat.ui.pickers import pick_theme  # late: as above

        pick_theme(chat)


@command("tools", "list the tools, offer them to the model or not, keep one among them", "[on|off|pin NAME|unpin NAME]")
async def _tools(chat: ChatScreen, argument: str) -> None:
    if not argument:
        from smol_chat.ui.pickers import list_tools  # late: as above

        await list_tools(chat)
        return
    word, _, name = argument.partition(" ")
    if word in ("pin", "unpin") and name:
        context_commands.pin_tool(chat, name.strip(), on=word == "pin")
        return
    if argument not in ("on", "off"):
        raise CommandProblem("Write /tools, /tools on, /tools off, or /tools pin and a tool's name.")
    chat.set_tools(argument == "on")


@command("tool", "a call next: a tool's name, required, none or auto", "[name]")
async def _tool(chat: ChatScreen, argument: str) -> None:
    if not argument:
        raise CommandProblem("Write /tool and a tool's name, required, none or auto; /tools lists the tools.")
    chat.choose_tool(argument)


@command("copy", "copy the last answer, or the last code in it", "[code]")
async def _copy(chat: ChatScreen, argument: str) -> None:
    if argument not in ("", "code", "last"):
        raise CommandProblem("Write /copy for the last answer or /copy code for the last code.")
    chat.copy("last code" if argument == "code" else "last answer")


@command("reasoning", "fold or open all reasoning", "[fold|open]")
async def _reasoning(chat: ChatScreen, argument: str) -> None:
    if argument not in ("", "fold", "open"):
        raise CommandProblem("Write /reasoning fold or /reasoning open.")
    if argument:
        chat.transcript.fold_all_reasoning(argument == "fold")
    else:
        chat.transcript.toggle_reasoning()


@command("undo", "take back the last file a tool wrote")
async def _undo(chat: ChatScreen, _: str) -> None:
    undone = await chat.backend.workbench().files.undo()
    chat.say(undone.sentence)


@command("offline", "let no tool leave this machine until you say otherwise", "[on|off]")
async def _offline(chat: ChatScreen, argument: str) -> None:
    egress = chat.backend.workbench().egress
    if argument not in ("", "on", "off"):
        raise CommandProblem("Write /offline on or /offline off.")
    if argument:
        egress.offline = argument == "on"
        chat.show_egress()
    count = f"{egress.connections:,} connection{'s' if egress.connections != 1 else ''} so far"
    state = "Offline: no tool may leave this machine" if egress.offline else "Online: a call you allow may leave"
    chat.say(f"{state}; {count} (smol-chat history egress lists them).")


@command("stop", "stop the answer that is being written")
async def _stop(chat: ChatScreen, _: str) -> None:
    chat.action_stop()


@command("resume", "go on with a turn that was cut when the program ended")
async def _resume(chat: ChatScreen, _: str) -> None:
    if not chat.can_resume:
        raise CommandProblem("There is no turn here that was cut after its calls; write what you want next.")
    chat.resume()


@command("quit", "leave; everything is kept")
async def _quit(chat: ChatScreen, _: str) -> None:
    await chat.app.run_action("app.quit")


# Last, so that the list begins with the commands of this module.
from smol_chat.ui import context_commands, history_commands, view_commands  # noqa: E402, F401  they join the list

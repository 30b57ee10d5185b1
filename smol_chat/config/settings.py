"""Every setting of the program, with its default and its help, and how the file is read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from smol_chat.config.fields import Where, read_section, setting, suggestion
from smol_chat.config.toml_file import parse_tables, read_utf8
from smol_chat.errors import ConfigError

T = TypeVar("T")

SYSTEM_PROMPT = (
    "You are a helpful assistant that runs on the user's own computer. "
    "Answer briefly and truthfully. Use a tool when it gives a better answer than you can; never invent its result."
)


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """The model that runs on this machine."""

    path: str = setting("", "Name or path of a GGUF model; empty: choose one at the start.")
    context: int = setting(
        0,
        "Context window in tokens; 0: what the model is made for, less where that does not fit into memory.",
        minimum=0,
        maximum=1_048_576,
    )
    threads: int = setting(0, "Threads that compute; 0: chosen for this machine.", minimum=0, maximum=1024)
    gpu_layers: int = setting(
        -1, "Layers on a graphics processor; 0: none, -1: as many as fit.", minimum=-1, maximum=1000
    )
    ubatch: int = setting(0, "Prompt tokens evaluated at once; 0: chosen for this machine.", minimum=0, maximum=4096)
    kv_type: Literal["auto", "f16", "q8_0"] = setting(
        "auto",
        "Precision of the context in memory; q8_0 takes half as much; auto: q8_0 only where f16 does not fit.",
        choices=("auto", "f16", "q8_0"),
    )
    adapter: str = setting("", "LoRA adapter (GGUF) that changes the model's weights; empty: none.")
    adapter_scale: float = setting(1.0, "How strongly the adapter changes them.", minimum=-10, maximum=10)
    tools: Literal["auto", "on", "off"] = setting(
        "auto", "Offer the tools to the model; auto: when its chat template knows tools.", choices=("auto", "on", "off")
    )
    constrain: bool = setting(True, "Let the model write only tool calls that fit the tools' schemas.")


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """An OpenAI-compatible server used instead of a model on this machine."""

    url: str = setting("", 'Address such as "http://127.0.0.1:8080/v1"; empty: the model runs here.')
    model: str = setting("", "Name of the model on the server; empty: the first it lists.")
    api_key_env: str = setting("", "Name of the environment variable with the server's key; empty: the system keyring.")
    context: int = setting(
        0, "Context window of the server's model in tokens; 0: as the server says.", minimum=0, maximum=16_777_216
    )


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """How the next token is chosen."""

    temperature: float = setting(0.7, "Randomness; 0: always the likeliest token.", minimum=0, maximum=5)
    top_p: float = setting(0.95, "Keep the likeliest tokens up to this share.", minimum=0, maximum=1)
    top_k: int = setting(40, "Keep this many of the likeliest tokens; 0: all.", minimum=0, maximum=1_000_000)
    min_p: float = setting(0.05, "Drop tokens below this share of the likeliest.", minimum=0, maximum=1)
    repeat_penalty: float = setting(1.0, "Make repeated tokens less likely; 1: off.", minimum=0.1, maximum=5)
    seed: int | None = setting(None, "Fixed start of the randomness; without it each answer differs.", minimum=0)
    max_tokens: int = setting(0, "Most tokens in one answer; 0: up to the end of the context window.", minimum=0)


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """What every conversation begins with."""

    system: str = setting(SYSTEM_PROMPT, "Instructions the model reads first.")
    review_summaries: bool = setting(
        True, "Show the summary that stands for early turns once a conversation is long, before the model reads it."
    )


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """Where a turn is stopped."""

    max_rounds: int = setting(12, "Times the model may be asked in one turn.", minimum=1, maximum=1000)
    max_calls: int = setting(32, "Tool calls in one turn.", minimum=0, maximum=1000)
    repeat_limit: int = setting(3, "The same call this many times in a row is stopped.", minimum=2, maximum=100)


@dataclass(frozen=True, slots=True)
class ToolsSettings:
    """All tools; the settings of one tool stand in its own table [tools.NAME]."""

    disabled: tuple[str, ...] = setting((), "Names of tools that are not offered to the model.")
    result_limit: int = setting(
        16_000,
        "Bytes of a result that the model reads; the rest is kept in the history.",
        minimum=500,
        maximum=1_000_000,
    )
    timeout: float = setting(60.0, "Seconds after which a call is stopped.", minimum=1, maximum=3600)


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """The isolation of code and shell commands."""

    allow_unisolated_shell: bool = setting(
        False,
        "Run approved shell commands also where the kernel cannot isolate them: they can then read, change and delete "
        "all that you can.",
    )


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """What tools may reach."""

    offline: bool = setting(False, "Refuse every tool that would leave this machine.")
    allow: tuple[str, ...] = setting(
        (), 'Private hosts and ranges that tools may reach, as in ["127.0.0.1:8080", "10.0.0.0/8"].'
    )


@dataclass(frozen=True, slots=True)
class ApprovalSettings:
    """Tools that are not asked about. Rules on certain calls stand in policy.toml and win over these."""

    allow: tuple[str, ...] = setting((), "Names of tools that run without a question.")
    deny: tuple[str, ...] = setting((), "Names of tools that are refused.")


@dataclass(frozen=True, slots=True)
class UiSettings:
    """The screen."""

    theme: str = setting("smol", "Name of the theme.")
    frames_per_second: int = setting(12, "How often a growing answer is painted.", minimum=1, maximum=30)
    show_reasoning: bool = setting(False, "Keep finished reasoning open.")
    bell: bool = setting(False, "Ring the terminal's bell when an answer or a question waits.")
    notify: bool = setting(
        True, "Say so in the window's title and on the desktop when one waits and the terminal is not in front."
    )
    low_bandwidth: Literal["auto", "on", "off"] = setting(
        "auto", "Paint less often and animate nothing; auto: over SSH.", choices=("auto", "on", "off")
    )
    plain: bool = setting(False, "Chat in plain lines instead of on a screen, as --plain does: for screen readers.")


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole file, checked. `tool_sections` holds the tables [tools.NAME] as they were written."""

    model: ModelSettings = field(default_factory=ModelSettings)
    server: ServerSettings = field(default_factory=ServerSettings)
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    chat: ChatSettings = field(default_factory=ChatSettings)
    turn: TurnSettings = field(default_factory=TurnSettings)
    tools: ToolsSettings = field(default_factory=ToolsSettings)
    sandbox: SandboxSettings = field(default_factory=SandboxSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    approval: ApprovalSettings = field(default_factory=ApprovalSettings)
    ui: UiSettings = field(default_factory=UiSettings)
    tool_sections: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    where: Where = field(default_factory=lambda: Where("config.toml"))

    def tool_section(self, name: str, cls: type[T]) -> T:
        """Return the tool's own settings, checked against the dataclass the tool declares.

        Raises:
            ConfigError: the table [tools.NAME] does not fit.
        """
        return read_section(cls, self.tool_sections.get(name, {}), self.where.inside("tools").inside(name))

    def check_tool_names(self, known: Collection[str]) -> None:
        """Refuse the name of a tool that does not exist, wherever the file has one.

        Raises:
            ConfigError: naming the place and the tool that was probably meant.
        """
        tools, approval = self.where.inside("tools"), self.where.inside("approval")
        places = [(tools, name, name) for name in self.tool_sections]
        places += [(tools, "disabled", name) for name in self.tools.disabled]
        places += [(approval, "allow", name) for name in self.approval.allow]
        places += [(approval, "deny", name) for name in self.approval.deny]
        for where, key, name in places:
            if name not in known:
                where.fail(key, f"{where.name(key)}: there is no tool {name!r}; {suggestion(name, known)}")


SECTIONS: Mapping[str, type] = {
    "model": ModelSettings,
    "server": ServerSettings,
    "sampling": SamplingSettings,
    "chat": ChatSettings,
    "turn": TurnSettings,
    "tools": ToolsSettings,
    "sandbox": SandboxSettings,
    "network": NetworkSettings,
    "approval": ApprovalSettings,
    "ui": UiSettings,
}
"""The tables of the file, in the order in which the default file shows them."""


def load_settings(path: Path, *, must_exist: bool = False) -> Settings:
    """Read the settings file; a file that is not there gives the defaults unless it `must_exist`.

    Raises:
        ConfigError: the file cannot be read, is no TOML, or has a setting that cannot be used.
    """
    try:
        text = read_utf8(path)
    except FileNotFoundError:
        if must_exist:
            raise ConfigError(f"There is no settings file {str(path)!r}; check --config.") from None
        return Settings(where=Where(str(path)))
    return parse_settings(text, str(path))


def parse_settings(text: str, file: str) -> Settings:
    """Read the text of a settings file; `file` is its name in errors.

    Raises:
        ConfigError: the text is no TOML, or has a setting that cannot be used.
    """
    tables, where = parse_tables(text, file)
    for name, table in tables.items():
        if name not in SECTIONS:
            where.fail(name, f"[{name}] is not a table of settings; {suggestion(name, SECTIONS)}")
        if not isinstance(table, dict):
            where.fail(name, f"{name} is a table: write it as [{name}] on a line of its own.")
    own_tables = {name: table for name, table in tables.get("tools", {}).items() if isinstance(table, dict)}
    if own_tables:
        tables["tools"] = {name: value for name, value in tables["tools"].items() if name not in own_tables}
    sections: dict[str, Any] = {
        name: read_section(SECTIONS[name], table, where.inside(name)) for name, table in tables.items()
    }
    return Settings(**sections, tool_sections=own_tables, where=where)

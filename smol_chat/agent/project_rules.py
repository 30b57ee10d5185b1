"""The rules that lie in the folder that is worked in: they count only once the user trusts them.

Trust is remembered by the folder's path and the digest of the rules' text. Whoever changes a byte of them, a tool
included, has them asked about again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from smol_chat.agent.policy import Rule
from smol_chat.agent.policy_file import parse_policy, policy_text
from smol_chat.config.edit import replace_file
from smol_chat.errors import ConfigError

PROJECT_FILE = Path(".smol-chat") / "policy.toml"
"""Where in the workspace the rules lie."""


@dataclass(frozen=True, slots=True)
class ProjectRules:
    """What lies in one workspace, and whether it counts."""

    file: Path
    state: Literal["none", "trusted", "untrusted", "changed"]
    """`changed`: other rules than these were trusted here."""
    rules: tuple[Rule, ...] = ()
    """Those that count: none unless they are trusted."""

    @property
    def notice(self) -> str:
        """Return the sentence for a user whose folder has rules that do not count; empty where there are none."""
        if self.state not in ("untrusted", "changed"):
            return ""
        since = " have changed since they were trusted and" if self.state == "changed" else ""
        return f"The rules in {self.file}{since} do not count: read them, then say smol-chat tools trust."


def project_rules(workspace: Path, trusted: Path) -> ProjectRules:
    """Return the rules of a workspace; `trusted` is the file that remembers what the user trusts.

    Raises:
        ConfigError: rules that are trusted cannot be used, or a file cannot be read.
    """
    file = workspace / PROJECT_FILE
    text = policy_text(file)
    if not text:
        return ProjectRules(file, "none")
    known = _read(trusted).get(str(workspace))
    if known != _digest(text):
        return ProjectRules(file, "untrusted" if known is None else "changed")
    return ProjectRules(file, "trusted", parse_policy(text, str(file)))


def trust(workspace: Path, trusted: Path, text: str) -> None:
    """Remember that the user trusts this text as the rules of this workspace; an empty one: nothing any more.

    Raises:
        ConfigError: it cannot be remembered.
    """
    folders = _read(trusted)
    folders.pop(str(workspace), None)
    if text:
        folders[str(workspace)] = _digest(text)
    try:
        replace_file(trusted, json.dumps(folders, ensure_ascii=False, indent=1) + "\n")
    except OSError as error:
        raise ConfigError(f"{trusted} cannot be written: {error.strerror}.") from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(trusted: Path) -> dict[str, str]:
    """Return the digests by folder. What cannot be understood trusts nothing."""
    try:
        found = json.loads(trusted.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{trusted} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError):
        return {}
    return (
        {name: digest for name, digest in found.items() if isinstance(digest, str)} if isinstance(found, dict) else {}
    )

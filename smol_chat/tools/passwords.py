"""Passwords of the user's accounts: from the environment or the system's keyring, never from the model."""

from __future__ import annotations

import os

from smol_chat.config.keyring_secret import KEYRING_SERVICE, keyring_secret
from smol_chat.errors import ToolError


def account_password(user: str, variable: str, setting: str) -> str:
    """Return the password of an account. It can wait for the person to unlock the keyring: call it in a thread.

    Args:
        user: who logs in; the keyring knows the password by it.
        variable: the environment variable that holds it; empty: the keyring.
        setting: the name of the setting that names the variable, for the sentence where there is no password.

    Raises:
        ToolError: `unavailable`, saying where to put it.
    """
    if variable:
        password = os.environ.get(variable)
        if not password:
            raise ToolError(
                "unavailable",
                f"The environment variable {variable!r} ({setting}) is not set: set it to the account's password.",
            )
        return password
    password = keyring_secret(user)
    if not password:
        raise ToolError(
            "unavailable",
            f"There is no password for {user}: name an environment variable in {setting}, or "
            f"run keyring set {KEYRING_SERVICE} {user} (needs pip install 'smol-chat[mail]').",
        )
    return password

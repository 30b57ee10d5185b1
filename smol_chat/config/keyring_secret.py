"""Passwords and keys that the system's keyring holds for this program."""

from __future__ import annotations

import logging

KEYRING_SERVICE = "smol-chat"

_log = logging.getLogger(__name__)


def keyring_secret(user: str) -> str | None:
    """Return what the system's keyring holds for a user, None where it has nothing or cannot be asked.

    It can wait for the person to unlock the keyring: call it in a thread.
    """
    try:
        import keyring  # an optional extra
    except ImportError:
        return None
    try:
        return keyring.get_password(KEYRING_SERVICE, user) or None
    except Exception as error:  # whatever one of its many backends raises, there is no secret; its words may hold one
        _log.warning("the keyring cannot be read: %s", type(error).__name__)
        return None

"""Mail for tools: the address book, drafts, and an SMTP server that is reached over TLS only."""

from __future__ import annotations

import contextlib
import secrets
import sys
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from smol_chat.errors import ToolError
from smol_chat.tools.mail_message import AddressBook, Mail
from smol_chat.tools.passwords import account_password
from smol_chat.tools.private_files import save_new

if TYPE_CHECKING:
    import smtplib

    from smol_chat.tools.egress import Caller, Egress

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ADDRESS_BOOK = "address-book.toml"
_SECONDS = 20.0
"""Longest wait for the server at any one step."""


@dataclass(frozen=True, slots=True)
class MailAccount:
    """Where mail is handed in, and as whom."""

    host: str
    port: int
    security: Literal["starttls", "tls"]
    user: str = ""
    password_env: str = ""

    @property
    def address(self) -> str:
        """Host and port, to be shown."""
        return f"{self.host}:{self.port}"


class MailDesk:
    """What one call can do with mail."""

    def __init__(self, folder: Path | None, egress: Egress, caller: Caller) -> None:
        self._folder = folder
        self._egress = egress
        self._caller = caller

    @property
    def drafts(self) -> Path:
        """The folder of drafts."""
        return self._require_folder() / "drafts"

    async def address_book(self) -> AddressBook:
        """Read the address book; a missing one is empty.

        Raises:
            ToolError: `failed` where it cannot be used.
        """
        from smol_chat.tools.context import run_in_thread

        return await run_in_thread(_read_book, self._require_folder() / ADDRESS_BOOK)

    async def save_draft(self, data: bytes) -> Path:
        """Write a mail as a file that mail programs open."""
        from smol_chat.tools.context import run_in_thread

        name = f"{datetime.now():%Y-%m-%d-%H%M%S}-{secrets.token_hex(4)}.eml"
        return await run_in_thread(save_new, self.drafts, name, data)

    async def check(self, account: MailAccount) -> None:
        """Refuse what could not be sent anyway: offline, or a password that is not there.

        Raises:
            ToolError: `blocked` or `unavailable`.
        """
        from smol_chat.tools.context import run_in_thread

        self._egress.require_online()
        if account.user:
            await run_in_thread(_password, account)

    async def send(self, account: MailAccount, mail: Mail, data: bytes) -> None:
        """Hand a mail in for all of its recipients or for none.

        Raises:
            ToolError: nothing was sent. `denied` where it was stopped in time.
        """
        from smol_chat.tools.context import run_in_thread

        delivery = _Delivery(account, mail, data, self._egress, self._caller)
        try:
            await run_in_thread(delivery.run)
        except BaseException as error:
            if isinstance(error, ToolError) or not delivery.stop():
                raise
            raise ToolError("denied", "Stopped: nothing was sent.") from error

    def _require_folder(self) -> Path:
        if self._folder is None:
            raise ToolError("unavailable", "There is no data folder for drafts and addresses.")
        return self._folder


def _read_book(path: Path) -> AddressBook:
    try:
        with path.open("rb") as file:
            entries = tomllib.load(file)
    except FileNotFoundError:
        return AddressBook({})
    except (OSError, ValueError, RecursionError) as error:
        raise ToolError("failed", f"The address book {str(path)!r} cannot be read: {error}.") from error
    wrong = [name for name, address in entries.items() if not isinstance(address, str)]
    if wrong:
        raise ToolError("failed", f'The address book {str(path)!r}: write {wrong[0]!r} as "Name" = "name@example.org".')
    try:
        return AddressBook(entries)
    except ToolError as error:
        raise ToolError("failed", f"The address book {str(path)!r}: {error.message}") from error


def _password(account: MailAccount) -> str:
    return account_password(account.user, account.password_env, "tools.send_email.password_env")


class _Delivery:
    """One talk with the server, in a thread; it can be stopped until the moment the text is handed over."""

    def __init__(self, account: MailAccount, mail: Mail, data: bytes, egress: Egress, caller: Caller) -> None:
        self._account = account
        self._mail = mail
        self._data = data
        self._egress = egress
        self._caller = caller
        self._lock = threading.Lock()
        self._state: Literal["talking", "stopped", "handing over"] = "talking"

    def stop(self) -> bool:
        """Stop; False where the text is being handed over already and nobody can tell what becomes of it."""
        with self._lock:
            if self._state == "talking":
                self._state = "stopped"
            return self._state == "stopped"

    def _stopped(self) -> bool:
        return self._state == "stopped"

    def run(self) -> None:
        """Send the mail.

        Raises:
            ToolError: nothing was sent.
        """
        import smtplib  # late: only a mail pays for it
        import socket
        import ssl

        host = self._account.host
        try:
            password = _password(self._account) if self._account.user else ""
            self._egress.require_online()  # asking for the name would already leave this machine
            found = socket.getaddrinfo(host, self._account.port, type=socket.SOCK_STREAM)
            passage = self._egress.open(self._caller, host, self._account.port, str(found[0][4][0]), exact=False)
            with contextlib.closing(passage), self._connected() as server:
                passage.connected = True
                passage.sent = len(self._data)
                self._talk(server, password)
        except socket.gaierror:
            raise ToolError(
                "unavailable", f"Could not reach {host}: its name was not found. Is this machine online?"
            ) from None
        except ssl.SSLCertVerificationError as error:
            raise ToolError(
                "blocked", f"{host} has no certificate to be trusted ({error.verify_message}); nothing was sent."
            ) from error
        except smtplib.SMTPNotSupportedError as error:
            raise ToolError("blocked", f"{host} offers no encryption or login ({error}); nothing was sent.") from error
        except smtplib.SMTPException as error:
            raise _refused(host, error) from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ToolError(
                "unavailable", f"Could not reach {self._account.address} ({reason}); nothing was sent."
            ) from error

    def _connected(self) -> smtplib.SMTP:
        import smtplib
        import ssl

        account, trust = self._account, ssl.create_default_context()
        if account.security == "tls":
            return smtplib.SMTP_SSL(account.host, account.port, timeout=_SECONDS, context=trust)
        server = smtplib.SMTP(account.host, account.port, timeout=_SECONDS)
        try:
            server.starttls(context=trust)
        except BaseException:
            server.close()
            raise
        return server

    def _talk(self, server: smtplib.SMTP, password: str) -> None:
        import smtplib

        server.ehlo_or_helo_if_needed()
        if self._stopped():
            return
        if self._account.user:
            server.login(self._account.user, password)
        assert self._mail.sender is not None  # a mail without one is a draft
        code, reply = server.mail(self._mail.sender.address)
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, reply, self._mail.sender.address)
        refused = {}
        for recipient in self._mail.recipients:
            code, reply = server.rcpt(recipient.address)
            if code not in (250, 251):
                refused[recipient.address] = (code, reply)
        if refused:  # to the others it is not sent either: a mail that only some got is worse than none
            raise smtplib.SMTPRecipientsRefused(refused)
        with self._lock:
            if self._stopped():
                return
            self._state = "handing over"
        code, reply = server.data(self._data)
        if code != 250:
            raise smtplib.SMTPDataError(code, reply)


def _refused(host: str, error: smtplib.SMTPException) -> ToolError:
    import smtplib

    if isinstance(error, smtplib.SMTPAuthenticationError):
        return ToolError("failed", f"{host} refused the login; check user and password. Nothing was sent.")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        told = "; ".join(f"{address}: {_said(reply)}" for address, (_, reply) in error.recipients.items())
        return ToolError("failed", f"{host} refused {told}. Nothing was sent to anybody.")
    if isinstance(error, smtplib.SMTPResponseException):
        return ToolError("failed", f"{host} refused the mail ({error.smtp_code} {_said(error.smtp_error)}).")
    return ToolError("unavailable", f"{host} broke off the connection ({str(error)[:200]}).")


def _said(reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return " ".join(text.split())[:300]

"""A mail as it will be sent, and the addresses in it. Nothing in a header is more than it seems."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from email.utils import format_datetime, localtime, make_msgid

from smol_chat.errors import ToolError

_LOCAL = r"[A-Za-z0-9#$&'*+/=?^_`{}~-]+(?:\.[A-Za-z0-9#$&'*+/=?^_`{}~-]+)*"
_ADDRESS = re.compile(rf"(?P<local>{_LOCAL})@(?P<domain>[^@\s<>]+)")
_DOMAIN = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_NAMED = re.compile(r"(?P<name>.*?)\s*<(?P<address>[^<>]*)>")
_SEPARATOR = re.compile(r"""[,;\n](?=(?:[^"]*"[^"]*")*[^"]*\Z)""")
_MAX_SUBJECT = 500
_MAX_BODY = 200_000
_MAX_LIST = 20_000

_POLICY = SMTP.clone(cte_type="7bit")  # servers that know only ASCII get it whole too


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address with the name it is shown under; the domain is in ASCII, so that it shows its true form."""

    address: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address


@dataclass(frozen=True, slots=True)
class Mail:
    """What a mail says and to whom."""

    sender: Recipient | None
    to: tuple[Recipient, ...]
    cc: tuple[Recipient, ...]
    subject: str
    body: str

    @property
    def recipients(self) -> tuple[Recipient, ...]:
        """Everybody who gets it, each once."""
        return tuple({recipient.address: recipient for recipient in (*self.to, *self.cc)}.values())


class AddressBook:
    """Addresses the user knows, by name."""

    def __init__(self, entries: dict[str, str]) -> None:
        """Take names and addresses.

        Raises:
            ToolError: an entry is no address.
        """
        self._by_name = {name.casefold(): Recipient(checked_address(text), name) for name, text in entries.items()}
        self._addresses = {entry.address.casefold() for entry in self._by_name.values()}

    def find(self, name: str) -> Recipient | None:
        """Return the entry of that name."""
        return self._by_name.get(name.strip().casefold())

    def knows(self, recipient: Recipient) -> bool:
        """Tell whether the address is in the book."""
        return recipient.address.casefold() in self._addresses


def read_recipients(text: str, book: AddressBook) -> tuple[Recipient, ...]:
    """Read addresses, `Name <address>` and names of the address book, divided by commas or semicolons.

    Raises:
        ToolError: `invalid_arguments` naming what is no recipient.
    """
    if len(text) > _MAX_LIST:
        raise ToolError("invalid_arguments", "These are too many recipients.")
    found = [_recipient(part.strip(), book) for part in _SEPARATOR.split(text) if part.strip()]
    return tuple({recipient.address: recipient for recipient in found}.values())


def _recipient(text: str, book: AddressBook) -> Recipient:
    _refuse_controls(text, "A recipient")
    entry = book.find(text)
    if entry is not None:
        return entry
    named = _NAMED.fullmatch(text)
    if named is None:
        return Recipient(checked_address(text))
    name = named["name"].strip().strip('"').strip()
    if "@" in name or "=?" in name:
        raise ToolError("invalid_arguments", f"{name!r} before an address looks like another address; leave it out.")
    return Recipient(checked_address(named["address"].strip()), name)


def checked_address(text: str) -> str:
    """Return a mail address with its domain in ASCII.

    Raises:
        ToolError: `invalid_arguments` where it is none.
    """
    wrong = ToolError("invalid_arguments", f"{text[:200]!r} is no mail address; write it as name@example.org.")
    found = _ADDRESS.fullmatch(text)
    if found is None or len(found["local"]) > 64:
        raise wrong
    try:
        domain = found["domain"].encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise wrong from None
    if not _DOMAIN.fullmatch(domain):
        raise wrong
    return f"{found['local']}@{domain}"


def composed(mail: Mail) -> bytes:
    """Return the bytes that are sent.

    Raises:
        ToolError: `invalid_arguments` where the mail would be anything but what it seems.
    """
    _refuse_controls(mail.subject, "The subject")
    body = mail.body.replace("\r\n", "\n")
    if any(unicodedata.category(sign) in ("Cc", "Cs") and sign not in "\n\t" for sign in body):
        raise ToolError("invalid_arguments", "The text of a mail may not hold control characters.")
    if len(mail.subject) > _MAX_SUBJECT or len(body) > _MAX_BODY:
        raise ToolError(
            "invalid_arguments", f"A mail may have {_MAX_SUBJECT} characters of subject and {_MAX_BODY:,} of text."
        )
    domain = mail.sender.address.rpartition("@")[2] if mail.sender else "localhost"
    headers: dict[str, object] = {"From": _header((mail.sender,))} if mail.sender else {"X-Unsent": "1"}
    headers["To"] = _header(mail.to)
    if mail.cc:
        headers["Cc"] = _header(mail.cc)
    headers |= {
        "Subject": mail.subject,
        "Date": format_datetime(localtime()),
        "Message-ID": make_msgid(domain=domain),
    }
    message = EmailMessage(policy=_POLICY)
    try:
        for name, value in headers.items():
            message[name] = value
        message.set_content(body, charset="utf-8")
        data = message.as_bytes()
    except (ValueError, LookupError) as error:
        raise ToolError("invalid_arguments", f"This cannot be written as a mail: {error}.") from error
    _check(data, mail, [*headers, "Content-Type", "Content-Transfer-Encoding", "MIME-Version"])
    return data


def _header(recipients: Sequence[Recipient]) -> list[Address]:
    return [Address(display_name=each.name, addr_spec=each.address) for each in recipients]


def _check(data: bytes, mail: Mail, names: list[str]) -> None:
    """Read the final bytes as another program would: they must say what was meant and nothing else.

    Some versions of Python decode an encoded word in a header when it is set and write the line breaks it hides.
    """
    read = BytesParser(policy=SMTP).parsebytes(data)
    said: dict[str, object] = {
        "names": sorted(read.keys()),
        "subject": str(read["Subject"]),
        "to": [address.addr_spec for address in read["To"].addresses],
        "cc": [address.addr_spec for address in read["Cc"].addresses] if read["Cc"] else [],
        "body": read.get_content().replace("\r\n", "\n").rstrip("\n"),
    }
    meant: dict[str, object] = {
        "names": sorted(names),
        "subject": mail.subject,
        "to": [recipient.address for recipient in mail.to],
        "cc": [recipient.address for recipient in mail.cc],
        "body": mail.body.replace("\r\n", "\n").rstrip("\n"),
    }
    if said != meant:
        wrong = ", ".join(key for key in meant if said[key] != meant[key])
        raise ToolError("blocked", f"The mail would not be what it seems ({wrong}); write it in plain text.")


def _refuse_controls(text: str, what: str) -> None:
    if any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in text):
        raise ToolError("invalid_arguments", f"{what} may not hold line breaks or control characters.")

"""Send a mail by SMTP after it has lain in the outbox for some seconds; without a server, write a draft."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from smol_chat.tools import Effect, JsonObject, Origin, Preview, ToolContext, ToolError, ToolOutput, setting, tool

if TYPE_CHECKING:
    from smol_chat.tools.mail import MailAccount
    from smol_chat.tools.mail_message import AddressBook, Mail, Recipient

_MAX_RECIPIENTS = 50
_PORTS = {"starttls": 587, "tls": 465}


@dataclass(frozen=True)
class MailSettings:
    """The mail account; the password is never written here."""

    host: str = setting("", "SMTP server; empty: mails are written as drafts.")
    port: int = setting(0, "Its port; 0: 587 for starttls, 465 for tls.", minimum=0, maximum=65535)
    security: Literal["starttls", "tls"] = setting(
        "starttls", "How the connection is encrypted; it always is.", choices=("starttls", "tls")
    )
    user: str = setting("", "Name to log in with; empty: no login.")
    sender: str = setting("", 'Address mails come from, as in "Ana <ana@example.org>"; empty: the user.')
    password_env: str = setting(
        "", "Name of the environment variable with the password; empty: the system keyring has it."
    )
    hold_seconds: float = setting(
        10.0, "Seconds a mail stays in the outbox, where Esc recalls it.", minimum=0, maximum=60
    )


def _port(settings: MailSettings) -> int:
    return settings.port or _PORTS[settings.security]


def _hosts(settings: MailSettings) -> Sequence[str]:
    return [f"{settings.host}:{_port(settings)}"] if settings.host else []


@tool(
    effect=Effect.SEND,
    hosts=_hosts,
    settings=MailSettings,
    timeout=180,
    keywords="mail email send message write reply tell inform",
)
async def send_email(
    to: Annotated[str, "Addresses or names of the address book"],
    subject: str,
    body: str,
    cc: str | None = None,
    *,
    ctx: ToolContext,
) -> ToolOutput:
    """Send an email."""
    from smol_chat.tools.mail_message import composed

    mail, _ = await _mail(to, subject, body, cc, ctx)
    data = composed(mail)
    account = _account(ctx)
    if account is None:
        path = await ctx.mail.save_draft(data)
        told = f"No SMTP server is set (tools.send_email.host): nothing was sent. The mail is the draft {path}."
        return ToolOutput(told, data=_data("draft", mail, str(path)), origin=Origin.MAIL)
    await ctx.mail.check(account)
    await _hold(ctx, data)
    ctx.progress(f"handing the mail to {account.address}")
    await ctx.mail.send(account, mail, data)
    names = ", ".join(recipient.address for recipient in mail.recipients)
    return ToolOutput(f"Sent to {names} through {account.host}.", data=_data("sent", mail), origin=Origin.MAIL)


@send_email.preview
async def _preview(to: str, subject: str, body: str, cc: str | None = None, *, ctx: ToolContext) -> Preview:
    from smol_chat.tools.mail_message import composed

    mail, book = await _mail(to, subject, body, cc, ctx)
    composed(mail)
    lines = [f"From: {mail.sender}"] if mail.sender else []
    lines += [f"To: {_marked(recipient, book)}" for recipient in mail.to]
    lines += [f"Cc: {_marked(recipient, book)}" for recipient in mail.cc]
    text = "\n".join([*lines, f"Subject: {mail.subject}", "", mail.body])
    account = _account(ctx)
    if account is None:
        return Preview(f"Write this mail as a draft into {ctx.mail.drafts}; no SMTP server is set.", text, "mail")
    await ctx.mail.check(account)
    hold = ctx.settings(MailSettings).hold_seconds
    wait = f" after {hold:g} s in the outbox" if hold else ""
    unknown = sum(not book.knows(recipient) for recipient in mail.recipients)
    stranger = f" {unknown} of {len(mail.recipients)} not in your address book." if unknown else ""
    return Preview(f"Send this mail through {account.address}{wait}.{stranger}", text, "mail")


def _marked(recipient: Recipient, book: AddressBook) -> str:
    return str(recipient) if book.knows(recipient) else f"{recipient}   ← not in your address book"


async def _mail(to: str, subject: str, body: str, cc: str | None, ctx: ToolContext) -> tuple[Mail, AddressBook]:
    """Return the mail that the arguments and the settings make."""
    from smol_chat.tools.mail_message import AddressBook, Mail, read_recipients

    book = await ctx.mail.address_book()
    own = ctx.settings(MailSettings)
    senders = read_recipients(own.sender or (own.user if "@" in own.user else ""), AddressBook({}))
    if own.host and len(senders) != 1:
        raise ToolError("unavailable", "Set tools.send_email.sender to the address that mails come from.")
    mail = Mail(
        senders[0] if senders else None, read_recipients(to, book), read_recipients(cc or "", book), subject, body
    )
    if not mail.to:
        raise ToolError("invalid_arguments", "Name at least one recipient in `to`.")
    if len(mail.recipients) > _MAX_RECIPIENTS:
        raise ToolError("limit", f"A mail may have at most {_MAX_RECIPIENTS} recipients.")
    return mail, book


def _account(ctx: ToolContext) -> MailAccount | None:
    from smol_chat.tools.mail import MailAccount

    own = ctx.settings(MailSettings)
    return MailAccount(own.host, _port(own), own.security, own.user, own.password_env) if own.host else None


async def _hold(ctx: ToolContext, data: bytes) -> None:
    """Wait in the outbox; a mail that is recalled there becomes a draft."""
    left = ctx.settings(MailSettings).hold_seconds
    try:
        while left > 0:
            ctx.progress(f"in the outbox, leaves in {math.ceil(left)} s; stopping recalls it")
            await asyncio.sleep(min(1.0, left))
            left -= 1.0
    except asyncio.CancelledError:
        path = await ctx.mail.save_draft(data)
        raise ToolError("denied", f"Recalled: nothing was sent. The mail is kept as the draft {path}.") from None


def _data(status: str, mail: Mail, draft: str = "") -> JsonObject:
    to: JsonObject = {
        "status": status,
        "to": [each.address for each in mail.to],
        "cc": [each.address for each in mail.cc],
    }
    return {**to, "draft": draft} if draft else to

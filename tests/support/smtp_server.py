"""A real SMTP server on loopback with a certificate of a test's authority; it keeps what it is given."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

PASSWORD = "correct horse battery"


@dataclass
class Received:
    """One mail as the server got it."""

    sender: str
    recipients: list[str]
    data: bytes


@dataclass
class MailServer:
    """A running server. `refuse` maps a step (`RCPT address`, `MAIL`, `DATA`) to the reply it gives there."""

    port: int = 0
    refuse: Mapping[str, str] = field(default_factory=dict)
    mails: list[Received] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0

    # Names and arguments are aiosmtpd's hooks.
    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "MAIL" in self.refuse:
            return self.refuse["MAIL"]
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if f"RCPT {address}" in self.refuse:
            return self.refuse[f"RCPT {address}"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if "DATA" in self.refuse:
            return self.refuse["DATA"]
        assert isinstance(envelope.content, bytes)
        self.mails.append(Received(str(envelope.mail_from), list(envelope.rcpt_tos), envelope.content))
        return "250 OK"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password.decode() == PASSWORD, handled=False)


@asynccontextmanager
async def serve_mail(
    security: Literal["starttls", "tls", "none"] = "starttls",
    *,
    authority: trustme.CA,
    names: tuple[str, ...] = ("localhost", "127.0.0.1"),
    login: bool = True,
    refuse: Mapping[str, str] | None = None,
) -> AsyncIterator[MailServer]:
    """Serve until the block is left."""
    keeper = MailServer(refuse=refuse or {})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)

    def protocol() -> SMTP:
        keeper.connections += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it does not see that the transport is encrypted already
            return SMTP(
                keeper,
                hostname="localhost",
                authenticator=keeper.authenticate,
                auth_required=login,
                auth_require_tls=security != "tls",
                tls_context=context if security == "starttls" else None,
                require_starttls=security == "starttls",
                loop=asyncio.get_running_loop(),
            )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=context if security == "tls" else None)
    keeper.port = server.sockets[0].getsockname()[1]
    try:
        yield keeper
    finally:
        server.close()
        await server.wait_closed()

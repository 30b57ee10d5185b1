"""Mail through a real SMTP server with TLS on loopback, the outbox, drafts, and what no header may hide."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme

from smol_chat.messages import Origin, ToolResult
from smol_chat.tools import Effect, Preview, ToolWorkbench, preview_call, run_tool
from support.smtp_server import PASSWORD, MailServer, Received, serve_mail
from support.tool_context import call, failure, the_tool, workbench
from tool_impls.send_email import MailSettings

MAIL = {"to": "ana@example.org", "subject": "Hello", "body": "How are you?\n"}
AT_ONCE = MailSettings(host="localhost", user="me@example.org", password_env="SMTP_PASSWORD_FOR_TEST", hold_seconds=0)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[trustme.CA]:
    """An authority that this process trusts, and the account's password in the environment."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SMTP_PASSWORD_FOR_TEST", PASSWORD)
    yield made


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def data_folder(work: Path) -> Path:
    return work.with_name("work-data")


def drafts(work: Path) -> list[Path]:
    return sorted((data_folder(work) / "drafts").glob("*"))


def book(work: Path, text: str) -> None:
    data_folder(work).mkdir()
    (data_folder(work) / "address-book.toml").write_text(text)


def read(mail: Received | bytes) -> EmailMessage:
    data = mail.data if isinstance(mail, Received) else mail
    return email.message_from_bytes(data, policy=email.policy.default)


def text(message: EmailMessage) -> str:
    return str(message.get_content()).replace("\r\n", "\n")


async def send(work: Path, settings: MailSettings, **arguments: Any) -> ToolResult:  # noqa: ANN401  # a model's JSON
    async with workbench(work, settings={MailSettings: settings}) as bench:
        return await call(bench, "send_email", **{**MAIL, **arguments})


def holding(work: Path, settings: MailSettings) -> AbstractAsyncContextManager[ToolWorkbench]:
    return workbench(work, settings={MailSettings: settings})


async def shown(work: Path, settings: MailSettings, **arguments: Any) -> Preview:  # noqa: ANN401  # a model's JSON
    async with workbench(work, settings={MailSettings: settings}) as bench:
        return await preview_call(the_tool("send_email"), {**MAIL, **arguments}, bench)


def at(server: MailServer, **changes: Any) -> MailSettings:  # noqa: ANN401  # fields of the settings
    return replace(AT_ONCE, port=server.port, **changes)


async def said_when_stopped(bench: ToolWorkbench, progress: Callable[[str], None]) -> tuple[object, ...]:
    """Run a call that is to be cancelled; return what the tool says of it, as the turn loop reads it."""
    try:
        await run_tool(the_tool("send_email"), dict(MAIL), bench, progress=progress)
    except asyncio.CancelledError as stopped:
        return stopped.args
    raise AssertionError("it was not cancelled")


# --- sending --------------------------------------------------------------------------------------


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_arrives_over_tls_after_a_login(work: Path, authority: trustme.CA, security: Any) -> None:  # noqa: ANN401  # a literal
    async with serve_mail(security, authority=authority) as server:
        result = await send(work, at(server, security=security), cc="Bo Li <bo@example.com>; cy@example.net")
    assert result.ok, result.content
    assert result.content == "Sent to ana@example.org, bo@example.com, cy@example.net through localhost."
    assert result.origin is Origin.MAIL
    assert server.logins == [("me@example.org", PASSWORD)]
    (mail,) = server.mails
    assert (mail.sender, mail.recipients) == (
        "me@example.org",
        ["ana@example.org", "bo@example.com", "cy@example.net"],
    )
    message = read(mail)
    assert [str(message[name]) for name in ("From", "To", "Cc", "Subject")] == [
        "me@example.org",
        "ana@example.org",
        "Bo Li <bo@example.com>, cy@example.net",
        "Hello",
    ]
    assert text(message) == "How are you?\n"
    assert sorted(message.keys()) == sorted(
        [
            "From",
            "To",
            "Cc",
            "Subject",
            "Date",
            "Message-ID",
            "Content-Type",
            "Content-Transfer-Encoding",
            "MIME-Version",
        ]
    )


async def test_text_in_any_language_and_lines_that_are_only_a_dot_arrive_whole(
    work: Path, authority: trustme.CA
) -> None:
    body = "Grüße 日本\n.\n..\nQUIT\nFrom here\n" + "long " * 500 + "\n"
    async with serve_mail(authority=authority) as server:
        assert (await send(work, at(server), subject="Ünïcode — 日本 " * 8, body=body)).ok
    message = read(server.mails[0])
    assert text(message) == body
    assert str(message["Subject"]) == "Ünïcode — 日本 " * 8
    assert server.mails[0].data.isascii()


async def test_the_password_is_in_no_result_and_no_preview(work: Path, authority: trustme.CA) -> None:
    async with serve_mail(authority=authority) as server:
        preview = await shown(work, at(server))
        result = await send(work, at(server))
    assert PASSWORD not in repr(result) + repr(preview)


async def test_a_keyring_gives_the_password(work: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.backend import KeyringBackend

    class Memory(KeyringBackend):
        priority = 1.0

        def get_password(self, service: str, username: str) -> str | None:
            return PASSWORD if (service, username) == ("smol-chat", "me@example.org") else None

        def set_password(self, service: str, username: str, password: str) -> None:
            raise AssertionError("nothing is stored")

        def delete_password(self, service: str, username: str) -> None:
            raise AssertionError("nothing is deleted")

    before = keyring.get_keyring()
    keyring.set_keyring(Memory())  # type: ignore[no-untyped-call]  # keyring's own initialiser
    try:
        async with serve_mail(authority=authority) as server:
            assert (await send(work, at(server, password_env=""))).ok
            kind, message = failure(await send(work, at(server, password_env="", user="other@example.org")))
    finally:
        keyring.set_keyring(before)
    assert (kind, "keyring set smol-chat other@example.org" in message) == ("unavailable", True)


# --- the outbox -----------------------------------------------------------------------------------


async def test_a_mail_waits_in_the_outbox_and_counts_down(work: Path, authority: trustme.CA) -> None:
    said: list[str] = []
    async with serve_mail(authority=authority) as server:
        settings = {MailSettings: at(server, hold_seconds=1.2)}
        async with workbench(work, settings=settings) as bench:
            result = await run_tool(the_tool("send_email"), dict(MAIL), bench, progress=said.append)
    assert result.ok
    assert said == [
        "in the outbox, leaves in 2 s; stopping recalls it",
        "in the outbox, leaves in 1 s; stopping recalls it",
        f"handing the mail to localhost:{server.port}",
    ]


async def test_stopping_the_call_recalls_the_mail_and_keeps_it_as_a_draft(work: Path, authority: trustme.CA) -> None:
    waiting = asyncio.Event()
    async with serve_mail(authority=authority) as server, holding(work, at(server, hold_seconds=60)) as bench:
        running = asyncio.ensure_future(said_when_stopped(bench, lambda _: waiting.set()))
        await waiting.wait()
        running.cancel()
        said = await running
    (draft,) = drafts(work)
    assert said == (f"Recalled: nothing was sent. The mail is kept as the draft {draft}.",)
    assert read(draft.read_bytes())["To"] == "ana@example.org"
    assert (server.connections, server.mails) == (0, [])


async def test_stopping_while_the_server_is_silent_sends_nothing(work: Path) -> None:
    connected, over = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await over.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    settings = MailSettings(
        host="127.0.0.1", port=server.sockets[0].getsockname()[1], sender="me@example.org", hold_seconds=0
    )
    async with workbench(work, settings={MailSettings: settings}) as bench:
        running = asyncio.ensure_future(said_when_stopped(bench, lambda _: None))
        await connected.wait()
        running.cancel()
        said = await running
    over.set()
    server.close()
    await server.wait_closed()
    assert said == ("Stopped: nothing was sent.",)


# --- without a server -----------------------------------------------------------------------------


async def test_without_a_server_the_mail_becomes_a_draft_and_says_so(work: Path) -> None:
    preview = await shown(work, MailSettings())
    assert preview.summary == f"Write this mail as a draft into {data_folder(work) / 'drafts'}; no SMTP server is set."
    assert preview.hosts == ()
    assert not data_folder(work).exists()
    result = await send(work, MailSettings())
    (draft,) = drafts(work)
    assert result.content == (
        f"No SMTP server is set (tools.send_email.host): nothing was sent. The mail is the draft {draft}."
    )
    message = read(draft.read_bytes())
    assert (message["To"], message["From"], message["X-Unsent"]) == ("ana@example.org", None, "1")
    assert (draft.stat().st_mode & 0o777, draft.parent.stat().st_mode & 0o777) == (0o600, 0o700)


# --- the card -------------------------------------------------------------------------------------


async def test_the_card_shows_the_whole_mail_and_marks_who_is_unknown(work: Path, authority: trustme.CA) -> None:
    book(work, '"Ana Berg" = "ana@example.org"\n')
    settings = MailSettings(host="mail.example.org", sender="Me <me@example.org>")
    preview = await shown(work, settings, to="Ana Berg", cc="ana@exämple.org", body="a\n\nb")
    assert preview.hosts == ("mail.example.org:587",)
    assert preview.summary == (
        "Send this mail through mail.example.org:587 after 10 s in the outbox. 1 of 2 not in your address book."
    )
    assert preview.body.splitlines() == [
        "From: Me <me@example.org>",
        "To: Ana Berg <ana@example.org>",
        "Cc: ana@xn--exmple-cua.org   ← not in your address book",
        "Subject: Hello",
        "",
        "a",
        "",
        "b",
    ]


def test_it_sends() -> None:
    assert the_tool("send_email").effect is Effect.SEND
    assert the_tool("send_email").effect_of(dict(MAIL), MailSettings()) is Effect.SEND


async def test_names_of_the_address_book_are_addresses(work: Path) -> None:
    book(work, '"Ana Berg" = "ana@example.org"\nbo = "bo@example.com"\n')
    result = await send(work, MailSettings(), to="ana berg, BO, ana@example.org")
    assert isinstance(result.data, dict)
    assert result.data["to"] == ["ana@example.org", "bo@example.com"]


@pytest.mark.parametrize(
    ("content", "part"),
    [("not toml", "cannot be read"), ("a = 1", "write 'a' as \"Name\""), ('a = "b"', "'b' is no mail address")],
)
async def test_an_address_book_that_cannot_be_used_is_one_sentence(work: Path, content: str, part: str) -> None:
    book(work, content)
    kind, message = failure(await send(work, MailSettings()))
    assert (kind, part in message, "address-book.toml" in message) == ("failed", True, True)
    assert drafts(work) == []


# --- failures -------------------------------------------------------------------------------------


async def test_a_certificate_that_is_not_trusted_stops_everything(work: Path, authority: trustme.CA) -> None:
    async with serve_mail(authority=trustme.CA()) as server:
        kind, message = failure(await send(work, at(server)))
        assert (kind, "no certificate to be trusted" in message) == ("blocked", True)
    async with serve_mail(authority=authority, names=("other.test",)) as wrong:
        assert failure(await send(work, at(wrong)))[0] == "blocked"
    assert server.logins + wrong.logins == []


async def test_a_server_without_encryption_learns_nothing(work: Path, authority: trustme.CA) -> None:
    async with serve_mail("none", authority=authority) as server:
        kind, message = failure(await send(work, at(server)))
        assert (kind, "offers no encryption" in message) == ("blocked", True)
        assert failure(await send(work, at(server, security="tls")))[0] == "unavailable"
    assert (server.logins, server.mails) == ([], [])


async def test_a_refused_login(work: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_PASSWORD_FOR_TEST", "wrong password")
    async with serve_mail(authority=authority) as server:
        kind, message = failure(await send(work, at(server)))
    assert (kind, message) == ("failed", "localhost refused the login; check user and password. Nothing was sent.")
    assert "wrong password" not in message


async def test_one_refused_recipient_stops_the_mail_for_all(work: Path, authority: trustme.CA) -> None:
    async with serve_mail(authority=authority, refuse={"RCPT bo@example.com": "550 no such\tuser"}) as server:
        kind, message = failure(await send(work, at(server), cc="bo@example.com"))
    assert (kind, message) == (
        "failed",
        "localhost refused bo@example.com: no such user. Nothing was sent to anybody.",
    )
    assert server.mails == []


@pytest.mark.parametrize("step", ["MAIL", "DATA"])
async def test_a_refusal_of_the_sender_or_the_text(work: Path, authority: trustme.CA, step: str) -> None:
    async with serve_mail(authority=authority, refuse={step: "554 spam"}) as server:
        kind, message = failure(await send(work, at(server)))
    assert (kind, message) == ("failed", "localhost refused the mail (554 spam).")


async def test_a_server_that_is_not_there(work: Path) -> None:
    listener = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()
    settings = MailSettings(host="127.0.0.1", port=port, sender="me@example.org", hold_seconds=0)
    kind, message = failure(await send(work, settings))
    assert (kind, "Could not reach 127.0.0.1" in message) == ("unavailable", True)


async def test_a_missing_password_is_said_before_the_mail_waits(
    work: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMTP_PASSWORD_FOR_TEST")
    async with serve_mail(authority=authority) as server:
        preview = await shown(work, at(server, hold_seconds=60))
        kind, message = failure(await send(work, at(server, hold_seconds=60)))
    assert "SMTP_PASSWORD_FOR_TEST" in preview.summary
    assert (kind, "SMTP_PASSWORD_FOR_TEST" in message) == ("unavailable", True)
    assert server.connections == 0


async def test_without_a_sender_nothing_can_be_sent(work: Path) -> None:
    kind, message = failure(await send(work, MailSettings(host="mail.example.org", user="me")))
    assert (kind, "tools.send_email.sender" in message) == ("unavailable", True)


async def test_offline_nothing_is_looked_up_or_sent(work: Path, authority: trustme.CA) -> None:
    async with serve_mail(authority=authority) as server, holding(work, at(server)) as bench:
        bench.egress.offline = True
        assert failure(await call(bench, "send_email", **MAIL))[0] == "blocked"
    assert server.connections == 0


# --- attacks --------------------------------------------------------------------------------------

ATTACKS: list[dict[str, str]] = [
    {"subject": "Hi\r\nBcc: evil@example.com"},
    {"subject": "Hi\nBcc: evil@example.com"},
    {"subject": "Hi\rBcc: evil@example.com"},
    {"subject": "Hi\x0bBcc: evil@example.com"},
    {"subject": "Hi\x0cBcc: evil@example.com"},
    {"subject": "Hi\x1cBcc: evil@example.com"},
    {"subject": "Hi\x85Bcc: evil@example.com"},
    {"subject": "Hi\u2028Bcc: evil@example.com"},
    {"subject": "Hi\u2029Bcc: evil@example.com"},
    {"subject": "Hi\x00Bcc: evil@example.com"},
    {"subject": "Hi\ud800"},
    {"subject": "=?utf-8?q?hi=0D=0ABcc=3A_evil=40example.com?="},
    {"subject": "=?utf-8?q?hi=0ABcc=3A_evil=40example.com?="},
    {"subject": "=?utf-8?q?hi=0DBcc=3A_evil=40example.com?="},
    {"subject": "=?utf-8?b?aGkNCkJjYzogZXZpbEBleGFtcGxlLmNvbQ==?="},
    {"subject": "=?us-ascii?q?hi=0D=0A=0D=0ANew_body?="},
    {"subject": "=?utf-7?q?hi+AA0ACg-Bcc: evil@example.com?="},
    {"subject": "=?utf-8?q?harmless?="},
    {"subject": "x" * 501},
    {"to": "ana@example.org\r\nBcc: evil@example.com"},
    {"to": "ana@example.org\x00"},
    {"to": "ana@example.org>\r\nRCPT TO:<evil@example.com"},
    {"to": "ana@example.org> <evil@example.com"},
    {"to": '"boss@example.org" <evil@example.com>'},
    {"to": "boss@example.org <evil@example.com>"},
    {"to": "=?utf-8?q?a=0D=0ABcc:_evil=40example.com?= <ana@example.org>"},
    {"to": "Ana =?utf-8?q?=0D=0ABcc:?= <ana@example.org>"},
    {"to": "ana%evil.com@example.org"},
    {"to": "evil.com!ana@example.org"},
    {"to": "@evil.com:ana@example.org"},
    {"to": "ana@[127.0.0.1]"},
    {"to": "ana@localhost"},
    {"to": "ana@-example.org"},
    {"to": "ana@exam_ple.org"},
    {"to": "ana@@example.org"},
    {"to": "ana@example.org."},
    {"to": ".ana@example.org"},
    {"to": "a..b@example.org"},
    {"to": "ana"},
    {"to": ""},
    {"to": " , ;"},
    {"to": '"evil\r\n"@example.org'},
    {"to": "ana@example.org SIZE=1 BODY=8BITMIME"},
    {"to": "ana@" + "a" * 64 + ".org"},
    {"to": "a" * 65 + "@example.org"},
    {"to": ",".join(f"a{number}@example.org" for number in range(51))},
    {"to": "x" * 20_001},
    {"cc": "bo@example.com\nX-Evil: 1"},
    {"cc": "not an address"},
    {"body": "text\x00"},
    {"body": "text\x1b[2J"},
    {"body": "text\r.\r\nMAIL FROM:<evil@example.com>\r\n"},
    {"body": "\ud800"},
    {"body": "x" * 200_001},
]


@pytest.mark.parametrize("number", range(len(ATTACKS)))
async def test_nothing_hides_in_a_header_or_an_address(number: int, work: Path, authority: trustme.CA) -> None:
    async with serve_mail(authority=authority, login=False) as server:
        settings = at(server, user="", sender="me@example.org")
        preview = await shown(work, settings, **ATTACKS[number])
        result = await send(work, settings, **ATTACKS[number])
    kind, message = failure(result)
    assert kind in ("invalid_arguments", "blocked", "limit")
    assert message.count("\n") == 0
    assert preview.summary == f"This call would fail: {message}"
    assert (server.connections, server.mails, drafts(work)) == (0, [], [])


@pytest.mark.parametrize(
    "name",
    ["Ana, Bo", "O'Neil", "Ana (work)", "日本 太郎", "Back\\slash", "semi;colon", "a:b", 'quo"te', "x" * 200],
)
async def test_odd_names_of_recipients_stay_names(work: Path, authority: trustme.CA, name: str) -> None:
    book(work, f'{json.dumps(name, ensure_ascii=False)} = "ana@example.org"\n')
    async with serve_mail(authority=authority, login=False) as server:
        settings = at(server, user="", sender="me@example.org")
        arguments = {"to": name} if not set(name) & set(',;"') else {"to": "ana@example.org"}
        assert (await send(work, settings, **arguments)).ok
    (mail,) = server.mails
    assert mail.recipients == ["ana@example.org"]
    addresses = read(mail)["To"].addresses
    assert [address.addr_spec for address in addresses] == ["ana@example.org"]

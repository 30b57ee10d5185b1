"""What a call does to the world, by a symbol and in words, and whether anything leaves this machine."""

from __future__ import annotations

from textual.content import Content

from smol_chat.agent.consent import ApprovalRequest
from smol_chat.tools.spec import Effect
from smol_chat.ui.consent.contents import host_name, lists_hosts
from smol_chat.ui.consent.lines import exact

EFFECTS: dict[Effect, str] = {
    Effect.PURE: "○ only computes",
    Effect.READ: "○ reads",
    Effect.NETWORK: "→ uses the network",
    Effect.WRITE: "± changes files",
    Effect.EXECUTE: "! runs a program",
    Effect.SEND: "» sends something out",
}


def reach(request: ApprovalRequest) -> Content:
    """Say whether anything leaves this machine, to where, and what the call would run in."""
    head = _destination(request)
    if isolation := exact(request.preview.isolation):
        head = Content(" · ").join([head, Content(isolation)])
    return head


def _destination(request: ApprovalRequest) -> Content:
    """Name the hosts; what does not fit here is listed further down."""
    hosts = request.preview.hosts
    if not hosts:
        return Content.styled("stays on this machine", "$text-success")
    where = f"{len(hosts)} hosts, listed below" if lists_hosts(request) else ", ".join(map(host_name, hosts))
    return Content.assemble(("leaves this machine → ", "$text-warning"), (where, "$foreground"))

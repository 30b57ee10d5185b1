"""Which addresses a tool may connect to: public ones, and those the user's settings name."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union

from smol_chat.errors import ConfigError

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

# `is_global` alone is not enough: depending on the version of Python it calls some of these global.
_DENIED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata service answers at 192.0.0.192
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # unspecified, loopback and the IPv4-compatible addresses
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Tell whether an address is somebody else's machine on the public internet, whatever it is wrapped in."""
    carried = _carried(address)
    if carried:
        return all(is_public(inner) for inner in carried)
    return address.is_global and not any(address in block for block in _DENIED if block.version == address.version)


def _carried(address: Address) -> list[Address]:
    """Return the IPv4 addresses that an IPv6 address stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return list(address.teredo)
    if address in _NAT64:
        return [ipaddress.IPv4Address(address.packed[-4:])]
    return []


@dataclass(frozen=True, slots=True)
class _Rule:
    """One entry of the allow list: a host name or a range, perhaps with a port."""

    host: str | None
    network: Network | None
    port: int | None

    def allows(self, host: str, port: int, address: Address) -> bool:
        if self.port not in (None, port):
            return False
        if self.network is None:
            return self.host == host
        plain = (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address
        return plain.version == self.network.version and plain in self.network


class AllowList:
    """Private hosts, addresses and ranges the user lets tools reach."""

    def __init__(self, entries: Sequence[str]) -> None:
        self._rules = tuple(_rule(entry) for entry in entries)

    def allows(self, host: str, port: int, address: Address) -> bool:
        """Tell whether `address`, which `host` resolved to, may be connected to."""
        return is_public(address) or any(rule.allows(host.lower(), port, address) for rule in self._rules)


def _rule(entry: str) -> _Rule:
    """Read `host`, `host:port`, an address, `[address]:port` or a range."""
    text = entry.strip().lower()
    try:
        return _Rule(None, ipaddress.ip_network(text.strip("[]"), strict=False), None)
    except ValueError:
        pass
    host, colon, digits = text.rpartition(":")
    if not colon:
        host, digits = text, ""
    if (colon and not (digits.isdecimal() and digits.isascii())) or not host or set(host) & set("/ @"):
        raise ConfigError(
            f"network.allow: {entry!r} is no host, address or range; write it as "
            '"127.0.0.1", "server.lan:8080" or "10.0.0.0/8".'
        )
    port = int(digits) if digits else None
    try:
        return _Rule(None, ipaddress.ip_network(host.strip("[]"), strict=False), port)
    except ValueError:
        return _Rule(host, None, port)

from __future__ import annotations

import ipaddress

import pytest

from smol_chat.errors import ConfigError
from smol_chat.tools.addresses import AllowList, is_public

PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"]

PRIVATE = [
    # the machine itself and its networks
    *("0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("100.64.0.1", "169.254.169.254", "192.0.0.192", "192.0.0.9", "192.0.2.1", "192.88.99.1", "198.18.0.1"),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "3fff::1", "5f00::1"),
    *("100::1", "64:ff9b:1::1", "2001:2::1", "2001:10::1"),
    # private ones in disguise
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::10.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:c0a8:101::1", "2002:a9fe:a9fe::1"),
    "2001:0:7f00:1:0:0:80ff:fffe",
]


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_may_be_reached(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))
    assert is_public(ipaddress.ip_address("64:ff9b::808:808")), "a public address behind NAT64 stays reachable"


@pytest.mark.parametrize("text", PRIVATE)
def test_no_other_address_may_be_reached(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    ("entry", "host", "port", "address", "allowed"),
    [
        ("127.0.0.1", "127.0.0.1", 80, "127.0.0.1", True),
        ("127.0.0.1", "evil.test", 80, "127.0.0.1", True),
        ("127.0.0.1", "evil.test", 80, "127.0.0.2", False),
        ("127.0.0.1:8080", "x", 8080, "127.0.0.1", True),
        ("127.0.0.1:8080", "x", 8081, "127.0.0.1", False),
        ("10.0.0.0/8", "x", 443, "10.9.8.7", True),
        ("10.0.0.0/8", "x", 443, "192.168.0.1", False),
        ("::1", "x", 80, "::1", True),
        ("[::1]:8080", "x", 8080, "::1", True),
        ("[::1]:8080", "x", 80, "::1", False),
        ("127.0.0.0/8", "x", 80, "::ffff:127.0.0.1", True),
        ("Server.LAN", "server.lan", 80, "10.0.0.1", True),
        ("server.lan:8080", "server.lan", 80, "10.0.0.1", False),
        ("server.lan", "other.lan", 80, "10.0.0.1", False),
        ("server.lan", "x.server.lan", 80, "10.0.0.1", False),
    ],
)
def test_the_allow_list_adds_what_it_names_and_no_more(
    entry: str, host: str, port: int, address: str, allowed: bool
) -> None:
    assert AllowList([entry]).allows(host, port, ipaddress.ip_address(address)) is allowed


def test_nothing_private_is_allowed_by_default() -> None:
    assert not any(AllowList([]).allows("x", 80, ipaddress.ip_address(text)) for text in PRIVATE)


@pytest.mark.parametrize("entry", ["", "http://x", "a b", "host:port", "10.0.0.0/99", "user@host", ":80", "host:8²"])
def test_a_wrong_entry_is_said_with_its_form(entry: str) -> None:
    with pytest.raises(ConfigError, match=r"network\.allow: .* is no host, address or range"):
        AllowList([entry])

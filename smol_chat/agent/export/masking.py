"""Take out of a text what should not be learnt: keys, addresses, numbers, the name of somebody's home folder.

Patterns find what looks like one; a secret that looks like prose is not found. Whoever publishes the result reads it.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from smol_chat.messages import JsonObject, JsonValue

_PRIVATE_KEY = r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]{0,20000}?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
_KNOWN_KEY = (
    r"\b(?:sk-[\w-]{16,}|[sr]k_live_\w{16,}|gh[opsur]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{10,}"
    r"|AKIA[0-9A-Z]{16}|ASIA[0-9A-Z]{16}|AIza[\w-]{30,}|ya29\.[\w-]{20,}|hf_\w{20,}|npm_\w{30,}|pypi-[\w-]{30,}"
    r"|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*)"
)
_LONG_KEY = r"\b(?=[A-Za-z+_-]{0,31}[0-9])(?=[0-9+_-]{0,31}[A-Za-z])[A-Za-z0-9+_-]{32,}={0,2}"
_NAMED = re.compile(
    r"(?i)((?:api[_-]?key|access[_-]?key|secret|token|password|passwd|pwd|passphrase|authorization|bearer)"
    r"[\"']?\s*[:=]\s*(?:bearer\s+|basic\s+)?[\"']?|\b(?:bearer|basic)\s+)(?!\[masked\])([^\s\"',;&<>]{4,})"
)
_URL_LOGIN = re.compile(r"(?<=://)[^\s/:@]+:[^\s/@]+(?=@)")
_MAIL = r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}\b"
_PHONE = (
    r"(?<![\w.+-])(?:\+\d{1,3}[ .()/-]{0,2}(?:\d[ .()/-]{0,2}){6,12}\d|\(\d{2,5}\)[ -]?\d{3,4}[ -]?\d{3,5}"
    r"|\d{3}[-. ]\d{3}[-. ]\d{4}|0\d{2,5}[ /-]\d{3,4}(?:[ -]?\d{2,4}){1,2})(?![\w-])"
)
_HOME = re.compile(r"(/home/|/Users/|[A-Za-z]:\\{1,2}Users\\{1,2})(?!user\b)[^/\\\s\"'<>:|]+")
_ADDRESS = r"(?<![\w.])(?!127\.|0\.0\.0\.0)(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.])"

_SIMPLE = {
    "key": (re.compile(f"{_PRIVATE_KEY}|{_KNOWN_KEY}|{_LONG_KEY}"), "[masked]"),
    "phone number": (re.compile(_PHONE), "+1-555-0100"),
    "network address": (re.compile(_ADDRESS), "192.0.2.1"),
}
_MAILS = re.compile(_MAIL)
_SENSITIVE_NAME = re.compile(r"(?i)^(api[_-]?key|secret|token|password|passwd|authorization|cookie)$")


class Masking:
    """Mask texts of one example alike: the same mail address becomes the same stand-in everywhere in it."""

    def __init__(self, counts: Counter[str], home: Path | None = None) -> None:
        """Count what is masked, by its kind; `home` is the folder that is called `/home/user` in the result."""
        self._counts = counts
        self._home = str(home or Path.home())
        self._people: dict[str, str] = {}

    def value(self, value: JsonValue, name: str = "") -> JsonValue:
        """Return a JSON value of the same shape with its texts masked."""
        if isinstance(value, str):
            if value and _SENSITIVE_NAME.match(name):
                self._counts["key"] += 1
                return "[masked]"
            return self.text(value)
        if isinstance(value, list):
            return [self.value(one) for one in value]
        if isinstance(value, dict):
            return {key: self.value(one, key) for key, one in value.items()}
        return value

    def arguments(self, arguments: JsonObject) -> JsonObject:
        """Return a call's arguments masked."""
        return {key: self.value(one, key) for key, one in arguments.items()}

    def text(self, text: str) -> str:
        """Return a text masked."""
        if len(self._home) > 1 and self._home in text:
            self._counts["home folder"] += text.count(self._home)
            text = text.replace(self._home, "/home/user")
        text = self._replace(_URL_LOGIN, "user:[masked]", "key", text)
        text = self._replace(_NAMED, r"\1[masked]", "key", text)
        for kind, (pattern, stand_in) in _SIMPLE.items():
            text = self._replace(pattern, stand_in, kind, text)
        text = self._replace(_HOME, r"\1user", "home folder", text)
        return _MAILS.sub(self._person, text)

    def _replace(self, pattern: re.Pattern[str], stand_in: str, kind: str, text: str) -> str:
        text, count = pattern.subn(stand_in, text)
        self._counts[kind] += count
        return text

    def _person(self, match: re.Match[str]) -> str:
        self._counts["mail address"] += 1
        return self._people.setdefault(match[0].lower(), f"person{len(self._people) + 1}@example.com")

"""A hub shaped like huggingface.co: which GGUF files a repository has, and what is known of each."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, urlsplit

from smol_chat.errors import HubError, UsageError
from smol_chat.models.catalogue import known_model

if TYPE_CHECKING:  # loaded when a model is pulled
    import httpx

ENDPOINT = "https://huggingface.co"
PAGES = 50
"""Pages of a listing that are read."""

PREFERRED = ("Q4_K_M", "Q4_K_S", "Q4_0", "Q5_K_M", "Q6_K", "Q8_0", "BF16", "F16")
"""Quantisations in the order in which one is taken when none is named: quality for its size first."""

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_FILE = re.compile(r"[A-Za-z0-9][\w.+-]{0,200}\.gguf", re.IGNORECASE | re.ASCII)
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user named: a repository, and the file or quantisation in it (empty: the best one)."""

    repository: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository at one commit. `sha256` is empty where the hub does not tell it."""

    repository: str
    commit: str
    path: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """Return the name it gets here."""
        return PurePosixPath(self.path).name


def wanted(text: str) -> Wanted:
    """Read `NAME`, `NAME:QUANTISATION`, `org/repo` or `org/repo:file`.

    Raises:
        UsageError: it is none of them.
    """
    name, _, file = text.removeprefix("https://huggingface.co/").removeprefix("hf.co/").partition(":")
    known = known_model(name)
    if known is not None:
        return Wanted(known.name, file)
    if "/" not in name:
        raise UsageError(f"There is no known model {name!r}: see `smol-chat models pull`, or name org/repo.")
    if not _REPOSITORY.fullmatch(name):
        raise UsageError(f"{name!r} is not the name of a repository: write org/repo or org/repo:file.")
    return Wanted(name, file)


class Hub:
    """Ask a hub over HTTPS; a token of the environment (HF_TOKEN) goes to the hub itself only."""

    def __init__(self, client: httpx.Client, endpoint: str, token: str = "") -> None:
        self.endpoint = checked_endpoint(endpoint)
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def files(self, repository: str) -> list[HubFile]:
        """Return the GGUF files of a repository, as they are now.

        Raises:
            HubError: there is no such repository, it may not be read, or the hub does not answer.
        """
        about = self._json(f"{self.endpoint}/api/models/{repository}", repository)
        commit = about.get("sha") if isinstance(about, dict) else None
        if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
            raise HubError(f"{self.endpoint} did not answer as a model hub does. Check HF_ENDPOINT.")
        found: list[HubFile] = []
        url: str | None = f"{self.endpoint}/api/models/{repository}/tree/{commit}?recursive=true"
        for _ in range(PAGES):
            if url is None:
                break
            answer = self._get(url, repository)
            entries = _parsed(answer)
            found += [file for entry in entries for file in _file(entry, repository, commit)]
            link = answer.links.get("next", {}).get("url")
            url = str(answer.url.join(link)) if link and _same_host(str(answer.url.join(link)), self.endpoint) else None
        return found

    def request(self, file: HubFile, start: int) -> httpx.Request:
        """Return the request for a file's bytes from `start` on."""
        url = f"{self.endpoint}/{file.repository}/resolve/{file.commit}/{quote(file.path)}"
        headers = {**self._headers, "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        return self._client.build_request("GET", url, headers=headers)

    def refusal(self, status: int, repository: str) -> HubError:
        """Return the sentence for an answer that is none."""
        if status in (401, 403):
            return HubError(
                f"{self.endpoint}/{repository} may not be read (HTTP {status}): it does not exist, or you must accept "
                "its licence there, make an access token and set HF_TOKEN to it."
            )
        if status == 404:
            return HubError(f"There is no {repository} at {self.endpoint}; check the name.")
        if status == 429:
            return HubError(f"{self.endpoint} wants fewer requests (HTTP 429); try again in some minutes.")
        return HubError(f"{self.endpoint} failed (HTTP {status}); try again later.")

    def _json(self, url: str, repository: str) -> object:
        return _parsed(self._get(url, repository))

    def _get(self, url: str, repository: str) -> httpx.Response:
        import httpx  # late: start-up time

        try:
            answer = self._client.get(url, headers=self._headers)
        except httpx.HTTPError as error:
            raise unreachable(self.endpoint, str(error) or type(error).__name__) from error
        if answer.status_code != 200:
            raise self.refusal(answer.status_code, repository)
        return answer


def choose(files: list[HubFile], file: str, repository: str) -> list[HubFile]:
    """Return the file that is meant, or all parts of a split one.

    Raises:
        HubError: there is none; the sentence names those there are.
    """
    models = [each for each in files if not each.name.lower().startswith("mmproj")]
    if not models:
        raise HubError(f"{repository} has no GGUF files; look for a repository of that model whose name ends in -GGUF.")
    firsts = [each for each in models if _part_number(each) in (None, 1)]
    found = _named(firsts, file) if file else _best(firsts)
    if found is None:
        names = ", ".join(sorted(each.name for each in firsts)[:12])
        raise HubError(f"{repository} has no file {file!r}; there are {names}.")
    if _part_number(found) is None:
        return [found]
    stem = _PART.sub("", found.path)
    return sorted((each for each in models if _PART.sub("", each.path) == stem), key=lambda each: each.path)


def checked_endpoint(endpoint: str) -> str:
    """Return the hub's address without its last slash.

    Raises:
        UsageError: it is no address, or not encrypted although it is on another machine.
    """
    parts = urlsplit(endpoint.rstrip("/"))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"HF_ENDPOINT is {endpoint!r}, which is no address; write https://host.")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise UsageError(f"HF_ENDPOINT is {endpoint!r}: a hub on another machine must be reached over https.")
    return endpoint.rstrip("/")


def environment_endpoint() -> str:
    """Return the hub the environment names, or huggingface.co."""
    return os.environ.get("HF_ENDPOINT") or ENDPOINT


def unreachable(endpoint: str, reason: str) -> HubError:
    """Return the sentence for a hub that does not answer."""
    return HubError(f"{endpoint} cannot be reached ({reason}); check the network and try again.")


def _parsed(answer: httpx.Response) -> list[Any]:
    try:
        return cast("list[Any]", answer.json())
    except ValueError as error:
        raise HubError(f"{answer.url.host} did not answer as a model hub does. Check HF_ENDPOINT.") from error


def _file(entry: object, repository: str, commit: str) -> list[HubFile]:
    """Read one entry of a listing; what is no GGUF file, or has a name that cannot be one here, is left out."""
    if not isinstance(entry, dict) or entry.get("type") != "file":
        return []
    path, size, lfs = entry.get("path"), entry.get("size"), entry.get("lfs")
    if not isinstance(path, str) or not isinstance(size, int) or size <= 0:
        return []
    if not _FILE.fullmatch(PurePosixPath(path).name) or ".." in PurePosixPath(path).parts:
        return []
    oid = lfs.get("oid") if isinstance(lfs, dict) else None
    sha256 = oid.removeprefix("sha256:") if isinstance(oid, str) else ""
    return [HubFile(repository, commit, path, size, sha256 if _SHA256.fullmatch(sha256) else "")]


def _named(files: list[HubFile], file: str) -> HubFile | None:
    exact = [each for each in files if file.lower() in (each.name.lower(), each.path.lower())]
    if exact:
        return exact[0]
    pattern = re.compile(rf"(^|[-._]){re.escape(file.lower().removesuffix('.gguf'))}([-._]|$)")
    near = [each for each in files if pattern.search(_stem(each))]
    return min(near, key=lambda each: len(each.name), default=None)


def _best(files: list[HubFile]) -> HubFile:
    for quantisation in PREFERRED:
        found = _named(files, quantisation)
        if found is not None:
            return found
    return min(files, key=lambda each: each.size)


def _stem(file: HubFile) -> str:
    return _PART.sub("", file.name).removesuffix(".gguf").lower()


def _part_number(file: HubFile) -> int | None:
    found = _PART.search(file.name)
    return int(found[1]) if found else None


def _same_host(url: str, endpoint: str) -> bool:
    return urlsplit(url)[:2] == urlsplit(endpoint)[:2]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""Guarded outbound HTTP: the one way to fetch a URL that we did not write ourselves (design promise 6, traps 34 to 36).

The host must be in the list for its purpose, its name is resolved once, every address must be public (or the host named
in OUTBOUND_ALLOW), and the connection goes to that very address with the name kept for TLS and Host. No redirects,
identity encoding, a byte cap and a total deadline. Refusals are values.
"""

import contextlib
import hashlib
import ipaddress
import socket
import string
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from typing import BinaryIO
from urllib.parse import SplitResult, quote, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

CONNECT_S = 5.0
READ_S = 20.0
CHUNK = 1 << 20
MAX_URL = 4096
REDIRECTS = range(300, 400)
UNICAST_V6 = ipaddress.ip_network("2000::/3")  # all that is given out; what lies outside is mapped, relayed or inside

Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was written: `size` bytes with this digest (hex), and the type that the server claimed."""

    size: int
    sha256: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The URL or the answer is not acceptable, now or later. `gone`: the server says that the file does not exist.
    `barred`: nobody was asked, for our own settings do not allow it.
    """

    reason: str
    gone: bool = False
    barred: bool = False


@dataclass(frozen=True, slots=True)
class Unreached:
    """It did not work this time; a later try may."""

    reason: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What one fetch may cost: `max_bytes` of body, `deadline_s` seconds in all."""

    max_bytes: int
    deadline_s: float


def resolve(host: str, port: int) -> list[str]:
    """Every address of the name, once. Raises OSError."""
    return list(dict.fromkeys(str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


class Guard:
    """Fetches for one purpose.

    `hosts`: host[:port] entries, `.example.com` with its subdomains. `allow`: OUTBOUND_ALLOW.
    """

    def __init__(self, hosts: Iterable[str], allow: Iterable[str], resolver: Resolve = resolve) -> None:
        self._hosts = frozenset(h.strip().lower() for h in hosts if h.strip())
        self._allow = frozenset(h.strip().lower() for h in allow if h.strip())
        self._resolve = resolver

    def fetch(self, url: str, target: BinaryIO, limits: Limits) -> Fetched | Refused | Unreached:
        """Stream the body into `target`; the verdict says whether what stands there is whole."""
        deadline = time.monotonic() + limits.deadline_s
        checked = self._check(url)
        if isinstance(checked, Refused | Unreached):
            return checked
        parts, address = checked
        try:
            return _stream(parts, address, target, limits.max_bytes, deadline)
        except UnicodeError:  # a name or an address that no request can be written with
            return Refused("the URL has characters that no URL has")
        except (HTTPError, HTTPException, OSError) as error:
            return Unreached(f"{type(error).__name__} while reading from {parts.hostname}")

    def lists(self, url: str) -> bool:
        """Whether `fetch` would go for this URL: what it refuses is not sold. Nothing is asked of the network."""
        return isinstance(self._wanted(url), SplitResult)

    def _check(self, url: str) -> tuple[SplitResult, str] | Refused | Unreached:
        parts = self._wanted(url)
        if isinstance(parts, Refused):
            return parts
        host, port = _host(parts), _port(parts)
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError):
            return Unreached(f"the name {host} does not resolve")
        if not addresses or not (self._open(host, port) or all(map(_public, addresses))):
            return Refused(f"the host {host} has an address that is not public", barred=True)
        return parts, addresses[0]

    def _wanted(self, url: str) -> SplitResult | Refused:
        """All that the URL itself tells: its shape, its host, its scheme and port."""
        parts = _split(url)
        if isinstance(parts, Refused):
            return parts
        host, port = _host(parts), _port(parts)
        if not self._listed(host, port):
            return Refused(f"the host {host} is not on the list", barred=True)
        if not self._open(host, port) and (parts.scheme != "https" or port != 443):  # noqa: PLR2004 - https
            return Refused(f"only https on port 443 is fetched, not {parts.scheme}://{host}:{port}", barred=True)
        return parts

    def _open(self, host: str, port: int) -> bool:
        return host in self._allow or f"{host}:{port}" in self._allow

    def _listed(self, host: str, port: int) -> bool:
        if host in self._hosts or f"{host}:{port}" in self._hosts:
            return True
        return any(entry.startswith(".") and (host.endswith(entry) or host == entry[1:]) for entry in self._hosts)


def _split(url: str) -> SplitResult | Refused:
    """The URL as a request writes it: what is not ASCII in path and query is percent-encoded, as browsers do."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises when it is no number
        path, query = quote(parts.path, safe=string.punctuation), quote(parts.query, safe=string.punctuation)
    except ValueError:
        return Refused("the URL does not parse")
    if len(url) > MAX_URL or any(ord(c) <= 32 or ord(c) == 127 for c in url) or "\\" in url:  # noqa: PLR2004 - ASCII
        return Refused("the URL has characters that no URL has")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
        return Refused("the URL must be http(s) with a host and no user")
    if not parts.hostname.isascii():
        return Refused("the host must be written in ASCII (xn--...)")
    return parts._replace(path=path, query=query)


def _host(parts: SplitResult) -> str:
    return str(parts.hostname).lower()


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast
    return ip.is_global and ip in UNICAST_V6 and (ip.sixtofour is None or ip.sixtofour.is_global)


def _stream(
    parts: SplitResult, address: str, target: BinaryIO, max_bytes: int, deadline: float
) -> Fetched | Refused | Unreached:
    headers = {
        "Host": str(parts.hostname) if parts.port is None else f"{parts.hostname}:{parts.port}",
        "Accept-Encoding": "identity",
        "User-Agent": "enlarger",
    }
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with contextlib.closing(_connect(parts, address)) as connection, cut_at(deadline, _its_socket(connection)):
        connection.request("GET", path, headers=headers, preload_content=False)
        with contextlib.closing(connection.getresponse()) as response:
            verdict = _judge_head(response, max_bytes)
            return verdict or _copy(response, target, max_bytes, deadline)


def _connect(parts: SplitResult, address: str) -> HTTPConnection:
    host, port = str(parts.hostname), _port(parts)
    connection: HTTPConnection = (
        HTTPSConnection(address, port, timeout=CONNECT_S, server_hostname=host, assert_hostname=host)
        if parts.scheme == "https"
        else HTTPConnection(address, port, timeout=CONNECT_S)
    )
    try:
        connection.connect()
    except BaseException:
        connection.close()
        raise
    connection.timeout = READ_S
    return connection


def _its_socket(connection: HTTPConnection) -> Callable[[], socket.socket]:
    """The socket as it is now: the connection forgets it while the answer is still read from it."""
    opened: socket.socket = connection.sock
    return lambda: opened


@contextlib.contextmanager
def cut_at(deadline: float, opened: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Shut the socket down at the deadline (monotonic seconds), wherever its reader waits.

    A time-out is for one receive alone: it bounds neither a head that drips nor a talk of many answers.
    """

    def cut() -> None:
        with contextlib.suppress(OSError):  # it is closed already
            if connected := opened():
                connected.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(deadline - time.monotonic(), 0), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _judge_head(response: urllib3.BaseHTTPResponse, max_bytes: int) -> Refused | Unreached | None:
    status, length = _status(response.status), response.headers.get("Content-Length")
    if status is not HTTPStatus.OK:
        return _judge_status(status)
    if response.headers.get("Content-Encoding", "identity") != "identity":
        return Refused("the body is encoded although identity was asked for")
    if length is not None and not (length.isascii() and length.isdigit()):
        return Refused("the Content-Length is no number")
    if length is not None and int(length) > max_bytes:
        return Refused(f"the body has {length} bytes, at most {max_bytes} are taken")
    return None


def _status(code: int) -> HTTPStatus:
    try:
        return HTTPStatus(code)
    except ValueError:  # a number that the standard does not know
        return HTTPStatus.INTERNAL_SERVER_ERROR


def _judge_status(status: HTTPStatus) -> Refused | Unreached:
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Refused(f"the server answers {status}", gone=True)  # also how expired signed links answer
    return Refused("a redirect is not followed") if status in REDIRECTS else Unreached(f"the server answers {status}")


def _copy(
    response: urllib3.BaseHTTPResponse, target: BinaryIO, max_bytes: int, deadline: float
) -> Fetched | Refused | Unreached:
    size, digest = 0, hashlib.sha256()
    for chunk in _chunks(response):
        size += len(chunk)
        if size > max_bytes:
            return Refused(f"the body is longer than {max_bytes} bytes")
        if time.monotonic() > deadline:
            return Unreached("the download took too long")
        digest.update(chunk)
        target.write(chunk)
    if time.monotonic() > deadline:
        return Unreached("the download took too long")  # ended by us: its end says nothing
    if not size:
        return Unreached("the body is empty")
    length = response.headers.get("Content-Length")
    if length is not None and size != int(length):
        return Unreached(f"the body ended after {size} of {length} bytes")
    return Fetched(size, digest.hexdigest(), response.headers.get("Content-Type", ""))


def _chunks(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    # read1 returns what one receive brought, so that a slow drip meets the deadline after each piece
    while chunk := response.read1(CHUNK):
        yield chunk

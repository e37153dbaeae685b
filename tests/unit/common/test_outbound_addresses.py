"""No URL reaches an inside host: a table of hostile ones, with a listener on loopback that must see no connection."""

import io
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest

from common.outbound import Fetched, Guard, Limits, Refused, Unreached
from tests.unit.builders import Site, answer, site

LIMITS = Limits(1_000_000, 3.0)


def _words(text: str) -> list[str]:
    return text.split()


LISTED = ("cdn.example", ".upsampler.test", "files.example:8443")


@pytest.fixture(scope="module")
def listener() -> Iterator[Site]:
    with site(answer(b"secret")) as server:
        yield server


# P is the listener's port. Every name resolves to 127.0.0.1, so that whatever slips through arrives there.
HOSTS = _words("""
127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0x7f.0.0.1 0177.0.0.1 017700000001 127.0.0.1. 127.127.127.127 0
0.0.0.0 [::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:127.0.0.1] [::127.0.0.1] [::1%25lo]
[64:ff9b::7f00:1] 169.254.169.254 [fd00:ec2::254] 10.0.0.1 192.168.0.1 172.16.0.1 100.100.100.200
metadata.google.internal instance-data localhost LOCALHOST localhost. localhost.localdomain localtest.me
127.0.0.1.nip.io 127-0-0-1.sslip.io ip6-localhost ①②⑦.⓪.⓪.① 127。0。0。1 ⓛⓞⓒⓐⓛⓗⓞⓢⓣ %31%32%37.0.0.1 127%2e0%2e0%2e1
evil.example cdn.example.evil.example evilcdn.example cdn-example cdn.example. xn--cdn-example sub.cdn.example
upsampler.test.evil.example evilupsampler.test .upsampler.test. upsampler.test:P files.example cdn.example:P
""")
FORMS = ["http://{host}:P/", "https://{host}/"]
SHAPES = _words(r"""
http://cdn.example@127.0.0.1:P/ http://cdn.example:443@127.0.0.1:P/ http://127.0.0.1:P@cdn.example/
https://user@cdn.example/ https://user:word@cdn.example/ https://:@127.0.0.1:P/ http://127.0.0.1:P#@cdn.example/
http://127.0.0.1:P?@cdn.example/ http://127.0.0.1:P/@cdn.example http://cdn.example\@127.0.0.1:P/
http:\\127.0.0.1:P http:/127.0.0.1:P http:127.0.0.1:P //127.0.0.1:P/ ///127.0.0.1:P/ http:///127.0.0.1:P
http://127.0.0.1:P\.cdn.example/ https://cdn.example\.evil.example/ http://cdn.example:P/ http://cdn.example/
https://cdn.example:80/ https://cdn.example:P/ https://cdn.example:0/ https://cdn.example:99999/
https://cdn.example:x/ https://files.example/ https://files.example:443/ http://files.example:8443/
https://files.example:8443/ ftp://cdn.example/ file:///etc/passwd file://cdn.example/etc/passwd
gopher://127.0.0.1:P/_x dict://127.0.0.1:P/ data:text/plain,x javascript:alert(1) jar:http://127.0.0.1:P!/
ldap://127.0.0.1:P/ unix:/var/run/docker.sock null: https:// http:// https://[ https://[::1 https://]/
https://[cdn.example]/ https://[v1.x]/ HTTP://127.0.0.1:P/ hTTp://LOCALHOST:P/
http://127.0.0.1:P/%0d%0aHost:cdn.example https://%63dn.example@127.0.0.1:P/
""")
BYTES = ["", " ", "https://cdn.example/\r\nHost: x", "https://cdn.example/\t", "https://cdn\x00.example/",
         "http://127.0.0.1:P /", "\nhttp://127.0.0.1:P/", "https://cdn.example/\x7f", "https://cdn.example/ x",
         "https://cdn.example/" + "a" * 5000]  # fmt: skip
HOSTILE = [form.format(host=host) for host in HOSTS for form in FORMS] + SHAPES + BYTES


def _everything_is_inside(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def test_the_table_is_long() -> None:
    assert len(set(HOSTILE)) > 150


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_url_is_refused_and_nobody_is_asked(url: str, listener: Site) -> None:
    target = io.BytesIO()
    verdict = Guard(LISTED, (), _everything_is_inside).fetch(url.replace("P", str(listener.port)), target, LIMITS)

    assert isinstance(verdict, Refused), verdict
    assert target.getvalue() == b""
    assert listener.connections == 0


INSIDE = _words("""
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 127.0.0.1 127.8.8.8 169.254.169.254 172.16.0.1
172.31.255.255 192.0.0.1 192.0.2.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250
240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1
64:ff9b::10.0.0.1 64:ff9b:1::1 100::1 2001::1 2001:0:7f00:1:: 2001:db8::1 2002:7f00:1:: 2002:a00:1:: fc00::1
fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1 4000::1 5f00::1
""")


@pytest.mark.parametrize("address", INSIDE)
def test_a_listed_name_with_an_inside_address_is_refused(address: str) -> None:
    guard = Guard(LISTED, (), lambda _host, _port: ["93.184.216.34", address])

    verdict = guard.fetch("https://cdn.example/result.png", io.BytesIO(), LIMITS)

    assert verdict == Refused("the host cdn.example has an address that is not public", barred=True)


def test_a_name_is_resolved_once_and_the_connection_goes_there() -> None:
    answers = iter([["127.0.0.2"], ["127.0.0.1"]])  # a rebinding name: the second look-up leads elsewhere
    with site(answer(b"right"), host="127.0.0.2") as server:
        door = f"cdn.example:{server.port}"
        guard = Guard([door], [door], lambda _host, _port: next(answers))
        target = io.BytesIO()
        verdict = guard.fetch(f"http://{door}/a?b=c", target, LIMITS)

    assert isinstance(verdict, Fetched)
    assert target.getvalue() == b"right"
    assert server.requests[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert f"Host: {door}".encode() in server.requests[0]
    assert next(answers) == ["127.0.0.1"]


def test_a_name_that_is_public_first_and_inside_later_is_judged_by_what_is_connected_to() -> None:
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["93.184.216.34"]

    verdict = Guard(LISTED, (), rebinding).fetch("https://cdn.example/", io.BytesIO(), LIMITS)

    assert isinstance(verdict, Refused)
    assert asked == ["cdn.example"]


def test_a_name_that_does_not_resolve_may_do_so_later() -> None:
    def away(_host: str, _port: int) -> Sequence[str]:
        raise OSError

    verdict = Guard(LISTED, (), away).fetch("https://cdn.example/", io.BytesIO(), LIMITS)

    assert verdict == Unreached("the name cdn.example does not resolve")


def _nobody_answers(_host: str, _port: int) -> Sequence[str]:
    raise OSError


LISTING = {
    "https://cdn.example/x": True, "https://CDN.EXAMPLE/x": True, "https://cdn.example:443/x": True,
    "https://a.upsampler.test/": True, "https://upsampler.test/": True, "https://a.b.upsampler.test/": True,
    "https://files.example:8443/": False, "https://files.example/": False, "https://xcdn.example/": False,
    "http://cdn.example/x": False, "https://cdn.example:8443/x": False, "https://cdn.example/h\u00e4user.jpg": True,
    "https://cdn.example/\ud800": False, "https://c\u00e4n.example/x": False,
    "http://open.example/": True, "https://open.example:99/": True, "http://door.example:81/": True,
    "http://door.example/": False, "http://elsewhere.example/": False,
    "https://upsampler.test.evil/": False, "https://xupsampler.test/": False, "not a url": False, "": False,
}  # fmt: skip


@pytest.mark.parametrize(("url", "listed"), LISTING.items())
def test_what_is_listed_is_what_would_be_fetched(url: str, listed: bool) -> None:  # noqa: FBT001
    hosts = (*LISTED, "open.example", "door.example", "c\u00e4n.example")
    guard = Guard(hosts, ("open.example", "door.example:81", "elsewhere.example"), _nobody_answers)

    assert guard.lists(url) is listed
    assert isinstance(guard.fetch(url, io.BytesIO(), LIMITS), Unreached if listed else Refused)


def test_an_open_door_widens_no_list() -> None:
    guard = Guard(["cdn.example"], ["127.0.0.1"], _everything_is_inside)

    assert isinstance(guard.fetch("http://127.0.0.1:9/", io.BytesIO(), LIMITS), Refused)


def test_an_empty_list_lets_nobody_in() -> None:
    guard = Guard(["", " "], ["", " "], _everything_is_inside)

    assert all(isinstance(guard.fetch(f"https://{a}{b}/", io.BytesIO(), LIMITS), Refused) for a, b in pairwise("abc "))

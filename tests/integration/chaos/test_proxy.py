"""The fault proxy does to a connection exactly what each fault says."""

import socket
import threading
from collections.abc import Iterator

import pytest

from local.ports import HOST
from tests.chaos.proxy import Link, Proxy

PATIENCE_S = 3.0
SILENCE_S = 0.3


class Echo:
    """A server that says everything back; `heard` is all that reached it."""

    def __init__(self) -> None:
        self.heard = b""
        self._socket = socket.create_server((HOST, 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # closed: the test is over
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(65536):
                    self.heard += data
                    connection.sendall(data)
            except OSError:
                return  # the proxy's work

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def link(echo: Echo) -> Iterator[Link]:
    with Proxy() as proxy:
        made = proxy.link("echo")
        made.target = echo.port
        yield made


@pytest.fixture
def client(link: Link) -> Iterator[socket.socket]:
    with _connect(link) as connection:
        connection.sendall(b"hello")
        assert connection.recv(100) == b"hello"
        yield connection


def test_a_cut_link_ends_in_good_order(link: Link, client: socket.socket) -> None:
    link.cut()

    assert client.recv(100) == b""


def test_a_reset_link_is_a_reset(link: Link, client: socket.socket) -> None:
    link.reset()

    with pytest.raises(ConnectionResetError):
        client.recv(100)


def test_a_half_open_connection_stays_dead_and_new_ones_live(link: Link, client: socket.socket, echo: Echo) -> None:
    link.blackhole(on=True)
    client.sendall(b"lost")
    link.blackhole(on=False)
    client.sendall(b"lost too")

    assert _silent(client)
    assert echo.heard == b"hello"
    with _connect(link) as other:
        other.sendall(b"new")
        assert other.recv(100) == b"new"


def test_a_muted_link_lets_questions_through_and_no_answers(link: Link, client: socket.socket, echo: Echo) -> None:
    link.mute()
    client.sendall(b" again")

    assert _silent(client)
    assert echo.heard == b"hello again"
    link.heal(reset_silent=True)
    with pytest.raises(ConnectionResetError):
        client.recv(100)


def test_a_refused_link_has_no_listener_until_it_is_healed(link: Link) -> None:
    link.refuse(on=True)
    with pytest.raises(ConnectionRefusedError):
        _connect(link)
    link.heal()

    with _connect(link) as connection:
        connection.sendall(b"back")
        assert connection.recv(100) == b"back"


def test_answers_end_in_mid_sentence(link: Link, client: socket.socket) -> None:
    link.close_after(10)
    client.sendall(b"a longer sentence")

    with pytest.raises(ConnectionResetError):
        client.recv(100)


def test_a_trapped_request_arrives_and_its_answer_never_does(link: Link, client: socket.socket, echo: Echo) -> None:
    link.trap(b"COMMIT", 1)
    client.sendall(b" COMMIT")

    with pytest.raises(ConnectionResetError):
        client.recv(100)
    assert echo.heard == b"hello COMMIT"
    assert link.bitten["trap"] == 1


def _connect(link: Link) -> socket.socket:
    return socket.create_connection((HOST, link.port), PATIENCE_S)


def _silent(connection: socket.socket) -> bool:
    connection.settimeout(SILENCE_S)
    try:
        return not connection.recv(100)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(PATIENCE_S)

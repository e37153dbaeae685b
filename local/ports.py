"""Free ports on this machine's loopback address."""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

HOST = "127.0.0.1"

# Below the range that Linux, macOS and Windows hand to outgoing connections: a server that was killed
# finds its port still free when it starts again.
_LOWEST, _HIGHEST = 20_000, 32_000
# Held open until this process ends: another one of ours that starts meanwhile takes other ports.
_reserved: dict[int, int] = {}


def free_port() -> int:
    """A loopback port that nobody listens on, and that no other process of ours was given."""
    for port in random.SystemRandom().sample(range(_LOWEST, _HIGHEST), 200):
        if port not in _reserved and _is_free(port) and _reserve(port):
            return port
    raise OSError(f"no free port between {_LOWEST} and {_HIGHEST} on {HOST}")


def _reserve(port: int) -> bool:
    folder = Path(tempfile.gettempdir()) / f"enlarger-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    lock = os.open(folder / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    _reserved[port] = lock
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True

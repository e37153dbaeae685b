"""Free ports on this machine's loopback address."""

import random
import socket

HOST = "127.0.0.1"

# Below the range that Linux, macOS and Windows hand to outgoing connections: a server that was killed
# finds its port still free when it starts again.
_LOWEST, _HIGHEST = 20_000, 32_000
_handed_out: set[int] = set()


def free_port() -> int:
    """A loopback port that nobody listens on, never the same twice in one process."""
    for port in random.SystemRandom().sample(range(_LOWEST, _HIGHEST), 200):
        if port not in _handed_out and _is_free(port):
            _handed_out.add(port)
            return port
    raise OSError(f"no free port between {_LOWEST} and {_HIGHEST} on {HOST}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True

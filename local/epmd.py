"""Telling an epmd of a node that runs elsewhere: so each node may find the others where we say, behind a proxy even.

https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html: a name lasts as long as the connection that gave it.
"""

import socket
import struct

from local.ports import HOST
from local.processes import LocalError

_ALIVE2_REQ = 120
_ALIVE2_RESP = (118, 121)
_VISIBLE, _TCP_IPV4 = 77, 0
_HIGHEST, _LOWEST = 6, 5
_TIMEOUT_S = 5.0


def register(epmd_port: int, node: str, dist_port: int) -> socket.socket:
    """From now on the epmd at `epmd_port` says that `node` (NAME@HOST) is reached at `dist_port`, until it is closed.

    Raises `LocalError` when it refuses.
    """
    name = node.partition("@")[0].encode()
    body = struct.pack("!BHBBHHH", _ALIVE2_REQ, dist_port, _VISIBLE, _TCP_IPV4, _HIGHEST, _LOWEST, len(name))
    connection = socket.create_connection((HOST, epmd_port), timeout=_TIMEOUT_S)
    request = body + name + struct.pack("!H", 0)
    connection.sendall(struct.pack("!H", len(request)) + request)
    answer = connection.recv(6)
    if len(answer) < 2 or answer[0] not in _ALIVE2_RESP or answer[1]:  # noqa: PLR2004 - the tag and the result
        connection.close()
        raise LocalError(f"epmd at port {epmd_port} did not take the name {node}: it answered {answer!r}")
    return connection

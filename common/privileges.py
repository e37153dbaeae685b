"""What one process of ours may see of another (Linux only; elsewhere these do nothing).

The settings hold the keys, and a process of the same user may read another's environment and memory in /proc. So a
worker hides its own, and a process that decodes strangers' bytes gives up what could look past that.
"""

import ctypes
import os
import sys

PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38
_CAPABILITY_VERSION_3 = 0x2008_0522


def hide() -> None:
    """From now on only the administrator reads this process's environment and memory; it leaves no core dump."""
    _prctl(PR_SET_DUMPABLE, 0)


def give_up() -> None:
    """From now on this process has no capability, even as root, and nothing that it starts gains one."""
    if sys.platform != "linux":
        return
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    none = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable, in two words each
    _checked(ctypes.CDLL(None, use_errno=True).capset(header, none), "capset")


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        _checked(ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0), "prctl")


def _checked(answer: int, call: str) -> None:
    if answer:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")

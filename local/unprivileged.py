"""Running a server as somebody else when we are root: who, and what they can reach."""

import os
from pathlib import Path


def server_user() -> str | None:
    """The user for a server that refuses root; None when we are not root and may run it ourselves."""
    if os.name != "posix" or os.geteuid() != 0:
        return None
    import pwd  # noqa: PLC0415 - Windows has no such module

    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def passable(folder: Path) -> bool:
    """Whether everybody may pass through `folder` and all of its parents."""
    folder = folder.resolve()
    return all(parent.stat().st_mode & 0o001 for parent in (folder, *folder.parents))

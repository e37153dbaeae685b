"""RabbitMQ in a container of its own, where the machine has no RabbitMQ but a Docker daemon that answers."""

import secrets
import shutil
import subprocess

from local.broker import Broker
from local.ports import HOST, free_port
from local.processes import LocalError

IMAGE = "rabbitmq:4-management"
_ANSWER_S = 5.0


def docker_answers() -> bool:
    """Whether there is a Docker command and a daemon behind it."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        done = subprocess.run([docker, "info"], capture_output=True, timeout=_ANSWER_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


class DockerRabbitMQ(Broker):
    """A container with fixed loopback ports; ready in 10 to 14 s once the image is here."""

    def __init__(self) -> None:
        self._ports = {5672: free_port(), 15672: free_port(), 15692: free_port()}
        self._name = f"enlarger-rabbitmq-{secrets.token_hex(4)}"
        self._made = False
        super().__init__(
            port=self._ports[5672],
            management_port=self._ports[15672],
            metrics_port=self._ports[15692],
            password=secrets.token_hex(16),
        )

    def launch(self) -> None:
        if self._made:
            _docker("start", self._name)
            return
        published = [f"--publish={HOST}:{outside}:{inside}" for inside, outside in self._ports.items()]
        login = [f"--env=RABBITMQ_DEFAULT_USER={self.USER}", f"--env=RABBITMQ_DEFAULT_PASS={self.password}"]
        self._made = True
        _docker("run", "--detach", f"--name={self._name}", *published, *login, IMAGE)

    def stop(self) -> None:
        _docker("stop", self._name)

    def kill(self) -> None:
        _docker("kill", self._name)

    def close(self) -> None:
        if self._made:
            _docker("rm", "--force", "--volumes", self._name)

    def ctl(self, *args: str) -> str:
        return _docker("exec", self._name, "rabbitmqctl", *args)


def _docker(*args: str) -> str:
    done = subprocess.run(["docker", *args], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalError(f"docker {args[0]}: {done.stderr.strip()}")
    return done.stdout

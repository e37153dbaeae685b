"""The processes of the whole system on one machine: which there are, where each listens, what each is told."""

import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.ports import HOST, free_port
from local.processes import Program, child_environment

ROOT = Path(__file__).resolve().parent.parent
WORKERS = ("ingest", "submitter", "poller", "finisher", "notifier")
SANDBOX = ("stripe", "upsampler", "inbox", "shop")


@dataclass(frozen=True)
class Addresses:
    """Ports on the loopback address, free when this was made."""

    ingest_port: int = field(default_factory=free_port)
    stripe_port: int = field(default_factory=free_port)
    upsampler_port: int = field(default_factory=free_port)
    smtp_port: int = field(default_factory=free_port)
    inbox_port: int = field(default_factory=free_port)
    shop_port: int = field(default_factory=free_port)
    health_ports: Mapping[str, int] = field(default_factory=lambda: {worker: free_port() for worker in WORKERS})

    @property
    def ingest(self) -> str:
        return _url(self.ingest_port)

    @property
    def stripe(self) -> str:
        return _url(self.stripe_port)

    @property
    def upsampler(self) -> str:
        return _url(self.upsampler_port)

    @property
    def inbox(self) -> str:
        return _url(self.inbox_port)

    @property
    def shop(self) -> str:
        return _url(self.shop_port)

    def health(self, worker: str) -> str:
        """Where `worker` serves /metrics, /healthz and /readyz."""
        return _url(self.health_ports[worker])

    def sandbox(self, stand_in: str) -> str:
        ports = {
            "stripe": self.stripe_port,
            "upsampler": self.upsampler_port,
            "inbox": self.inbox_port,
            "shop": self.shop_port,
        }
        return _url(ports[stand_in])


@dataclass(frozen=True)
class Secrets:
    """Made anew for each system, known to nobody else."""

    admin_token: str = field(default_factory=lambda: secrets.token_hex(24))
    secret_key: str = field(default_factory=lambda: secrets.token_hex(32))
    stripe_api_key: str = field(default_factory=lambda: f"sk_test_{secrets.token_hex(12)}")
    stripe_webhook_secret: str = field(default_factory=lambda: f"whsec_{secrets.token_hex(16)}")
    upsampler_api_key: str = field(default_factory=lambda: f"up_{secrets.token_hex(12)}")


def worker_settings(folder: Path, at: Addresses, known: Secrets) -> dict[str, str]:
    """What every worker is told, but for the servers and its own ports (contracts.md, section 4)."""
    sandbox_hosts = ",".join(
        f"{HOST}:{port}" for port in (at.stripe_port, at.upsampler_port, at.smtp_port, at.shop_port)
    )
    return {
        "STORAGE_URL": f"file://{folder / 'files'}",
        "PUBLIC_URL": at.ingest,
        "HOST": HOST,
        "PORT": str(at.ingest_port),
        "SECRET_KEY": known.secret_key,
        "ADMIN_TOKEN": known.admin_token,
        "STRIPE_API_KEY": known.stripe_api_key,
        "STRIPE_WEBHOOK_SECRET": known.stripe_webhook_secret,
        "STRIPE_API_BASE": at.stripe,
        "UPSAMPLER_API_KEY": known.upsampler_api_key,
        "UPSAMPLER_URL": f"{at.upsampler}/api/v1",
        "SMTP_URL": f"smtp://{HOST}:{at.smtp_port}",
        "MAIL_FROM": "orders@shop.example",
        "ADMIN_EMAIL": "owner@shop.example",
        "SUPPORT_EMAIL": "help@shop.example",
        "SITE_NAME": "The Photo Shop",
        "WORDPRESS_URL": at.shop,
        "CORS_ORIGINS": at.shop,
        "SOURCE_HOSTS": sandbox_hosts,
        "RESULT_HOSTS": sandbox_hosts,
        "OUTBOUND_ALLOW": sandbox_hosts,
        "RATE_LIMIT_PER_MIN": "0",  # every customer here has one address
        "LOG_FORMAT": "json",
    }


def sandbox_settings(at: Addresses, known: Secrets) -> dict[str, str]:
    """What every stand-in is told."""
    return {
        "SANDBOX_STRIPE_PORT": str(at.stripe_port),
        "SANDBOX_STRIPE_WEBHOOK_URL": f"{at.ingest}/smi-webhook/stripe/",
        "STRIPE_WEBHOOK_SECRET": known.stripe_webhook_secret,
        "STRIPE_API_KEY": known.stripe_api_key,
        "SANDBOX_UPSAMPLER_PORT": str(at.upsampler_port),
        "SANDBOX_UPSAMPLER_SECONDS": "1.5",
        "UPSAMPLER_API_KEY": known.upsampler_api_key,
        "SANDBOX_SMTP_PORT": str(at.smtp_port),
        "SANDBOX_INBOX_PORT": str(at.inbox_port),
        "SANDBOX_SHOP_PORT": str(at.shop_port),
        "PUBLIC_URL": at.ingest,
    }


def program(name: str, module: str, settings: Mapping[str, str], folder: Path) -> Program:
    """`python -m module`, run in `folder`: the `.env` of the repository is for the system in earnest."""
    env = child_environment({"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **settings})
    return Program(name, [sys.executable, "-P", "-m", module], env, cwd=folder)


def _url(port: int) -> str:
    return f"http://{HOST}:{port}"

"""The files that tell a Compose installation its settings, made from the settings' classes.

`.env.example` lists them all; `deploy/compose/WORKER.env` names those that one worker reads, so that no other is told
them: a name without a value is passed on from `.env`.
"""

from collections.abc import Callable, Iterable, Mapping

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from common.settings import CommonSettings
from services.ingest.settings import KNOWN_SECRET

# What docker-compose.yml knows better than `.env`.
FIXED = frozenset(
    {
        "AMQP_URL", "DATABASE_URL", "HOST", "METRICS_HOST", "METRICS_PORT", "PORT", "RABBITMQ_MANAGEMENT_URL",
        "STORAGE_URL",
    }
)  # fmt: skip

# What obstore reads of an S3 store's account (https://docs.rs/object_store, AmazonS3ConfigKey).
S3 = (
    "AWS_ACCESS_KEY_ID", "AWS_ALLOW_HTTP", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
)  # fmt: skip

Kept = dict[str, str]

_SANDBOX = f"""\
# The settings of docker-compose.yml: `cp .env.example .env`.
# As it stands, `docker compose --profile sandbox up` opens a shop at http://localhost:8090 that takes no real money.
# Made from the code by `./enlarger docs`. docs/settings.md says who reads what.

# --- The two servers and the monitoring. Letters and digits only: they stand in addresses.
POSTGRES_PASSWORD=sandbox
RABBITMQ_PASSWORD=sandbox
GRAFANA_PASSWORD=sandbox

# --- What an installation must decide. For real orders: replace every line of this part, and remove its last four.
PUBLIC_URL=http://localhost:8000
SECRET_KEY={KNOWN_SECRET}-0123456789abcdef0123456789
ADMIN_TOKEN={KNOWN_SECRET}-admin
STRIPE_API_KEY=sk_test_sandbox
STRIPE_WEBHOOK_SECRET=whsec_sandbox
UPSAMPLER_API_KEY=sandbox
SMTP_URL=smtp://inbox:2525
MAIL_FROM=orders@shop.example
ADMIN_EMAIL=owner@shop.example
SUPPORT_EMAIL=help@shop.example
SITE_NAME=The Photo Shop
WORDPRESS_URL=http://shop:8090
CORS_ORIGINS=http://localhost:8090
UPSAMPLER_URL=http://upsampler:8093/api/v1
STRIPE_API_BASE=http://stripe:8091
OUTBOUND_ALLOW=shop:8090,upsampler:8093
POLL_FIRST_S=2

# --- Of docker-compose.yml: images, and the ports of the pages on this machine.
#ENLARGER_IMAGE=enlarger
#VERSION=unreleased
#REVISION=unknown
#POSTGRES_IMAGE=postgres:16
#RABBITMQ_IMAGE=rabbitmq:4-management
#PROMETHEUS_IMAGE=prom/prometheus:v3.5.0
#GRAFANA_IMAGE=grafana/grafana:12.1.0
#INGEST_ADDRESS=127.0.0.1:8000
#RABBITMQ_PORT=15672
#STRIPE_PORT=8091
#INBOX_PORT=8092
#SHOP_PORT=8090
#GRAFANA_PORT=3000
#SANDBOX_UPSAMPLER_SECONDS=2
#LOG_FORMAT=json

# --- Where pictures are kept: a volume of Compose by default. The others belong to s3://, and reach only the workers
# that keep files; a store that is not Amazon's has an AWS_ENDPOINT_URL, and one without TLS wants AWS_ALLOW_HTTP=true.
#STORAGE_URL=s3://bucket/folder
#AWS_ACCESS_KEY_ID=
#AWS_SECRET_ACCESS_KEY=
#AWS_SESSION_TOKEN=
#AWS_REGION=eu-central-1
#AWS_ENDPOINT_URL=https://s3.example.com
#AWS_ALLOW_HTTP=false

# --- Everything else, each at its default.
"""


def readers(classes: Mapping[str, type[CommonSettings]]) -> dict[str, dict[str, FieldInfo]]:
    """Setting -> who reads it -> how. The command line, the last of `classes`, is one where nobody else does."""
    found: dict[str, dict[str, FieldInfo]] = {}
    *workers, own = classes
    for worker in workers:
        for name, info in classes[worker].model_fields.items():
            found.setdefault(name.upper(), {})[worker] = info
    for name, info in classes[own].model_fields.items():
        found.setdefault(name.upper(), {own: info})
    return found


def explained(told: Mapping[str, FieldInfo]) -> tuple[str, str]:
    """What it means and an example, as the first reader says that says so; "" for none."""
    meanings = (info.description for info in told.values() if info.description)
    examples = (str(info.examples[0]) for info in told.values() if info.examples)
    return next(meanings, ""), next(examples, "")


def defaults(told: Mapping[str, FieldInfo]) -> tuple[str, dict[str, str]]:
    """The default that most readers have ("" for none), and each other reader's own."""
    texts = {
        worker: "" if info.default in (None, "", (), PydanticUndefined) else str(info.default)
        for worker, info in told.items()
    }
    usual = max(texts.values(), key=list(texts.values()).count)
    return usual, {worker: text for worker, text in texts.items() if text != usual}


def example(workers: Mapping[str, type[CommonSettings]]) -> str:
    """`.env.example`: every setting, those without which nothing starts at the sandbox's values."""
    fields = readers(workers)
    decided = {line.lstrip("#").partition("=")[0] for line in _SANDBOX.splitlines() if "=" in line}
    rest = [_line(name, fields[name]) for name in _told(fields) if name not in decided]
    return _SANDBOX + "\n".join(rest) + "\n"


def example_values(text: str) -> Kept:
    """The settings that stand in the text of `.env.example` and are not commented out."""
    lines = [line for line in text.splitlines() if "=" in line and not line.startswith("#")]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def passed_on(worker: str, cls: type[CommonSettings]) -> Callable[[], str]:
    """Makes `deploy/compose/WORKER.env`."""

    def make() -> str:
        store = S3 if "storage_url" in cls.model_fields else ()
        names = _told([*(name.upper() for name in cls.model_fields), *store])
        return "\n".join([f"# What {worker} is told of .env; made by `./enlarger docs`.", *names]) + "\n"

    return make


def _told(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name not in FIXED and not name.startswith("TEST_"))


def _line(name: str, told: Mapping[str, FieldInfo]) -> str:
    meaning, example = explained(told)
    default, others = defaults(told)
    apart = ", ".join(f"{worker} {text}" for worker, text in others.items())
    shared = f"without it {default}, {apart}; one given here is everybody's" if others else ""
    default = "" if others else default
    meaning = "; ".join(part for part in (meaning, example and f"for example {example}", shared) if part)
    return (f"# {meaning}\n" if meaning else "") + f"#{name}={default}"

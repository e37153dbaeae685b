"""The settings of every worker, read as the workers read them, and a look at those whose shape says something."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from cli.docs import WORKERS
from cli.doctor.findings import Finding, bad, good, unseen, warning
from common.settings import CommonSettings
from services.ingest.settings import IngestSettings

TOKEN_CHARACTERS = 20


Place = Literal["ingest", "submitter", "poller", "deliver", "refund", "notifier"]  # services of docker-compose.yml


def lane_of(worker: str) -> str:
    """`finisher, deliver` is `deliver`, as Compose calls it."""
    return worker.rpartition(" ")[2]


@dataclass(frozen=True, slots=True)
class Known:
    """The settings of each worker that has them right, by its name in docs/settings.md."""

    of: Mapping[str, CommonSettings]

    def ingest(self) -> IngestSettings | None:
        found = self.of.get("ingest")
        return found if isinstance(found, IngestSettings) else None


def read(only: Place | None = None) -> tuple[Known, list[Finding]]:
    """Read all settings, or those of `only` one worker; a finding per wrong value, or one that all are right."""
    chosen = {worker: cls for worker, cls in WORKERS.items() if not only or lane_of(worker) == only}
    known: dict[str, CommonSettings] = {}
    wrong: dict[str, tuple[str, list[str]]] = {}
    for worker, cls in chosen.items():
        try:
            known[worker] = cls()
        except ValidationError as error:
            for problem in error.errors(include_input=False, include_url=False):
                name = str(problem["loc"][0])
                info = cls.model_fields.get(name)
                example = f" For example: {info.examples[0]}" if info and info.examples else ""
                _, workers = wrong.setdefault(name, (f"{problem['msg']}.{example}", []))
                workers.append(worker)
    findings = [
        bad(name.upper(), problem.partition(". For")[0], _mend(name, problem, workers))
        for name, (problem, workers) in wrong.items()
    ]
    said = "read" if only else f"all {len(WORKERS)} lanes read theirs"
    others = [unseen("other workers", f"not looked at: their settings are where they run, not with {only}")]
    return Known(known), [*(findings or [good("settings", said)]), *(others if only else [])]


def shapes(settings: IngestSettings) -> Iterator[Finding]:
    """Values that are read without complaint, and yet cannot be right."""
    secrets = [part.strip() for part in settings.stripe_webhook_secret.get_secret_value().split(",")]
    if all(secret.startswith("whsec_") for secret in secrets):
        yield good("STRIPE_WEBHOOK_SECRET", f"{len(secrets)} in Stripe's shape")
    else:
        yield bad(
            "STRIPE_WEBHOOK_SECRET",
            "a webhook's secret begins with whsec_, and one of these does not: every payment's news would be refused",
            "copy the signing secret of the endpoint from Stripe's dashboard (Developers, Webhooks)",
        )
    if not settings.stripe_api_key.get_secret_value().startswith(("sk_", "rk_")):
        yield bad(
            "STRIPE_API_KEY",
            "a secret key begins with sk_ or rk_, this one does not",
            "copy the secret key, not the publishable one, from Stripe's dashboard (Developers, API keys)",
        )
    yield from _public_url(settings)
    yield _token(settings)


def _public_url(settings: IngestSettings) -> Iterator[Finding]:
    if settings.public_url.startswith("https://"):
        yield good("PUBLIC_URL", "https")
        if not settings.trusted_proxies:
            yield warning(
                "TRUSTED_PROXIES",
                "not set: behind the proxy that speaks https all customers look like one, and share its rate limits",
                "set it to that proxy's addresses, as ingest sees them: 10.0.0.0/8",
            )
    elif settings.live:
        yield bad(
            "PUBLIC_URL",
            f"{settings.public_url} is not https, and the Stripe key moves real money",
            "put a proxy with a certificate before ingest, and set PUBLIC_URL to its https address",
        )
    else:
        yield warning(
            "PUBLIC_URL",
            f"{settings.public_url} is not https: good for trying out only",
            "set PUBLIC_URL to the https address that customers reach ingest at",
        )


def _token(settings: IngestSettings) -> Finding:
    token = settings.admin_token.get_secret_value() if settings.admin_token else ""
    if not token:
        return warning(
            "ADMIN_TOKEN", "not set: the merchant's and the admin's API are closed", "set it: openssl rand -hex 24"
        )
    if len(token) < TOKEN_CHARACTERS:
        return bad("ADMIN_TOKEN", f"{len(token)} characters can be guessed", "set a longer one: openssl rand -hex 24")
    return good("ADMIN_TOKEN", "long enough")


def _mend(name: str, problem: str, workers: list[str]) -> str:
    _, _, example = problem.partition("For example: ")
    shown = f"set {name.upper()}={example}" if example else f"set {name.upper()} as docs/settings.md describes it"
    return f"{shown} (read by {', '.join(workers)})"

"""Everything outside: Stripe, the provider, the mail server, the storage, and our own public address."""

import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests

from cli.doctor.findings import Finding, bad, good, warning
from cli.doctor.settings import Known
from common.storage import Storage, StorageError
from common.upsampler_settings import UpsamplerSettings
from services.ingest.settings import IngestSettings
from services.notifier.settings import NotifierSettings
from services.notifier.smtp import NotSent, Sent, mailer

TIMEOUT_S = 8.0
UNAUTHORIZED = {401, 403}
LOGIN = ("530", "534", "535")  # RFC 4954
NO_LOGIN = ("SMTP AUTH", "authentication method")  # smtplib's words for a server that takes none


def look(known: Known) -> Iterator[Finding]:
    """One finding per thing whose settings are right."""
    ingest = known.ingest()
    if ingest:
        yield _storage(ingest.storage_url)
        yield _stripe(ingest)
    provider = known.of.get("submitter")
    if isinstance(provider, UpsamplerSettings):
        yield _provider(provider)
    notifier = known.of.get("notifier")
    if isinstance(notifier, NotifierSettings):
        yield _mail(notifier)
    if ingest:
        yield _ourselves(ingest.public_url)


def _storage(url: str) -> Finding:
    """A file is written, read and removed."""
    key, content = f"doctor/{secrets.token_hex(8)}", b"a file of ./enlarger doctor"
    try:
        storage = Storage(url)
        storage.write(key, content)
        same = b"".join(storage.read(key).chunks) == content
        storage.remove([key])
    except (StorageError, OSError, ValueError) as error:
        fix = "give the workers' user the right to write there, or correct STORAGE_URL and its credentials"
        return bad("STORAGE_URL", str(error).splitlines()[0][:200], fix)
    if not same:
        return bad("STORAGE_URL", "what is read is not what was written", "use a store that keeps what it is given")
    return good("STORAGE_URL", f"{urlsplit(url).scheme}: written, read and removed")


def _stripe(settings: IngestSettings) -> Finding:
    key = settings.stripe_api_key.get_secret_value()
    answer = _ask(f"{settings.stripe_api_base}/v1/checkout/sessions?limit=1", key)
    if isinstance(answer, str):
        return bad(
            "Stripe", f"{settings.stripe_api_base}: {answer}", "let this machine reach it, or correct STRIPE_API_BASE"
        )
    if answer in UNAUTHORIZED:
        fix = "copy the secret key anew from Stripe's dashboard (Developers, API keys) to STRIPE_API_KEY"
        return bad("Stripe", f"it refuses STRIPE_API_KEY (status {answer})", fix)
    return good("Stripe", f"it takes the key, which moves {'real' if settings.live else 'no real'} money")


def _provider(settings: UpsamplerSettings) -> Finding:
    if settings.upsampler_url == "null:":
        return warning("provider", "UPSAMPLER_URL=null: enlarges nothing", "set the provider's address")
    url = f"{settings.upsampler_url.rstrip('/')}/status/enlarger-doctor"
    answer = _ask(url, settings.upsampler_api_key.get_secret_value())
    if isinstance(answer, str):
        fix = "let this machine reach it, or correct UPSAMPLER_URL"
        return bad("provider", f"{settings.upsampler_url}: {answer}", fix)
    if answer in UNAUTHORIZED:
        return bad("provider", f"it refuses UPSAMPLER_API_KEY (status {answer})", "set the key of your account there")
    return good("provider", "it answers, and takes the key")


def _mail(settings: NotifierSettings) -> Finding:
    answer = mailer(settings.smtp_url, TIMEOUT_S).greet(settings.mail_from)
    where = urlsplit(settings.smtp_url)
    if isinstance(answer, Sent):
        return good("mail", f"{where.hostname or 'null:'} takes us")
    if answer.why.startswith(LOGIN) or any(word in answer.why for word in NO_LOGIN):
        return bad("mail", f"{where.hostname}: {answer.why}", "correct the user and password in SMTP_URL")
    if isinstance(answer, NotSent) and answer.refuses_us:
        fix = "correct MAIL_FROM, or have the mail server take mail from it"
        return bad("mail", f"{where.hostname} refuses us, or {settings.mail_from}: {answer.why}", fix)
    fix = "start the mail server, open its port for this machine, or correct SMTP_URL"
    return bad("mail", f"{where.hostname}:{where.port or ''} {answer.why}", fix)


def _ourselves(public_url: str) -> Finding:
    answer = _ask(f"{public_url}/healthz", None)
    if answer == 200:  # noqa: PLR2004 - HTTP's own
        return good("ingest", f"{public_url} answers")
    told = answer if isinstance(answer, str) else f"it answers with status {answer}"
    fix = "start ingest (python -m services.ingest), and let PUBLIC_URL lead to its HOST and PORT"
    return bad("ingest", f"{public_url}: {told}", fix)


def _ask(url: str, key: str | None) -> int | str:
    """The status of an answer, or why there is none."""
    session = requests.Session()
    session.trust_env = False
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        return session.get(url, headers=headers, timeout=TIMEOUT_S, allow_redirects=False).status_code
    except requests.RequestException as error:
        return f"no answer ({type(error).__name__})"

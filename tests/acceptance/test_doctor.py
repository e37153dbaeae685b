"""The doctor finds each mistake that is planted in a system that is well, names it, and says how to mend it."""

import time
from pathlib import Path

import pika
import psycopg
import pytest

from cli.doctor import command, servers
from cli.doctor.findings import Finding, State
from common.topology import queues
from local.ports import free_port
from local.stack import Stack
from tests.acceptance.operators import Operator

# The setting that is wrong, its value, the name of the finding, and words of its fix.
MISTAKES: dict[str, tuple[dict[str, str], str, str]] = {
    "a wrong password of the database": ({"DATABASE_URL": "{database:wrong}"}, "PostgreSQL", "user and password"),
    "no database of that name": ({"DATABASE_URL": "{database}_none"}, "PostgreSQL", "createdb"),
    "a database that is not there": ({"DATABASE_URL": "postgresql://e:e@127.0.0.1:{port}/e"}, "PostgreSQL", "host"),
    "a wrong password of the broker": ({"AMQP_URL": "{broker:wrong}"}, "RabbitMQ", "user and password"),
    "no virtual host of that name": ({"AMQP_URL": "{broker}_none"}, "RabbitMQ", "add_vhost"),
    "a broker that is not there": ({"AMQP_URL": "amqp://e:e@127.0.0.1:{port}/e"}, "RabbitMQ", "start RabbitMQ"),
    "a webhook secret of the wrong shape": ({"STRIPE_WEBHOOK_SECRET": "sk_test_1"}, "STRIPE_WEBHOOK_SECRET", "signing"),
    "a key that Stripe does not know": ({"STRIPE_API_KEY": "sk_test_nobody"}, "Stripe", "API keys"),
    "a publishable key": ({"STRIPE_API_KEY": "pk_test_1"}, "STRIPE_API_KEY", "not the publishable one"),
    "a key that the provider does not know": ({"UPSAMPLER_API_KEY": "none"}, "provider", "your account"),
    "a mail server that is not there": ({"SMTP_URL": "smtp://127.0.0.1:{port}"}, "mail", "start the mail server"),
    "a storage that cannot be written": ({"STORAGE_URL": "file:///proc/enlarger"}, "STORAGE_URL", "right to write"),
    "a secret key that is too short": ({"SECRET_KEY": "short"}, "SECRET_KEY", "openssl rand"),
    "no address of the shop": ({"MAIL_FROM": ""}, "MAIL_FROM", "MAIL_FROM=orders@example.com"),
    "a token that can be guessed": ({"ADMIN_TOKEN": "admin"}, "ADMIN_TOKEN", "openssl rand"),
    "an address that leads elsewhere": ({"PUBLIC_URL": "http://127.0.0.1:{port}"}, "ingest", "HOST and PORT"),
    "a number that is none": ({"MAX_ATTEMPTS": "many"}, "MAX_ATTEMPTS", "docs/settings.md"),
}


@pytest.fixture
def operator(quick_stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Operator:
    made = Operator(quick_stack)
    monkeypatch.chdir(tmp_path)  # where there is no .env
    for name, value in made.settings.items():
        monkeypatch.setenv(name, value)
    return made


def _bad() -> list[Finding]:
    return [finding for finding in command.examine() if finding.state is State.BAD]


@pytest.mark.parametrize(("changes", "name", "fix"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_found_and_its_fix_named(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], name: str, fix: str
) -> None:
    for setting, value in changes.items():
        monkeypatch.setenv(setting, _filled(value, operator.stack))
    found = {finding.name: finding for finding in _bad()}
    assert name in found
    assert fix in found[name].fix
    secrets = {operator.settings[secret] for secret in ("SECRET_KEY", "STRIPE_API_KEY", "ADMIN_TOKEN")}
    assert not any(secret in f"{f.told}{f.fix}" for f in found.values() for secret in secrets)


def _filled(value: str, stack: Stack) -> str:
    for name, url in (("database", stack.database_url), ("broker", stack.amqp_url)):
        user, _, rest = url.partition("@")
        wrong = f"{user.rpartition(':')[0]}:wrong@{rest}"
        value = value.replace(f"{{{name}:wrong}}", wrong).replace(f"{{{name}}}", url)
    return value.replace("{port}", str(free_port()))


def test_nothing_is_wrong_where_nothing_is(operator: Operator) -> None:
    assert operator
    assert _bad() == []


def test_in_a_worker_s_own_place_the_others_settings_are_not_missed(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert operator
    for name in ("UPSAMPLER_API_KEY", "SMTP_URL", "MAIL_FROM"):
        monkeypatch.delenv(name)
    assert {finding.name for finding in _bad()} >= {"UPSAMPLER_API_KEY", "SMTP_URL", "MAIL_FROM"}
    found = {finding.name: finding for finding in command.examine("ingest")}
    assert [finding.name for finding in found.values() if finding.state is State.BAD] == []
    assert "not with ingest" in found["other workers"].told
    assert {"PostgreSQL", "queues", "Stripe", "STORAGE_URL"} <= found.keys()


def test_a_proxy_that_nobody_trusts_is_found(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    assert operator
    monkeypatch.setenv("PUBLIC_URL", "https://pictures.example.com")
    assert "TRUSTED_PROXIES" in {finding.name for finding in command.examine() if finding.state is State.WARNING}
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8")
    assert "TRUSTED_PROXIES" not in {finding.name for finding in command.examine()}


@pytest.mark.parametrize("seconds", [-90.0, 90.0])
def test_a_clock_that_goes_wrong_is_found(operator: Operator, seconds: float) -> None:
    found = list(servers.database(operator.stack.database_url, lambda: time.time() + seconds))
    [clock] = [finding for finding in found if finding.name == "clock"]
    assert clock.state is State.BAD
    assert "90 s" in clock.told
    assert "set-ntp" in clock.fix


def test_an_old_schema_is_found(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DELETE FROM _yoyo_migration WHERE migration_id = '0004_admin'")
    [schema] = [f for f in servers.database(database_url, time.time) if f.name == "schema"]
    assert (schema.state, "0004_admin" in schema.told, "./enlarger migrate" in schema.fix) == (State.BAD, True, True)


def test_workers_that_do_not_run_are_found(database_url: str) -> None:
    [workers] = [f for f in servers.database(database_url, time.time) if f.name == "workers"]
    assert workers.state is State.BAD
    assert "python -m services." in workers.fix


@pytest.fixture
def bare_broker(amqp_url: str) -> str:
    """The topology, but for one queue that is missing and one that lacks an argument."""
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        channel = connection.channel()
        for queue, (_, _, arguments) in queues().items():
            if queue == "notifier.job.refunded":
                continue
            told = {k: v for k, v in arguments.items() if (queue, k) != ("poller.upscale.check", "x-delivery-limit")}
            channel.queue_declare(queue, durable=True, arguments=told)
        channel.basic_publish("", "poller.upscale.check.dead", b"{}")
    return amqp_url


def test_a_missing_queue_and_a_missing_argument_are_found(bare_broker: str) -> None:
    found = list(servers.broker(bare_broker))
    told = {f.told: f for f in found if f.name == "queue"}
    assert len(told) == 2
    [missing] = [f for words, f in told.items() if words == "notifier.job.refunded is missing"]
    assert "declares every queue" in missing.fix
    [wrong] = [f for words, f in told.items() if "poller.upscale.check was declared" in words]
    assert "x-delivery-limit" in wrong.told
    assert "rabbitmqctl delete_queue poller.upscale.check" in wrong.fix
    [letters] = [f for f in found if f.name == "dead letters"]
    assert letters.state is State.WARNING

"""A rolling update and its way back: this version and the one before it work side by side on the same orders."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from local.layout import WORKERS, program, worker_settings
from local.ports import free_port
from local.stack import Member, Stack
from tests import previous
from tests.acceptance.conftest import StartStack
from tests.acceptance.shop import CAT, LAUNCH_PAD, QUICK, Shop

LANES = [worker for worker in WORKERS if worker != "ingest"]  # two of them cannot listen on one port of one machine


@pytest.fixture
def new(start_stack: StartStack) -> Stack:
    """The version under test, on the schema that it has brought with it."""
    return start_stack(**QUICK)


@pytest.fixture
def old(new: Stack, tmp_path: Path) -> Iterator[dict[str, Member]]:
    """The workers of the version before, at the same database and broker; not yet started."""
    code = previous.unpack(tmp_path / "previous")
    told = worker_settings(new.folder, new.at, new.known) | QUICK
    told |= {"AMQP_URL": new.amqp_url, "DATABASE_URL": new.database_url, "PYTHONPATH": str(code)}
    with ExitStack() as ending:
        workers = {name: _worker(name, told, new) for name in WORKERS}
        for worker in workers.values():
            ending.callback(worker.kill)
        yield workers


def _worker(name: str, told: dict[str, str], new: Stack) -> Member:
    port = free_port()
    what = program(f"old {name}", f"services.{name}", told | {"METRICS_PORT": str(port)}, new.folder)
    what = replace(what, env={**what.env, "PYTHONPATH": told["PYTHONPATH"]})
    return Member(what, new.logs / f"old-{name}.log", f"http://127.0.0.1:{port}/readyz")


@pytest.mark.timeout(400)
def test_old_and_new_workers_share_orders_and_either_goes_on_alone(new: Stack, old: dict[str, Member]) -> None:
    for name in LANES:
        old[name].start()
    for name in LANES:
        old[name].wait_ready(60)
    _orders_end(Shop(new), "together")
    for name in WORKERS:
        new.worker(name).terminate()
    old["ingest"].start()
    old["ingest"].wait_ready(60)
    _orders_end(Shop(new), "back")
    for worker in old.values():
        worker.terminate()
        assert worker.exit_code == 0
    for name in WORKERS:
        new.worker(name).start()
    for name in WORKERS:
        new.worker(name).wait_ready()
    _orders_end(Shop(new), "forth")


def _orders_end(shop: Shop, phase: str) -> None:
    """Four orders, one of which the provider fails: delivered or refunded, each once."""
    shop.fault("upsampler", fault="failed", match="launch-pad", count=1)
    kinds = (CAT, LAUNCH_PAD, CAT, CAT)
    purchases = [shop.buy(kind, f"{phase}{number}@customer.example") for number, kind in enumerate(kinds)]
    shop.wait_over(purchases, 90)
    assert [shop.submissions(purchase) for purchase in purchases] == [1] * len(kinds)
    assert [shop.refunds(purchase) for purchase in purchases] == [int(kind == LAUNCH_PAD) for kind in kinds]

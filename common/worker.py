"""A worker process: migrates, connects, runs its lanes, answers its health port, drains on SIGTERM."""

import argparse
import ctypes
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

import structlog

from common import crash, health, logs, privileges, restored, tracing
from common.broker import Broker
from common.database import Database, DatabaseAwayError, Limits
from common.lane import Lane
from common.metrics import Metrics
from common.publisher import Patience
from common.runtime import LaneRunner
from common.schema import OldSchemaError, migrate
from common.settings import CommonSettings
from common.stages import Plan, Stage, plans
from common.switches import CLOCK, LaneSwitch, Switchboard

DRAIN_S = 8.0
LEAVE_S = 9.5  # supervisors kill after ten: by then a server that does not answer has been left as it is
START_WAIT_S = 0.5
STUCK_S = 30.0
M_ARENA_MAX = -8  # malloc.h
GC_EVERY = 20_000  # objects made and not freed since the last collection

log = structlog.get_logger()


class Ticker(Protocol):
    """A source of work that is no queue (the clock, an HTTP server): runs until `stop` is set."""

    name: str

    def run(self, stop: threading.Event) -> None: ...


class Worker:
    """What a service's `__main__` puts together. `lanes` by name: built only when they run."""

    def __init__(self, service: str, settings: CommonSettings) -> None:
        privileges.hide()
        self.service = service
        self.settings = settings
        self.metrics = Metrics()
        self.metrics.started(service)
        logs.configure(service, settings.log_format, settings.log_level)
        tracing.configure(service, settings.otel_exporter_otlp_endpoint)
        crash.arm(settings.test_crash_points, settings.test_mutant)
        limits = Limits(settings.database_statement_s, settings.database_lock_s)
        guard = partial(restored.guard, promotions=settings.pause_on_promotion)
        self.database = Database(
            settings.database_url, settings.database_connections, settings.database_wait_s, limits, guard
        )
        patience = Patience(settings.heartbeat_s, settings.confirm_timeout_s)
        self.broker = Broker(settings.amqp_url, service, self.metrics.returned, patience)
        self.plans: Mapping[Stage, Plan] = plans(settings)
        self._stop = threading.Event()
        self._runners: list[LaneRunner] = []
        self._tickers: list[threading.Thread] = []

    def run(self, lanes: Mapping[str, Callable[[], Lane]], tickers: Mapping[str, Callable[[], Ticker]]) -> None:
        """Run the lanes asked for on the command line (all by default) until SIGTERM or SIGINT."""
        wanted = _wanted(self.service, [*lanes, *tickers])
        _allocate_in_one_place()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        server = health.serve(
            self.settings.metrics_host, self.settings.metrics_port, lambda: not self._stuck(), self._checks()
        )
        self._migrate()
        if self._stop.is_set():
            return  # told to stop before it had a database
        self.database.open()
        for name in wanted:
            if name in lanes:
                self._add(lanes[name]())
        switches = self._switchboard([CLOCK] if CLOCK in wanted else [])
        while not switches.look() and not self._stop.wait(START_WAIT_S):
            pass  # what starts while it is paused starts paused
        self.broker.start()
        for name in wanted:
            if name in tickers:
                self._tick(tickers[name]())
        self._tick(switches)
        _collect_seldom()
        log.info("worker.started", lanes=wanted)
        self._supervise()
        self._drain()
        switches.leave()
        self.database.close()
        tracing.close()
        server.shutdown()

    def _add(self, lane: Lane) -> None:
        runner = LaneRunner(lane, self.database, self.plans, self.metrics)
        runner.attach(self.broker)
        self._runners.append(runner)

    def _tick(self, ticker: Ticker) -> None:
        thread = threading.Thread(target=ticker.run, args=[self._stop], name=ticker.name, daemon=True)
        thread.start()
        self._tickers.append(thread)

    def _switchboard(self, others: list[str]) -> Switchboard:
        lanes = {runner.lane.name: LaneSwitch(runner.tap, runner) for runner in self._runners}
        return Switchboard(self.database, self.service, lanes, others)

    def _migrate(self) -> None:
        """Wait for the database, with backoff, then bring its schema up to date; or wait for who does that."""
        delay_s = 0.2
        while not self._stop.is_set():
            try:
                for name in migrate(self.settings.database_url, allowed=self.settings.migrate, stopping=self._stop):
                    log.info("database.migrated", migration=name)
            except (DatabaseAwayError, OldSchemaError) as error:
                what = "schema.old" if isinstance(error, OldSchemaError) else "database.away"
                log.warning(what, error=str(error), retry_s=delay_s)
                self._stop.wait(delay_s)
                delay_s = min(delay_s * 2, 5)
            else:
                return

    def _checks(self) -> dict[str, Callable[[], bool]]:
        return {"database": self.database.alive, "broker": lambda: self.broker.ready}

    def _stuck(self) -> list[str]:
        """What died or hangs, by name; nothing in a healthy process."""
        checks = {
            "broker": time.monotonic() - self.broker.last_tick < STUCK_S,
            "database": not self.database.hangs,
            **{runner.lane.name: runner.alive for runner in self._runners},
            **{thread.name: thread.is_alive() for thread in self._tickers},
        }
        return [name for name, fine in checks.items() if not fine]

    def _supervise(self) -> None:
        """Until told to stop. A thread that died or hangs ends the process: its supervisor starts a whole one."""
        while not self._stop.wait(1.0):
            if stuck := self._stuck():
                log.critical("worker.stuck", what=stuck)
                os._exit(70)

    def _drain(self) -> None:
        leaving = threading.Timer(LEAVE_S, _leave)
        leaving.daemon = True
        leaving.start()
        deadline = time.monotonic() + DRAIN_S
        for runner in self._runners:
            runner.stop_taking()
        drained = [runner.drain(max(deadline - time.monotonic(), 0)) for runner in self._runners]
        for thread in self._tickers:
            thread.join(max(deadline - time.monotonic(), 0))
        self.broker.stop()
        log.info("worker.stopped", drained=all(drained))

    def _signalled(self, *_: object) -> None:
        if self._stop.is_set():
            os._exit(1)  # a second signal stops at once
        self._stop.set()


def _leave() -> None:
    """What is unfinished is as after a crash: it comes again."""
    log.warning("worker.left", after_s=LEAVE_S)
    os._exit(0)


def _allocate_in_one_place() -> None:
    """Else each thread has an arena of its own, and what is free in one is of no use to another: 3 to 5 MB."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):  # musl's knows no arenas
        libc.mallopt(M_ARENA_MAX, 1)


def _collect_seldom() -> None:
    """What was made until now stays, and deliveries leave no cycles: the collector would walk most of it in vain."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_EVERY, 20, 20)


def _wanted(service: str, names: Sequence[str]) -> list[str]:
    parser = argparse.ArgumentParser(prog=f"python -m services.{service}")
    parser.add_argument("--lane", choices=names, help="run this lane only; all by default")
    lane = parser.parse_args().lane
    return [lane] if lane else list(names)

"""Enlarger's own four workers, with the settings of a system in earnest but for `null:` and `memory:`."""

import json
from collections.abc import Mapping, Sequence
from uuid import UUID

from bench.contestant import Start
from bench.rig import Place
from common.events import CONTENT_TYPE, EXCHANGE, PaymentCompleted, encode
from local.layout import Addresses, Secrets, program, worker_settings
from local.processes import LocalError, Process
from local.stack import Member

STAGES = ("submitter", "poller", "finisher", "notifier")
SWITCHED_OFF = {"UPSAMPLER_URL": "null:", "STORAGE_URL": "memory:", "SMTP_URL": "null:"}


class Ours:
    """`settings` are further environment variables for every worker."""

    name = "Enlarger"

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._settings = dict(settings or {})
        self._members: list[Member] = []

    def processes(self, place: Place) -> Sequence[Process]:
        at = Addresses()
        told = worker_settings(place.folder, at, Secrets()) | SWITCHED_OFF | self._settings
        told |= {"DATABASE_URL": place.database_url, "AMQP_URL": place.amqp_url}
        self._members = [self._member(stage, told, at, place) for stage in STAGES]
        return self._members

    def wait_ready(self, place: Place) -> None:
        for member in self._members:
            member.wait_ready()
        for member in self._members:
            if not member.alive:
                raise LocalError(f"{member.name} ended by itself: {place.folder}\n{member.last_lines()}")

    def start_of(self, job_id: UUID) -> Start:
        body = encode(PaymentCompleted(job_id=job_id), "ingest").decode()
        return Start(EXCHANGE, PaymentCompleted.name, body, {"content_type": CONTENT_TYPE})

    @staticmethod
    def _member(stage: str, told: Mapping[str, str], at: Addresses, place: Place) -> Member:
        port = {"METRICS_PORT": str(at.health_ports[stage])}
        what = program(stage, f"services.{stage}", dict(told) | port, place.folder)
        return Member(what, place.folder / f"{stage}.log", f"{at.health(stage)}/readyz")


def log_lines(place: Place) -> dict[str, int]:
    """How many lines each worker logged above the level `info`: a measurement with warnings in it is none."""
    loud = dict.fromkeys(STAGES, 0)
    for stage in STAGES:
        for line in (place.folder / f"{stage}.log").read_text().splitlines():
            loud[stage] += not line.startswith("{") or json.loads(line).get("level") not in {"info", "debug"}
    return loud

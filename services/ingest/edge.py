"""What the routes stand on: settings, database, storage, Stripe, the broker. Routes take it as `Edge`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import Depends, Request

from common.admin.desk import Desk, Tools
from common.broker import Broker
from common.confirms import Message
from common.database import Database
from common.events import Event, encode
from common.metrics import PUBLISHED
from common.outbound import Guard
from common.pictures.examiner import Eyes
from common.provider import NULL_URL
from common.signing import Signer
from common.stages import HOUR_S, Plan, Stage
from common.storage import Storage
from services.ingest.metrics import UNPUBLISHED
from services.ingest.money.stripe import Stripe
from services.ingest.selling.outlook import Means, Outlook
from services.ingest.selling.pictures import Viewer
from services.ingest.selling.quotes import Tariff
from services.ingest.selling.wordpress import WordPress
from services.ingest.settings import IngestSettings

ACTOR = "ingest"

log = structlog.get_logger()


class Publisher:
    """Publishes after a commit, without waiting: what the broker does not take, the clock publishes later."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    @property
    def ready(self) -> bool:
        return self._broker.ready

    def publish(self, events: Sequence[Event]) -> None:
        for event in events:
            self._publish(event)

    def publish_and_wait(self, event: Event) -> bool:
        """True when the broker has it; False when it cannot be reached, or does not confirm in time."""
        return self._broker.ready and self._broker.publish_and_wait([Message(event.name, encode(event, ACTOR))])

    def _publish(self, event: Event) -> None:
        def then(ok: bool) -> None:  # noqa: FBT001 - the callback's shape
            if ok:
                PUBLISHED.labels(ACTOR, event.name).inc()
                return
            UNPUBLISHED.labels(event.name).inc()
            log.warning("publish.left_to_wake_up", event_name=event.name, job_id=str(event.job_id))

        self._broker.publish([Message(event.name, encode(event, ACTOR))], then)


@dataclass(frozen=True, slots=True)
class Parts:
    """One process's connections to everything else."""

    settings: IngestSettings
    plans: Mapping[Stage, Plan]
    database: Database
    storage: Storage
    signer: Signer
    stripe: Stripe
    wordpress: WordPress | None
    sources: Guard
    viewer: Viewer
    publisher: Publisher
    tariff: Tariff
    outlook: Outlook

    @classmethod
    def of(
        cls, settings: IngestSettings, plans: Mapping[Stage, Plan], database: Database, broker: Broker, stripe: Stripe
    ) -> "Parts":
        return cls(
            settings=settings,
            plans=plans,
            database=database,
            storage=Storage(settings.storage_url),
            signer=Signer(settings.secret_key),
            stripe=stripe,
            wordpress=WordPress(settings.wordpress_url) if settings.wordpress_url else None,
            sources=Guard(settings.picture_hosts, settings.outbound_allow),
            viewer=Viewer(Eyes(settings.bounds), settings.max_source_megapixels, settings.max_held_megapixels),
            publisher=Publisher(broker),
            tariff=Tariff.of(settings),
            outlook=Outlook(database, _means(settings)),
        )

    @property
    def desk(self) -> Desk:
        """Where people's decisions are carried out."""
        link_s = self.settings.download_ttl_hours * HOUR_S
        say = self.publisher.publish_and_wait
        return Desk(self.database, Tools(self.plans, self.promise_s, link_s, self.signer, self.storage, say))

    @property
    def promise_s(self) -> float:
        return self.settings.delivery_promise_hours * 3600


def _means(settings: IngestSettings) -> Means | None:
    promise_s = settings.delivery_promise_hours * HOUR_S
    return None if settings.upsampler_url == NULL_URL else Means(settings.limits, settings.hard_caps, promise_s)


def _edge(request: Request) -> Parts:
    parts: Parts = request.app.state.edge
    return parts


Edge = Annotated[Parts, Depends(_edge)]

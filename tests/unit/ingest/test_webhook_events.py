"""docs/install.md tells which events Stripe must send: those that are acted on, no more and no fewer."""

import re

from local.bootstrap import ROOT
from services.ingest.money import stripe_events


def test_the_document_names_every_event_that_is_acted_on() -> None:
    document = (ROOT / "docs/install.md").read_text("utf-8")
    [block] = re.findall(r"for these events:\n\n```\n(.*?)```", document, re.DOTALL)
    acted_on = stripe_events.ABOUT_SESSIONS | stripe_events.ABOUT_INTENTS | stripe_events.ABOUT_MONEY
    assert set(block.split()) == acted_on

"""Faults of the outside world, asked of the stand-ins, and of the storage: F25 to F33, F36."""

import errno
import time
from random import Random
from typing import Any

from tests.chaos.world import World

Choice = tuple[str, dict[str, Any]]

AMBIGUOUS: tuple[Choice, ...] = (("answer_lost", {}), ("hang", {"seconds": 4}), ("garbage", {}))
PROVIDER: tuple[Choice, ...] = (
    ("http_429", {"seconds": 1}), ("http_500", {}), ("http_503", {}), ("refuse", {}),
    ("status_429", {"seconds": 1}), ("status_500", {}), ("status_404", {}), ("status_hang", {"seconds": 4}),
    ("status_unknown", {}), ("slow_drip", {"seconds": 3}), ("stuck", {}),
)  # fmt: skip
PROVIDER_WEBHOOKS: tuple[Choice, ...] = (
    ("webhook_lost", {}), ("webhook_duplicate", {}), ("webhook_early", {}), ("webhook_forged", {}),
)  # fmt: skip
RESULTS: tuple[Choice, ...] = tuple(
    (name, {}) for name in ("truncated", "truncated_quiet", "wrong_size", "not_an_image", "result_404", "redirect")
)
FAILURES: tuple[Choice, ...] = (("failed", {}), ("failed_at_once", {}), ("failed_then_done", {"seconds": 1}))
STRIPE_EVENTS: tuple[Choice, ...] = (
    ("webhook_lost", {}), ("webhook_duplicate", {}), ("webhook_delay", {"seconds": 3}),
    ("webhook_reorder", {"seconds": 3}), ("webhook_bad_signature", {}), ("webhook_old", {}), ("webhook_future", {}),
)  # fmt: skip
REFUNDS: tuple[Choice, ...] = (
    ("timeout_after_accept", {"seconds": 4}), ("http_500", {"effect": True}), ("http_429", {}), ("http_409", {}),
    ("refuse_before", {}), ("slow", {"seconds": 4}),
)  # fmt: skip
SLOW: tuple[Choice, ...] = (("slow", {"seconds": 3}),)
MAILS: tuple[Choice, ...] = (("drop_before_250", {}), ("tempfail", {}), ("close_421", {}), ("slow", {"seconds": 4}))


def ambiguous_submission(world: World, chances: Random) -> int:
    return _instead(world, chances.choice(AMBIGUOUS), count=2)


def provider_trouble(world: World, chances: Random) -> int:
    return _instead(world, chances.choice(PROVIDER), count=3)


def provider_webhooks(world: World, chances: Random) -> int:
    return _arm(world, "upsampler", chances.choice(PROVIDER_WEBHOOKS), count=3)


def bad_results(world: World, chances: Random) -> int:
    return _arm(world, "upsampler", chances.choice(RESULTS), count=1)


def provider_fails(world: World, chances: Random) -> int:
    return _arm(world, "upsampler", chances.choice(FAILURES), count=2)


def stripe_events(world: World, chances: Random) -> int:
    return _arm(world, "stripe", chances.choice(STRIPE_EVENTS), count=3)


def refund_trouble(world: World, chances: Random) -> int:
    """There must be refunds for it: one order fails."""
    world.arm("upsampler", "failed")
    return _arm(world, "stripe", chances.choice(REFUNDS), match="/v1/refunds")


def mail_trouble(world: World, chances: Random) -> int:
    return _arm(world, "inbox", chances.choice(MAILS), count=2)


def slow_provider(world: World, chances: Random) -> int:
    """Every picture takes longer for a while; the burst of orders comes with the customers."""
    return _arm(world, "upsampler", chances.choice(SLOW), count=10)


def full_storage(world: World, chances: Random) -> int:
    """No byte is left on the file system of the pictures; where it is not ours to fill, no file may be made there."""
    folder = world.stack.folder / "files"
    with world.diary.disturbing("F33", "storage"):
        if not folder.is_mount():
            folder.chmod(0o500)
            time.sleep(chances.uniform(2, 4))
            folder.chmod(0o700)
            return 1
        filler = folder / f"filler-{chances.getrandbits(32):08x}"  # on a slow machine two of these meet
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 20))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
        time.sleep(chances.uniform(2, 4))
        filler.unlink()
    return 1


def _instead(world: World, choice: Choice, **more: Any) -> int:
    """Trouble with calls replaces what did not bite yet: while the breaker is open it would heap up, and only one order
    after the other would wear it down.
    """
    for name, _ in AMBIGUOUS + PROVIDER:
        world.stand_in("upsampler", "DELETE", f"/sandbox/faults?fault={name}")
    return _arm(world, "upsampler", choice, **more)


def _arm(world: World, name: str, choice: Choice, **more: Any) -> int:
    """The stand-in counts for itself how often it bites."""
    fault, options = choice
    world.arm(name, fault, **options, **more)
    return 0


# (stand-in, its fault) -> our number.
NUMBERS = {
    (stand_in, fault): number
    for stand_in, number, choices in (
        ("upsampler", "F25", AMBIGUOUS),
        ("upsampler", "F26", PROVIDER),
        ("upsampler", "F27", PROVIDER_WEBHOOKS),
        ("upsampler", "F28", RESULTS),
        ("upsampler", "F29", FAILURES),
        ("upsampler", "F36", SLOW),
        ("stripe", "F30", STRIPE_EVENTS),
        ("stripe", "F31", REFUNDS),
        ("inbox", "F32", MAILS),
    )
    for fault, _ in choices
}

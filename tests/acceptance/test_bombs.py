"""Results that are small and pretend to be enormous: the customer is refunded, and the worker lives on."""

from collections.abc import Iterator

import pytest
import requests

from local.stack import Stack
from tests.acceptance.shop import CAT, LAUNCH_PAD, Shop

BOMBS = {"png_bomb": CAT, "gzip_bomb": LAUNCH_PAD}
NAMES = {CAT: "cat.jpg", LAUNCH_PAD: "launch-pad"}


@pytest.fixture
def shop(quick_stack: Stack) -> Iterator[Shop]:
    yield Shop(quick_stack)
    requests.delete(f"{quick_stack.at.sandbox('upsampler')}/sandbox/faults", timeout=10).raise_for_status()


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refunded_and_the_worker_lives(shop: Shop, bomb: str) -> None:
    wrong = BOMBS[bomb]
    shop.fault("upsampler", fault=bomb, match=NAMES[wrong], count=0)
    other = next(photograph for photograph in BOMBS.values() if photograph != wrong)
    bombed, fine = shop.buy(wrong, f"{bomb}@a.example"), shop.buy(other, f"beside-{bomb}@b.example")
    shop.wait_over([bombed, fine], within_s=90)

    assert shop.refunds(bombed) == 1
    assert shop.refunds(fine) == 0
    assert shop.status(fine)["status"] == "completed"
    assert {line["fault"] for line in shop.ledger("upsampler")["downloads"]} >= {bomb, None}
    shop.stack.check()  # raises where a process ended by itself

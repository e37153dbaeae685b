"""Stripe's signatures: whose, and when."""

import time

import pytest

from services.ingest.money.stripe import BadSignatureError, verified
from tests.integration.ingest.shop import event, signed

BODY = event("some.event", "evt_1", {"id": "x"})
SECRETS = ["whsec_new", "whsec_old"]


def _verify(body: bytes = BODY, *, secret: str = SECRETS[0], at: float | None = None) -> None:
    verified(body, signed(BODY, secret=secret, at=at)["Stripe-Signature"], SECRETS)


@pytest.mark.parametrize("secret", SECRETS)
def test_any_of_the_secrets_will_do(secret: str) -> None:
    _verify(secret=secret)


@pytest.mark.parametrize("offset_s", [-295, 295])
def test_within_five_minutes_it_is_taken(offset_s: float) -> None:
    _verify(at=time.time() + offset_s)


@pytest.mark.parametrize("offset_s", [-302, 305, 86_400 * 365])
def test_later_or_earlier_it_is_refused(offset_s: float) -> None:
    with pytest.raises(BadSignatureError):
        _verify(at=time.time() + offset_s)


def test_a_strangers_secret_is_refused() -> None:
    with pytest.raises(BadSignatureError):
        _verify(secret="whsec_other")


@pytest.mark.parametrize("position", range(0, len(BODY), 7))
def test_one_flipped_bit_is_refused(position: int) -> None:
    changed = bytearray(BODY)
    changed[position] ^= 1
    with pytest.raises(BadSignatureError):
        _verify(bytes(changed))


@pytest.mark.parametrize("header", [None, "", "t=,v1=", "t=1", "v1=ab", "t=1=2,v1=00", "x", "t=٣,v1=00"])
def test_what_is_no_signature_is_refused(header: str | None) -> None:
    with pytest.raises(BadSignatureError):
        verified(BODY, header, SECRETS)


def test_an_older_scheme_is_not_enough() -> None:
    header = signed(BODY)["Stripe-Signature"].replace("v1=", "v0=")
    with pytest.raises(BadSignatureError):
        verified(BODY, header, SECRETS)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(BadSignatureError):
        verified(b"\xff\xfe", "t=1,v1=00", SECRETS)

"""Signatures: each use in its own domain, keys that rotate, and no two lists of parts that look alike."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from common.signing import Signer, hash_token

JOB = UUID("018f0000-0000-7000-8000-000000000001")
OLD, NEW = "o" * 32, "n" * 32
WORDS = st.lists(st.text(max_size=5), min_size=1, max_size=4)


def _signer(*keys: str) -> Signer:
    return Signer(SecretStr(",".join(keys)))


def test_a_signature_is_good_for_what_was_signed() -> None:
    signature = _signer(NEW).sign("source", JOB, 7)

    assert _signer(NEW).verify(signature, "source", JOB, 7)
    assert not _signer(NEW).verify(signature, "source", JOB, 8)


def test_a_signature_of_one_use_is_worthless_in_another() -> None:
    signer = _signer(NEW)

    assert not signer.verify(signer.sign("source", JOB, 1), "upsampler-webhook", JOB, 1)
    assert signer.download_token(JOB, 1) not in {signer.sign(d, JOB, 1) for d in ("source", "upsampler-webhook")}


def test_the_first_key_signs_and_all_verify() -> None:
    rotated = _signer(NEW, OLD)

    assert rotated.verify(_signer(OLD).sign("source", JOB), "source", JOB)
    assert rotated.sign("source", JOB) == _signer(NEW).sign("source", JOB)
    assert not _signer(OLD).verify(rotated.sign("source", JOB), "source", JOB)


@given(WORDS, WORDS)
def test_no_two_lists_of_parts_share_a_signature(one: list[str], other: list[str]) -> None:
    signer = _signer(NEW)

    assert (signer.sign(*one) == signer.sign(*other)) == (one == other)


@given(st.text(max_size=80))
def test_no_other_text_passes_for_a_signature(text: str) -> None:
    signer = _signer(NEW)

    assert signer.verify(text, "source", JOB) == (text == signer.sign("source", JOB))


def test_a_token_is_64_hex_characters_and_another_for_each_generation() -> None:
    tokens = {_signer(NEW).download_token(JOB, generation) for generation in range(1, 20)}

    assert len(tokens) == 19
    assert all(len(token) == 64 and set(token) <= set("0123456789abcdef") for token in tokens)


def test_a_token_is_found_again_after_the_key_was_rotated() -> None:
    token = _signer(OLD).download_token(JOB, 1)

    assert _signer(NEW, OLD).find_download_token(JOB, 1, hash_token(token)) == token
    assert _signer(NEW).find_download_token(JOB, 1, hash_token(token)) is None


def test_keys_may_be_written_with_spaces_between() -> None:
    assert _signer(f" {NEW} ", f" {OLD}").sign("source", JOB) == _signer(NEW).sign("source", JOB)

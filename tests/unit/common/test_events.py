"""Events on the wire: what is written can be read, and what cannot be read says why in words."""

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events import EVENTS, Event, MalformedMessageError, PaymentCompleted, UpscaleDone, decode, encode

JOB = "018f0000-0000-7000-8000-000000000001"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("cls", EVENTS.values(), ids=EVENTS.keys())
def test_every_event_comes_back_as_it_was_sent(cls: type[Event]) -> None:
    event = cls(job_id=UUID(JOB), traceparent=TRACE)

    assert decode(encode(event, "tests"), cls) == event


@given(st.uuids(), st.booleans(), st.none() | st.text(max_size=100).filter(lambda text: text.isprintable()))
def test_an_override_comes_back_as_it_was_sent(job_id: UUID, override: bool, request_id: str | None) -> None:  # noqa: FBT001
    event = PaymentCompleted(job_id=job_id, admin_override=override, request_id=request_id)

    assert decode(encode(event, "tests"), PaymentCompleted) == event


@pytest.mark.parametrize("cls", EVENTS.values(), ids=EVENTS.keys())
def test_a_bare_job_id_published_by_hand_is_enough(cls: type[Event]) -> None:
    assert decode(json.dumps({"job_id": JOB}).encode(), cls) == cls(job_id=UUID(JOB))


def test_the_envelope_is_a_cloud_event() -> None:
    envelope = json.loads(encode(UpscaleDone(job_id=UUID(JOB), attempt=2, traceparent=TRACE), "poller"))

    assert envelope["specversion"] == "1.0"
    assert envelope["type"] == "upscale.done"
    assert envelope["source"] == "/enlarger/poller"
    assert envelope["traceparent"] == TRACE
    assert envelope["data"] == {"job_id": JOB, "attempt": 2}


def _cloud(**changes: Any) -> bytes:
    return json.dumps({"specversion": "1.0", "type": "upscale.done", "data": {"job_id": JOB}} | changes).encode()


MALFORMED = {
    "nothing at all": (b"", "not JSON"),
    "words": (b"retry order 7", "not JSON"),
    "half of a message": (_cloud()[:40], "not JSON"),
    "bytes that are no text": (b"\xff\xfe\x00", "not JSON"),
    "brackets without end": (b"[" * 200_000, "nested too deeply"),
    "objects without end": (b'{"a":' * 200_000, "nested too deeply"),
    "a number too long to read": (b'{"job_id": ' + b"9" * 10_000 + b"}", "not JSON"),
    "a list": (f'["{JOB}"]'.encode(), "must be a JSON object"),
    "a bare id": (f'"{JOB}"'.encode(), "must be a JSON object"),
    "null": (b"null", "must be a JSON object"),
    "an empty object": (b"{}", "the field job_id is missing"),
    "another event's type": (_cloud(type="job.completed"), "this queue takes 'upscale.done'"),
    "a type that is no word": (_cloud(type=7), "the body says type 7"),
    "no data": (_cloud(data=None), "the field job_id is missing"),
    "data that is a list": (_cloud(data=[JOB]), "the field job_id is missing"),
    "an id that is none": (_cloud(data={"job_id": "order-7"}), "job_id: Input should be a valid UUID"),
    "an id of another kind": (_cloud(data={"job_id": 7}), "job_id: UUID input should be"),
    "an attempt below one": (_cloud(data={"job_id": JOB, "attempt": 0}), "attempt: Input should be greater"),
    "an attempt in words": (_cloud(data={"job_id": JOB, "attempt": "first"}), "attempt: Input should be a valid"),
    "a mistyped field": (_cloud(data={"job_id": JOB, "atempt": 1}), "'atempt': did you mean attempt?"),
    "a ticket for an id": (_cloud(data={"job_id": "tk_1"}), "this is a customer's ticket"),
    "a field that nobody knows": (
        _cloud(data={"job_id": JOB, "amount": 5}),
        "there is no field 'amount': it takes job_id, attempt",
    ),
    "a lone surrogate": (b'{"job_id": "\\ud800"}', "not JSON"),
}


@pytest.mark.parametrize(("body", "reason"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_message_says_what_is_wrong(body: bytes, reason: str) -> None:
    with pytest.raises(MalformedMessageError, match=r".+") as refusal:
        decode(body, UpscaleDone)

    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    "body",
    [_cloud(type="x" * 1_000_000), json.dumps({f"field{n}": n for n in range(20_000)}).encode()],
    ids=["a huge type", "thousands of unknown fields"],
)
def test_a_reason_fits_into_a_header(body: bytes) -> None:
    with pytest.raises(MalformedMessageError) as refusal:
        decode(body, UpscaleDone)

    assert len(str(refusal.value)) <= 1000


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_the_refusal(body: bytes) -> None:
    with pytest.raises(MalformedMessageError, match=r".+"):
        decode(body, UpscaleDone)

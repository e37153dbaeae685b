"""One byte range, as RFC 9110 has it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.web.ranges import Part, Unsatisfiable, Whole, parse

SIZE = 1000


@pytest.mark.parametrize(
    ("header", "answer"),
    [
        ("bytes=0-499", Part(0, 500)),
        ("bytes=500-", Part(500, 1000)),
        ("bytes=-200", Part(800, 1000)),
        ("bytes=999-999", Part(999, 1000)),
        ("bytes=0-99999", Part(0, 1000)),
        ("bytes=-99999", Part(0, 1000)),
        ("bytes=1000-", Unsatisfiable()),
        ("bytes=-0", Unsatisfiable()),
        ("bytes=5-4", Whole()),
        ("bytes=-", Whole()),
        ("bytes=0-1,5-6", Whole()),
        ("items=0-1", Whole()),
        ("bytes=٣-", Whole()),
        ("bytes=a-b", Whole()),
        (None, Whole()),
    ],
)
def test_ranges(header: str | None, answer: Part | Whole | Unsatisfiable) -> None:
    assert parse(header, SIZE) == answer


def test_a_part_of_another_file_is_not_continued() -> None:
    assert parse("bytes=5-", SIZE, '"old"', '"new"') == Whole()
    assert parse("bytes=5-", SIZE, '"new"', '"new"') == Part(5, SIZE)


def test_without_an_etag_nothing_is_continued_conditionally() -> None:
    assert parse("bytes=5-", SIZE, "Wed, 21 Oct 2026 07:28:00 GMT", '"new"') == Whole()


@given(st.text(max_size=30), st.integers(min_value=0, max_value=10**12))
def test_whatever_is_asked_a_part_lies_inside_the_file(header: str, size: int) -> None:
    part = parse(f"bytes={header}", size)
    if isinstance(part, Part):
        assert 0 <= part.start < part.end <= size

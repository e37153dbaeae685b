"""Where records lie: one table per kind, in the order of their making. No rule of Stripe's stands here."""

from collections import defaultdict
from typing import TypeVar

from sandbox.stripe.inputs import Page, Range
from sandbox.stripe.records import Record
from sandbox.stripe.refusals import Refusal, missing

Row = TypeVar("Row", bound=Record)


class Tables:
    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Record]] = defaultdict(dict)

    def add(self, row: Row) -> Row:
        self._rows[row.object][row.id] = row
        return row

    def get(self, kind: type[Row], row_id: str, *, param: str = "id", in_path: bool = True) -> Row:
        """Refuses an unknown id as Stripe does."""
        row = self._rows[kind.object].get(row_id)
        if not isinstance(row, kind):
            raise missing(kind.object, row_id, param=param, in_path=in_path)
        return row

    def find(self, row_id: str) -> Record | None:
        return next((rows[row_id] for rows in self._rows.values() if row_id in rows), None)

    def every(self, kind: type[Row]) -> list[Row]:
        """Oldest first."""
        return [row for row in self._rows[kind.object].values() if isinstance(row, kind)]

    def page(self, kind: type[Row], page: Page, **wanted: str | None) -> tuple[list[Row], bool]:
        """Newest first; the rows whose attributes equal what is wanted, and whether more follow."""
        asked = {name: value for name, value in wanted.items() if value is not None}
        rows = [
            row
            for row in reversed(self.every(kind))
            if _in_time(row.created, page.created) and all(getattr(row, name) == value for name, value in asked.items())
        ]
        if page.ending_before:
            rows = rows[: _place(rows, page.ending_before, "ending_before")]
            return rows[-page.limit :], len(rows) > page.limit
        if page.starting_after:
            rows = rows[_place(rows, page.starting_after, "starting_after") + 1 :]
        return rows[: page.limit], len(rows) > page.limit


def _in_time(created: int, wanted: Range | int | None) -> bool:
    if isinstance(wanted, Range):
        return wanted.holds(created)
    return wanted is None or created == wanted


def _place(rows: list[Row], row_id: str, param: str) -> int:
    place = next((number for number, row in enumerate(rows) if row.id == row_id), None)
    if place is None:
        raise Refusal(400, f"No such object in this list: '{row_id}'", "resource_missing", param)
    return place

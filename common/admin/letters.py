"""Dead letters, as decisions of people: what is published again, or thrown away, is on record before it is."""

from collections.abc import Sequence

from common.admin import audit
from common.admin.audit import Decision
from common.admin.desk import RefusedError
from common.database import Database
from common.inspection import Inspection, Letter


def chosen(broker: Inspection, ids: Sequence[str]) -> list[Letter]:
    """The letters with these ids. Raises RefusedError when one is not there."""
    letters = broker.letters()
    unknown = set(ids) - {letter.letter_id for letter in letters}
    if unknown:
        raise RefusedError("unknown_letter", f"There is no dead letter {', '.join(sorted(unknown))}.")
    return [letter for letter in letters if letter.letter_id in ids]


def replay(database: Database, broker: Inspection, letters: Sequence[Letter], decision: Decision) -> None:
    """Publish them again as they were. Raises RefusedError for those that the broker did not take."""
    _note(database, letters, "dead_replay", decision)
    if left := broker.replay(letters):
        names = ", ".join(letter.letter_id for letter in left)
        raise RefusedError("not_taken", f"The broker did not take {names} again; it is where it was.")


def drop(database: Database, broker: Inspection, letters: Sequence[Letter], decision: Decision) -> None:
    """Throw them away."""
    _note(database, letters, "dead_drop", decision)
    broker.drop(letters)


def document(letter: Letter) -> dict[str, str]:
    """A letter as it is shown and put on record."""
    return {
        "id": letter.letter_id,
        "queue": letter.queue,
        "routing_key": letter.routing_key,
        "reason": letter.reason,
        "body": letter.body.decode("utf-8", "replace"),
    }


def _note(database: Database, letters: Sequence[Letter], verb: str, decision: Decision) -> None:
    with database.transaction() as tx:
        for letter in letters:
            audit.record(tx, decision, verb, None, document(letter))

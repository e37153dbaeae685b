"""A lane's transaction on the wire: statements travel together, and only an answer that is looked at is waited for.

By itself psycopg waits for each statement, for the BEGIN before the first and for the COMMIT: five to eight waits where
two or three do. Its own pipeline mode waits less and costs more in Python than that saves (docs/decisions/0035). A
statement sees what was committed until it runs, not until it is sent: behind the one that locks, each still reads fresh
rows. An error is raised where an answer is looked at, at the latest by `commit`.
"""

import select
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import adapt, errors, pq
from psycopg._preparing import Prepare
from psycopg._queries import PostgresQuery
from psycopg.abc import Transformer
from psycopg.rows import TupleRow

Values = Mapping[str, Any] | Sequence[Any] | None
_FINE = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK, pq.ExecStatus.EMPTY_QUERY)
_BINARY = pq.Format.BINARY  # of answers: half the price of texts, here and there
_IDLE, _OK, _BAD = pq.TransactionStatus.IDLE, pq.ConnStatus.OK, pq.ConnStatus.BAD


def _word(text: bytes) -> PostgresQuery:
    query = PostgresQuery(adapt.Transformer())
    query.query = text
    return query


_BEGIN, _COMMIT = _word(b"BEGIN"), _word(b"COMMIT")


class Answer:
    """A statement's rows, as a cursor's: waited for when they are looked at."""

    __slots__ = ("_of", "known", "result")

    def __init__(self, of: "Pipelined", known: tuple[Any, Prepare, bytes] | None = None) -> None:
        self._of = of
        self.known = known  # what psycopg's book of prepared statements is told with the result
        self.result: Any = None

    def fetchall(self) -> list[TupleRow]:
        return self._of.rows(self)

    def fetchone(self) -> TupleRow | None:
        return next(iter(self._of.rows(self)), None)

    def __iter__(self) -> Iterator[TupleRow]:
        return iter(self._of.rows(self))


class Pipelined:
    """What a lane's modules take for a transaction. One thread uses it, until `commit` or `abandon`.

    Which statements the server has prepared stands in psycopg's own book: a roll-back of its empties both.
    """

    def __init__(self, connection: psycopg.Connection[Any], conversions: Transformer) -> None:
        self._connection = connection
        self._wire = connection.pgconn
        self._book = connection._prepared  # noqa: SLF001 - see above
        self._adapt: Transformer | None = conversions  # the connection's, until the COMMIT: then others have it
        self._sent: deque[Answer] = deque()
        self._ahead: dict[str | bytes, tuple[Values, Answer]] = {}
        self._syncs = 0  # sent, and not heard of yet
        self._unasked = False  # whether the server was sent what it need not answer at once
        self._ended: Answer | None = None  # the COMMIT's, once it is sent

    def ahead(self, statement: str, values: Mapping[str, Any]) -> None:
        """Send a question that is asked next, unless something else comes between: that could change its answer."""
        self._ahead[statement] = (values, self._execute(statement, values))

    def execute(self, statement: str | bytes, values: Values = None) -> Answer:
        """Send a statement with what is sent next, or with the next look at an answer."""
        meant, answer = self._ahead.pop(statement, (None, None))
        if answer and meant == values:
            return answer
        self._ahead.clear()
        return self._execute(statement, values)

    def _execute(self, statement: str | bytes, values: Values) -> Answer:
        self._begin()
        query = PostgresQuery(self._conversions)
        query.convert(statement, values)
        self._unasked = True
        return self._send(query, *self._book.get(query))

    def _say(self, word: PostgresQuery) -> Answer:
        """Send one of the two words of every transaction: under a name that says which, for who listens on the wire."""
        prepare, name = self._book.get(word, prepare=True)
        return self._send(word, prepare, name + b"_" + word.query if prepare is Prepare.SHOULD else name)

    def _send(self, query: PostgresQuery, prepare: Prepare, name: bytes) -> Answer:
        if prepare is Prepare.SHOULD:
            self._wire.send_prepare(name, query.query, query.types)
            self._sent.append(Answer(self))
        if prepare is Prepare.NO:
            self._wire.send_query_params(query.query, query.params, query.types, query.formats, _BINARY)
        else:
            self._wire.send_query_prepared(name, query.params, query.formats, _BINARY)
        key = self._book.maybe_add_to_cache(query, prepare, name)
        answer = Answer(self, None if key is None else (key, prepare, name))
        self._sent.append(answer)
        return answer

    def cursor(self, **more: Any) -> Any:
        """A cursor of psycopg's own, for who wants its rows in another shape: it waits for each statement."""
        self._ahead.clear()
        self._begin()
        self._settle()
        return self._connection.cursor(**more)

    def rows(self, answer: Answer) -> list[TupleRow]:
        if answer.result is None and self._unasked:
            self._wire.send_flush_request()
            self._flush()
            self._unasked = False
        while answer.result is None:
            self._hear()
        if answer.result.status != pq.ExecStatus.TUPLES_OK:
            return []
        conversions = self._conversions
        conversions.set_pgresult(answer.result)
        return conversions.load_rows(0, answer.result.ntuples, tuple)

    @property
    def _conversions(self) -> Transformer:
        if self._adapt is None:
            self._adapt = adapt.Transformer(self._connection)
        return self._adapt

    def send_commit(self) -> None:
        """Send what was not sent yet with the COMMIT, the last statement, for which `commit` waits: what is raised from
        now on undoes nothing.
        """
        if self._wire.transaction_status == _IDLE and not self._wire.pipeline_status:
            return
        self._begin()
        self._ended = self._say(_COMMIT)
        self._sync()

    def commit(self) -> None:
        """Wait for all that was sent, with the COMMIT. Raises the first error.

        What was answered may still be looked at; the connection may be another's by then.
        """
        if self._ended is None:
            self.send_commit()
        if (ended := self._ended) is None:
            return
        self._settle()
        self._adapt = None
        if ended.result.command_status != b"COMMIT":  # PostgreSQL's word for that is no error
            raise psycopg.InternalError("the transaction had failed before its COMMIT, which rolled it back")
        _maintain(self._connection)

    def abandon(self) -> None:
        """Something was raised: leave the connection as psycopg can roll it back, or close it."""
        if self._wire.status != _OK or not self._wire.pipeline_status:
            return
        try:
            self._to_the_end()
        except psycopg.Error:  # it is lost: nothing is left to be rolled back
            self._connection.close()

    def _begin(self) -> None:
        if self._ended is not None:
            raise psycopg.InternalError("a statement after the COMMIT")
        if self._wire.pipeline_status:
            return
        begins = self._wire.transaction_status == _IDLE
        self._wire.enter_pipeline_mode()
        if begins:
            self._say(_BEGIN)

    def _settle(self) -> None:
        """Wait for all that was sent, and leave the pipeline."""
        if not self._syncs:
            self._sync()
        while self._sent:
            self._hear()
        self._to_the_end()

    def _sync(self) -> None:
        self._wire.pipeline_sync()
        self._syncs += 1
        self._flush()

    def _to_the_end(self) -> None:
        """Read past all that an error left unread, and leave the pipeline."""
        self._sent.clear()
        if not self._syncs:
            self._sync()
        while self._syncs:
            result = self._result()
            self._syncs -= result is not None and result.status == pq.ExecStatus.PIPELINE_SYNC
        self._wire.exit_pipeline_mode()

    def _hear(self) -> None:
        """Take the next result: it is that of the first statement that has none."""
        result = self._result()
        if result is None:
            raise psycopg.InternalError("a statement was not answered")
        if result.status not in _FINE:
            raise self._error(result)
        if self._result() is not None:
            raise psycopg.InternalError("a statement was answered twice")
        answer = self._sent.popleft()
        answer.result = result
        if answer.known:
            self._book.validate(*answer.known, [result])

    def _error(self, result: Any) -> psycopg.Error:
        if self._wire.status == _BAD:
            return psycopg.OperationalError(self._wire.get_error_message())
        return errors.error_from_result(result)

    def _result(self) -> Any:
        while self._wire.is_busy():
            self._wait(select.POLLIN)
            self._wire.consume_input()
        result = self._wire.get_result()
        if result is None and self._wire.status == _BAD:
            raise psycopg.OperationalError(self._wire.get_error_message())
        return result

    def _flush(self) -> None:
        """What does not fit into the socket waits until the server has read, and read its answers meanwhile."""
        while self._wire.flush():
            if self._wait(select.POLLIN | select.POLLOUT) & select.POLLIN:
                self._wire.consume_input()

    def _wait(self, what: int) -> int:
        poll = select.poll()
        poll.register(self._wire.socket, what)
        return poll.poll()[0][1]


def forget_prepared(connection: psycopg.Connection[Any]) -> None:
    """Empty psycopg's book and what its server has prepared, as a roll-back does that has something to roll back."""
    connection._prepared.clear()  # noqa: SLF001 - see Pipelined
    _maintain(connection)


def _maintain(connection: psycopg.Connection[Any]) -> None:
    if connection._prepared._to_flush:  # noqa: SLF001 - what it has put out of itself, for others
        connection.wait(connection._prepared.maintain_gen(connection))  # noqa: SLF001 - as above

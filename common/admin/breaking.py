"""Closing the provider's circuit breaker, as a person's decision: with an audit row."""

from common import breaker
from common.admin import audit
from common.admin.audit import Decision
from common.admin.desk import RefusedError
from common.database import Transaction


def close(tx: Transaction, decision: Decision) -> str:
    """What was wrong is mended: submissions go on at once. The answer is for people. Raises RefusedError."""
    state = breaker.read(tx, lock=True)
    if state.closed:
        raise RefusedError("state_forbids", "The breaker is closed already: submissions go.")
    breaker.close(tx)
    audit.record(tx, decision, "close_breaker", None, {"was": state.state.value, "why": state.why})
    return "The breaker is closed: orders go to the provider at once. It opens again if that still refuses."

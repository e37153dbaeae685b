"""Faults on request: a table of what a stand-in shall do wrong next, and the routes that fill it."""

import threading
from collections import Counter
from collections.abc import Collection
from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field


class Fault(BaseModel):
    """One fault to come. Fields beyond these belong to the fault itself and lie in `extra`."""

    model_config = ConfigDict(extra="allow")

    fault: str
    count: int = Field(default=1, ge=0, description="how many times; 0 = until deleted")
    match: str = Field(default="", description="only where this text occurs; empty = everywhere")
    seconds: float | None = Field(default=None, ge=0)

    @property
    def extra(self) -> dict[str, Any]:
        return self.model_extra or {}

    def lasting(self, default_s: float) -> float:
        return default_s if self.seconds is None else self.seconds


class UnknownFaultError(ValueError):
    """A fault that this stand-in does not have."""


class FaultTable:
    """The armed faults of one stand-in, oldest first. Safe to use from any thread."""

    def __init__(self, known: Collection[str]) -> None:
        self.known = frozenset(known)
        self._armed: list[Fault] = []
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Arm `fault`. Raises UnknownFaultError: a misspelt fault must not pass as one that never bit."""
        if fault.fault not in self.known:
            raise UnknownFaultError(f"unknown fault {fault.fault!r}; known: {', '.join(sorted(self.known))}")
        with self._lock:
            self._armed.append(fault.model_copy())

    def take(self, names: str | Collection[str], text: str = "") -> Fault | None:
        """The oldest armed fault of these names whose `match` occurs in `text`, used up by one; or None."""
        wanted = {names} if isinstance(names, str) else set(names)
        with self._lock:
            for fault in self._armed:
                if fault.fault in wanted and fault.match in text:
                    self._use(fault)
                    return fault.model_copy()
        return None

    def _use(self, fault: Fault) -> None:
        self._taken[fault.fault] += 1
        if fault.count == 1:
            self._armed.remove(fault)
        elif fault.count > 1:
            fault.count -= 1

    def list(self) -> dict[str, Any]:
        """What is still armed, and how often each fault has bitten since the start."""
        with self._lock:
            return {"armed": [fault.model_dump() for fault in self._armed], "taken": dict(self._taken)}

    def clear(self, name: str | None = None) -> None:
        """Disarm all faults, or those of one name."""
        with self._lock:
            self._armed = [fault for fault in self._armed if name is not None and fault.fault != name]


def router(table: FaultTable) -> APIRouter:
    """`POST`, `GET` and `DELETE /sandbox/faults`; every answer is the table as it then stands."""
    routes = APIRouter(tags=["faults"])

    @routes.post("/sandbox/faults", status_code=201)
    def add(fault: Fault) -> dict[str, Any]:
        try:
            table.add(fault)
        except UnknownFaultError as error:
            raise HTTPException(422, str(error)) from error
        return table.list()

    @routes.get("/sandbox/faults")
    def show() -> dict[str, Any]:
        return table.list()

    @routes.delete("/sandbox/faults")
    def clear(fault: str | None = None) -> dict[str, Any]:
        table.clear(fault)
        return table.list()

    return routes

"""Answers that are not 200, as a table: their status, their error, and whether they name a time to return."""

import math
from dataclasses import dataclass

from starlette.responses import JSONResponse

from sandbox.faults import Fault
from sandbox.upsampler.wire import ErrorAnswer

RETRY_AFTER_S = 2.0


@dataclass(frozen=True)
class Refusal:
    status: int
    error: str | dict[str, str]
    retry_after: bool = False

    def answer(self, fault: Fault | None = None) -> JSONResponse:
        """The HTTP answer; a fault's `seconds` are its `Retry-After`."""
        seconds = fault.lasting(RETRY_AFTER_S) if fault else RETRY_AFTER_S
        headers = {"Retry-After": str(math.ceil(seconds))} if self.retry_after else {}
        return JSONResponse(ErrorAnswer(error=self.error).body(), self.status, headers)


# The contract allows an error to be a string or an object: both occur.
SUBMISSION: dict[str, Refusal] = {
    "http_400": Refusal(400, {"code": "invalid_image", "message": "The picture cannot be used"}),
    "http_401": Refusal(401, "Invalid API key"),
    "http_402": Refusal(402, {"code": "insufficient_credits", "message": "Not enough credits"}),
    "http_429": Refusal(429, "Too many requests", retry_after=True),
    "http_500": Refusal(500, "Internal error"),
    "http_503": Refusal(503, "Service unavailable"),
}

STATUS: dict[str, Refusal] = {
    "status_404": Refusal(404, "No such job"),
    "status_429": Refusal(429, "Too many requests", retry_after=True),
    "status_500": Refusal(500, "Internal error"),
}

"""What Stripe says no to, in the form in which it says it (https://docs.stripe.com/api/errors)."""

from dataclasses import dataclass


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818 - a no is no failure of ours
    """An error answer.

    `saved` tells whether it is kept under the idempotency key: Stripe keeps what happened once an endpoint
    began to work, and forgets requests that never got that far (bad parameters, rate limits).
    """

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    type: str = "invalid_request_error"
    saved: bool = True

    def body(self) -> dict[str, object]:
        error: dict[str, object] = {"message": self.message, "type": self.type}
        if self.code:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param:
            error["param"] = self.param
        return {"error": error}


def missing(kind: str, object_id: str, *, param: str, in_path: bool) -> Refusal:
    """Stripe answers 404 for an unknown id in the URL and 400 for one in the parameters."""
    message = f"No such {kind}: '{object_id}'"
    return Refusal(404 if in_path else 400, message, "resource_missing", param)


def invalid(message: str, code: str | None, param: str | None) -> Refusal:
    return Refusal(400, message, code, param, saved=False)

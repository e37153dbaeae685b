"""A customer of the sandbox's shop: orders, pays, waits and downloads through the public HTTP routes alone."""

from dataclasses import dataclass
from typing import Any

import requests

from local.processes import LocalError
from local.stack import Stack

_TIMEOUT_S = 10.0
_DOWNLOAD_S = 60.0
_ROUTES = "/wp-json/smi/v1"


@dataclass(frozen=True)
class Purchase:
    """An order as its customer knows it: the ticket, and the payment page."""

    ticket: str
    checkout_url: str
    title: str
    source_url: str
    email: str

    @property
    def session_id(self) -> str:
        """Stripe's id of the payment page."""
        return self.checkout_url.rstrip("/").rpartition("/")[2]


class Customer:
    """Raises `LocalError` with the answer's own words when a route refuses."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._session = requests.Session()
        self._session.trust_env = False

    def order(self, attachment_id: int, resolution: str, email: str) -> Purchase:
        """Chooses a photograph and goes to the checkout, as the plugin's button does."""
        photo = self._json("GET", f"{self._stack.at.shop}/wp-json/wp/v2/media/{attachment_id}")
        form = {"attachment_id": attachment_id, "post_id": 1, "resolution": resolution, "email": email}
        answer = self._json("POST", f"{self._stack.at.ingest}{_ROUTES}/create-checkout", data=form)
        return Purchase(
            ticket=answer["job_id"],
            checkout_url=answer["checkout_url"],
            title=photo["title"]["rendered"],
            source_url=photo["source_url"],
            email=email,
        )

    def pay(self, purchase: Purchase) -> None:
        """On the payment page, which sends the customer back to the shop."""
        self._call("GET", purchase.checkout_url)
        form = {"action": "pay", "email": purchase.email}
        back = self._call("POST", purchase.checkout_url, data=form, allow_redirects=False)
        if "smi_payment=success" not in back.headers.get("Location", ""):
            raise LocalError(f"{purchase.checkout_url} did not take the payment: it answered {back.status_code}")

    def status(self, purchase: Purchase) -> dict[str, Any]:
        """What the plugin polls."""
        answer = self._json("GET", f"{self._stack.at.ingest}{_ROUTES}/job-status/{purchase.ticket}")
        return dict(answer["data"])

    def download(self, purchase: Purchase) -> bytes:
        """The picture, by the token in the link that the customer got."""
        token = self.status(purchase)["download_url"].rpartition("/")[2]
        address = f"{self._stack.at.ingest}{_ROUTES}/download/{token}"
        return self._call("GET", address, timeout=_DOWNLOAD_S).content

    def original(self, purchase: Purchase) -> bytes:
        return self._call("GET", purchase.source_url).content

    def _json(self, method: str, address: str, **body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._call(method, address, **body).json()
        return answer

    def _call(self, method: str, address: str, **options: Any) -> requests.Response:
        try:
            response = self._session.request(method, address, **{"timeout": _TIMEOUT_S} | options)
        except requests.RequestException as error:
            raise LocalError(f"{method} {address}: {error}") from error
        if not response.ok:
            raise LocalError(f"{method} {address} was answered with {response.status_code}: {response.text[:500]}")
        return response

"""The customers: each orders over HTTP in one of the ways that there are, and pays at Stripe's page."""

import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import requests

from sandbox.shop.catalogue import PHOTOS
from tests.chaos import pictures
from tests.chaos.world import World

FACTOR = 4
BUYERS = 12
AGAIN_S = 0.5
CALL_S = 20.0
CATALOGUE_EVERY = 20  # a real photograph costs a hundred times the work of a small picture
ROUTES = "/wp-json/smi/v1"


@dataclass(frozen=True)
class Purchase:
    """An order that its customer went to pay, and may have paid; `size` in pixels is what was sold."""

    number: int
    session_id: str
    ticket: str
    email: str
    size: tuple[int, int]


class Customers:
    """`buy(plan)` starts them; `purchases` are the orders so far. Who meets an error orders anew, from another address:
    what he paid before the error is an order, too, and Stripe's ledger says so.
    """

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._seed = seed
        self.purchases: list[Purchase] = []
        self.refused = 0
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(BUYERS, thread_name_prefix="customer")

    def buy(self, instants: list[float]) -> None:
        """Order number n comes at `instants[n]` seconds from now."""
        began = time.monotonic()

        def come() -> None:
            for number, instant in enumerate(instants):
                if self._stopping.wait(max(began + instant - time.monotonic(), 0)):
                    return
                self._pool.submit(self._one, number)

        threading.Thread(target=come, name="customers", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nobody new comes; who is at the counter is served or leaves."""
        self._stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _one(self, number: int) -> None:
        names = random.Random(f"{self._seed}:{number}")  # noqa: S311 - test data
        with requests.Session() as http:
            http.trust_env = False
            while not self._stopping.is_set():
                email = f"canary{number:04d}.{names.getrandbits(48):012x}@customer.example"
                try:
                    purchase = self._order(http, number, email)
                    self.purchases.append(purchase)
                    self._pay(http, purchase)
                except requests.RequestException:
                    self.refused += 1
                    self._stopping.wait(AGAIN_S)
                else:
                    return

    def _order(self, http: requests.Session, number: int, email: str) -> Purchase:
        if number % CATALOGUE_EVERY == CATALOGUE_EVERY - 1:
            return self._from_catalogue(http, number, email)
        return (self._by_merchant if number % 2 else self._by_upload)(http, number, email)

    def _by_merchant(self, http: requests.Session, number: int, email: str) -> Purchase:
        body = {"image_url": self._world.pictures.url(number), "resolution": f"{FACTOR}x", "email": email}
        headers = {"Authorization": f"Bearer {self._world.stack.known.admin_token}"}
        answer = self._post(http, "/v1/orders", json=body, headers=headers)
        return self._purchase(number, answer, answer["status_url"].rpartition("/")[2], email)

    def _by_upload(self, http: requests.Session, number: int, email: str) -> Purchase:
        image = ("picture.png", pictures.picture(self._seed, number), "image/png")
        upload = self._post(http, f"{ROUTES}/upload-image", files={"image": image})
        form = {"upload_id": upload["upload_id"], "resolution": f"{FACTOR}x", "email": email}
        answer = self._post(http, f"{ROUTES}/create-checkout-upload", data=form)
        return self._purchase(number, answer, answer["job_id"], email)

    def _from_catalogue(self, http: requests.Session, number: int, email: str) -> Purchase:
        photo = PHOTOS[number // CATALOGUE_EVERY % len(PHOTOS)]
        form = {"attachment_id": photo.attachment_id, "post_id": 1, "resolution": f"{FACTOR}x", "email": email}
        answer = self._post(http, f"{ROUTES}/create-checkout", data=form)
        return self._purchase(number, answer, answer["job_id"], email, photo.shown_size)

    def _purchase(
        self, number: int, answer: Mapping[str, Any], ticket: str, email: str, size: tuple[int, int] | None = None
    ) -> Purchase:
        width, height = size or pictures.size_of(self._seed, number)
        session_id = answer["checkout_url"].rstrip("/").rpartition("/")[2]
        return Purchase(number, session_id, ticket, email, (width * FACTOR, height * FACTOR))

    def _pay(self, http: requests.Session, purchase: Purchase) -> None:
        address = f"{self._world.stack.at.stripe}/sandbox/sessions/{purchase.session_id}/pay"
        http.post(address, json={"email": purchase.email}, timeout=CALL_S).raise_for_status()

    def _post(self, http: requests.Session, path: str, **body: Any) -> dict[str, Any]:
        response = http.post(self._world.stack.at.ingest + path, timeout=CALL_S, **body)
        response.raise_for_status()
        return dict(response.json())

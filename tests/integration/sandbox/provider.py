"""A customer of the provider, for its tests: orders in either dialect and looks at what comes."""

import uuid
from dataclasses import dataclass
from typing import Any

import requests

from tests.integration.sandbox.standin import Site, StandIn, encoded, photograph, until

KEY = "key-of-the-test"
FINAL = {"SUCCESS", "FAILED", "completed", "failed"}


@dataclass
class Customer:
    """One customer with one picture; `tag` is in every address of theirs, for a fault's `match`."""

    provider: StandIn
    site: Site
    tag: str
    image_url: str

    @classmethod
    def new(cls, provider: StandIn, site: Site, content: bytes | None = None) -> "Customer":
        tag = uuid.uuid4().hex
        return cls(provider, site, tag, site.picture(f"{tag}.png", content or encoded(photograph())))

    @property
    def webhook_path(self) -> str:
        return f"/hook/{self.tag}"

    @property
    def hooked(self) -> list[Any]:
        return self.site.hooked(self.webhook_path)

    def live(self, **changes: Any) -> dict[str, Any]:
        asked = {"imageUrl": self.image_url, "inputImageType": "universal", "upscaleFactor": 4}
        asked |= {"shouldEnhanceFaces": False, "shouldPreserveBlur": False, **changes}
        return {"webhook": self.site.url + self.webhook_path, "input": asked}

    def documented(self, **changes: Any) -> dict[str, Any]:
        metadata = {"job_id": "our-job", "plugin": "sell-my-images"}
        asked = {"image_url": self.image_url, "scale_factor": 4, "format": "auto", "metadata": metadata}
        return asked | {"webhook_url": self.site.url + self.webhook_path, **changes}

    def submit(self, body: dict[str, Any] | None = None, key: str = KEY, timeout_s: float = 15) -> requests.Response:
        headers = {"Authorization": f"Bearer {key}"}
        url = f"{self.provider.url}/api/v1/precise-upscale"
        return requests.post(url, json=body or self.live(), headers=headers, timeout=timeout_s)

    def status(self, job_id: str, timeout_s: float = 15) -> requests.Response:
        headers = {"Authorization": f"Bearer {KEY}"}
        return requests.get(f"{self.provider.url}/api/v1/status/{job_id}", headers=headers, timeout=timeout_s)

    def order(self, body: dict[str, Any] | None = None) -> str:
        answer = self.submit(body).json()
        return str(answer.get("id") or answer["job_id"])

    def ended(self, job_id: str) -> dict[str, Any]:
        def final() -> dict[str, Any] | None:
            answer: dict[str, Any] = self.status(job_id).json()
            return answer if answer["status"] in FINAL else None

        return until(final) or {}

    def bought(self, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return self.ended(self.order(body))

    def ledger(self, kind: str) -> list[dict[str, Any]]:
        """My lines of one kind in the provider's ledger."""
        book = self.provider.get("/sandbox/ledger")
        mine = {job["id"] for job in book["submissions"] if self.tag in job["webhook_url"]}
        return [line for line in book[kind] if line.get("id") in mine or self.tag in str(line.get("body"))]

    @property
    def job(self) -> dict[str, Any]:
        (only,) = self.ledger("submissions")
        return only

"""An admin at the office's pages, as a browser is one: cookies, and the token that each form carries."""

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import requests

from tests.integration.ingest.shop import ADMIN_TOKEN, Shop

_TOKEN = re.compile('name="form_token" value="([0-9a-f]{64})"')
_ONCE = re.compile('name="once" value="([0-9a-f-]{36})"')


@dataclass
class Admin:
    """`address`: the client's, as a proxy names it."""

    shop: Shop
    address: str = "203.0.113.1"
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, **headers: str) -> requests.Response:
        return self._ask("GET", path, headers=headers)

    def post(self, path: str, fields: dict[str, Any], files: Any = None, **headers: str) -> requests.Response:
        return self._ask("POST", path, data=fields, files=files, headers=headers)

    def sign_in(self, token: str = ADMIN_TOKEN, actor: str = "anna", **more: str) -> requests.Response:
        form = self.get("/admin/sign-in")
        fields = {"actor": actor, "token": token, "next": "/admin"} | more
        return self.post("/admin/sign-in", {"form_token": token_of(form)} | fields)

    def send(self, path: str, files: Any = None, **fields: str) -> requests.Response:
        """Fill in the form of this page, and send it."""
        form = self.get(path)
        once = _ONCE.search(form.text)
        hidden = {"form_token": token_of(form), "once": once[1] if once else ""}
        return self.post(path, hidden | fields, files)

    def form_token(self) -> str:
        return token_of(self.get("/admin"))

    def _ask(self, method: str, path: str, headers: dict[str, str], **more: Any) -> requests.Response:
        return self.session.request(
            method, self.shop.url + path, headers={"X-Forwarded-For": self.address} | headers, timeout=15,
            allow_redirects=False, **more,
        )  # fmt: skip


def token_of(page: requests.Response) -> str:
    found = _TOKEN.search(page.text)
    assert found, page.text
    return found[1]


def words(page: requests.Response) -> str:
    """What a person reads."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page.text)))

"""A browser whose every complaint and every request is written down, and axe-core to judge what it shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import axe_playwright_python
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from local.browser import FLAGS

AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
SERIOUS = {"serious", "critical"}
OURS = "127.0.0.1"
NO_NETWORK = {"data", "blob", "about"}


@dataclass
class Watched:
    """One visitor's browser context, with what it did and complained of."""

    context: BrowserContext
    requests: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, url: str) -> Page:
        page = self.context.new_page()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("dialog", self._dialog)
        page.goto(url)
        return page

    def foreign(self) -> list[str]:
        """Requests to any host but this machine's own."""
        urls = [urlsplit(request.url) for request in self.requests]
        return [url.geturl() for url in urls if url.scheme not in NO_NETWORK and url.hostname != OURS]

    def clean(self) -> None:
        """Nothing was complained of (a violation of the CSP is a complaint), no stranger was asked."""
        assert self.complaints == []
        assert self.foreign() == []

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text} ({message.location})")

    def _dialog(self, dialog: Any) -> None:
        self.complaints.append(f"a dialog opened: {dialog.message}")
        dialog.dismiss()


@contextmanager
def visitor(browser: Browser, **options: Any) -> Iterator[Watched]:
    """A new visitor; `options` as Playwright's: color_scheme, viewport, locale, java_script_enabled."""
    context = browser.new_context(**{"locale": "en-GB"} | options)
    context.set_default_timeout(20_000)
    watched = Watched(context)
    context.on("request", lambda request: watched.requests.append(request))  # noqa: PLW0108 - it marks its handlers
    try:
        yield watched
    finally:
        context.close()


def launched(playwright: Any, path: Path) -> Browser:
    browser: Browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
    return browser


def accessible(page: Page) -> None:
    """axe-core finds nothing serious. The page's own policy stands: axe is injected from outside of it."""
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("() => axe.run()")["violations"]
    serious = [
        f"{v['id']}: {v['help']} {[node['html'] for node in v['nodes']][:3]}" for v in found if v["impact"] in SERIOUS
    ]
    assert serious == [], page.url


def fits(page: Page) -> None:
    """Nothing has to be scrolled sideways."""
    page.wait_for_load_state()  # a page whose style is still on its way is as wide as its largest picture
    wide, seen = page.evaluate("() => [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= seen, f"{page.url} is {wide} px wide in a window of {seen} px"

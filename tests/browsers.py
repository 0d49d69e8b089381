"""A real browser that reaches nothing but the platform."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from urllib.parse import urlsplit

from playwright.sync_api import Browser as Program
from playwright.sync_api import Page
from playwright.sync_api import Route
from playwright.sync_api import expect
from playwright.sync_api import sync_playwright

OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
]
TIMEOUT = 20_000  # milliseconds; waited for only where something is broken
expect.set_options(timeout=TIMEOUT)


@dataclass
class Browser:
    """A page, what it asked for elsewhere, and what its console complained of."""

    page: Page
    strayed: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        def cut(route: Route) -> None:
            if urlsplit(route.request.url).hostname == "127.0.0.1":
                route.continue_()
            else:
                self.strayed.append(route.request.url)
                route.abort()

        self.page.route("**/*", cut)
        self.page.on("console", lambda message: self._complain(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _complain(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(f"{kind}: {text}")


@contextmanager
def started(program: str, *, width: int = 1280, height: int = 1600) -> Iterator[Browser]:
    """Start a browser with one page, watched, until the block ends."""
    with running(program) as chromium, opened(chromium, width=width, height=height) as found:
        yield found


@contextmanager
def running(program: str) -> Iterator[Program]:
    """Start a browser, without a page."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=OPTIONS, headless=True)
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def opened(chromium: Program, *, width: int = 1280, height: int = 1600) -> Iterator[Browser]:
    """Open one page, watched, that shares no cookies and nothing kept with any other."""
    with chromium.new_context(viewport={"width": width, "height": height}) as context:
        page = context.new_page()
        page.set_default_timeout(TIMEOUT)
        found = Browser(page)
        found.watch()
        yield found

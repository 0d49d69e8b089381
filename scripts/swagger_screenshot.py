"""Take the screenshot of docs/openapi.md: ``python -m scripts.swagger_screenshot``. It needs Chromium."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

from flask_ocpi.testing.network import Network
from tests.browsers import started
from tests.servers import chromium_path
from tests.serving import served

FILE = Path(__file__).parent.parent / "docs" / "openapi.png"
OPERATION = "/ocpi/2.3.0/sender/locations"


def main() -> None:
    """Take it, with the list of locations opened."""
    chromium = chromium_path()
    if chromium is None:
        sys.exit("There is no Chromium.")
    own = Network().add("abc.example", [("NL", "ABC", ["CPO"])])
    with served(own.app) as url, started(chromium, width=1000, height=900) as browser:
        browser.page.goto(f"{url}/ocpi/docs/")
        operation = browser.page.locator(f".opblock:has([data-path='{OPERATION}'])").first
        operation.locator(".opblock-summary-control").click()
        operation.locator(".opblock-body .parameters").first.wait_for()
        operation.evaluate("each => window.scrollTo(0, each.getBoundingClientRect().top + window.scrollY - 70)")
        picture = Image.open(io.BytesIO(browser.page.screenshot()))
        picture.convert("RGB").quantize(64).save(FILE, optimize=True)
        print(f"{FILE.name}: {FILE.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()

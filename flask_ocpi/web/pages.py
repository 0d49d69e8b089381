"""The headers of browser pages: no foreign content is loaded or framed, no content type is guessed."""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import urlsplit

from flask import Response

_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def protect(response: Response, *, base_url: str | None = None) -> Response:
    """Give a page, or a document, the headers that limit a browser.

    A page may load its own files, and run its present inline scripts, which are named by their hashes.
    ``base_url``: where it may send requests besides its own origin.
    """
    policy = ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]
    if response.mimetype == "text/html":
        scripts = _INLINE_SCRIPT.findall(b"" if response.direct_passthrough else response.get_data())
        hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'" for script in scripts]
        policy += [
            " ".join(["script-src 'self'", *hashes]),
            "style-src 'self' 'unsafe-inline'",  # Swagger UI's bar has its own style; it runs no script
            "img-src 'self' data:",
            " ".join(["connect-src 'self'", *_origin(base_url)]),
        ]
    response.headers["Content-Security-Policy"] = "; ".join(policy)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _origin(url: str | None) -> tuple[str, ...]:
    if url is None:
        return ()
    parts = urlsplit(url)
    return (f"{parts.scheme}://{parts.netloc}",)

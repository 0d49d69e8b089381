"""Faults of answers: of HTTP, of the envelope, and of lists with their links, totals, limits and pages."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from time import sleep
from time import time
from typing import Any
from urllib.parse import parse_qsl
from urllib.parse import urlencode
from wsgiref.handlers import format_date_time

from werkzeug.datastructures import Headers

from flask_ocpi.testing.sandbox.faults.base import Answer
from flask_ocpi.testing.sandbox.faults.base import Serve
from flask_ocpi.testing.sandbox.faults.base import Visit
from flask_ocpi.testing.sandbox.faults.values import OPTIONAL

SLOW_SECONDS = 3.0
TOKEN_USES = 10
WHOLE_OBJECT = 6  # segments: of version, side, module, country code, party and id
AHEAD = timedelta(minutes=10)
HTML = b"<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>"
_AUTHORIZE = re.compile(r"(.*/tokens)/[^/]+/[^/]+/([^/]+)/authorize\Z")


def slow(visit: Visit, serve: Serve) -> Answer:
    """Takes three seconds for each answer."""
    sleep(SLOW_SECONDS)
    return serve()


def server_errors(visit: Visit, serve: Serve) -> Answer:
    """Fails every third request with HTTP 500, before it does anything."""
    return _said(500, 3000, "Internal server error") if visit.every(3) else serve()


def failure_after_work(visit: Visit, serve: Serve) -> Answer:
    """Does what every third write says, and answers HTTP 500 to it."""
    answer = serve()
    return _said(500, 3000, "Internal server error") if visit.is_write and visit.every(3) else answer


def lost_answers(visit: Visit, serve: Serve) -> Answer:
    """Does what every third request says, and closes the connection without an answer."""
    answer = serve()
    if visit.every(3):
        raise ConnectionResetError("The sandbox drops this answer.")
    return answer


def rate_limit(visit: Visit, serve: Serve) -> Answer:
    """Answers every third request with HTTP 429 and Retry-After: 1."""
    if not visit.every(3):
        return serve()
    answer = _said(429, 2000, "Too many requests")
    answer.headers["Retry-After"] = "1"
    return answer


def token_loss(visit: Visit, serve: Serve) -> Answer:
    """Forgets a token after ten requests with it: HTTP 401 until a new registration."""
    return _said(401, 2001, "Unknown token") if _is_forgotten(visit) else serve()


def token_forbidden(visit: Visit, serve: Serve) -> Answer:
    """Forgets a token after ten requests with it, and answers HTTP 403."""
    return _said(403, 2001, "Forbidden") if _is_forgotten(visit) else serve()


def slash_redirect(visit: Visit, serve: Serve) -> Answer:
    """Redirects each URL without a slash at its end to the same one with a slash, by HTTP 307."""
    path = visit.environ["PATH_INFO"]
    if path.endswith("/"):
        _set(visit, "PATH_INFO", path.rstrip("/"))
        return serve()
    query = visit.environ.get("QUERY_STRING", "")
    target = f"{path}/?{query}" if query else f"{path}/"
    return Answer(307, Headers({"Location": target, "Content-Type": "text/html"}), b"")


def html(visit: Visit, serve: Serve) -> Answer:
    """Does what every fifth request says, and answers with HTTP 200 and a page in HTML."""
    answer = serve()
    return Answer(200, Headers({"Content-Type": "text/html"}), HTML) if visit.every(5) else answer


def empty_bodies(visit: Visit, serve: Serve) -> Answer:
    """Answers a write that it carried out with HTTP 200 and an empty body."""
    answer = serve()
    if visit.is_write and visit.module not in ("commands", "chargingprofiles") and 200 <= answer.status < 300:
        return Answer(200, Headers(), b"")
    return answer


def status_in_text(visit: Visit, serve: Serve) -> Answer:
    """Writes the OCPI status code as a text."""
    answer = serve()
    found = answer.envelope()
    return answer if found is None else answer.write({**found, "status_code": str(found["status_code"])})


def byte_order_mark(visit: Visit, serve: Serve) -> Answer:
    """Begins each answer with a byte order mark."""
    answer = serve()
    answer.body = b"\xef\xbb\xbf" + answer.body
    return answer


def no_data(visit: Visit, serve: Serve) -> Answer:
    """Leaves the data of an empty list out."""
    answer = serve()
    found = answer.envelope()
    if found is not None and found.get("data") == []:
        del found["data"]
        return answer.write(found)
    return answer


def null_lists(visit: Visit, serve: Serve) -> Answer:
    """Has null for an empty list."""
    answer = serve()
    found = answer.envelope()
    return answer.write({**found, "data": None}) if found is not None and found.get("data") == [] else answer


def lists_of_one(visit: Visit, serve: Serve) -> Answer:
    """Puts a single object into a list."""
    answer = serve()
    found = answer.envelope()
    if found is not None and visit.number > 0 and isinstance(found.get("data"), dict):
        return answer.write({**found, "data": [found["data"]]})
    return answer


def code_of_another_fault(visit: Visit, serve: Serve) -> Answer:
    """Answers real-time authorization with HTTP 503 and OCPI 2004, as if the token were unknown."""
    return _said(503, 2004, "Unknown token") if visit.path.endswith("/authorize") else serve()


def authorize_with_party(visit: Visit, serve: Serve) -> Answer:
    """Authorizes only under a URL with the party of the token."""
    if not visit.path.endswith("/authorize"):
        return serve()
    found = _AUTHORIZE.match(visit.environ["PATH_INFO"])
    if found is None:
        return _said(404, 2000, "No such path")
    _set(visit, "PATH_INFO", f"{found[1]}/{found[2]}/authorize")
    return serve()


def no_patch(visit: Visit, serve: Serve) -> Answer:
    """Answers HTTP 405 to each PATCH."""
    return _said(405, 2000, "Method not allowed") if visit.method == "PATCH" else serve()


def wants_nulls(visit: Visit, serve: Serve) -> Answer:
    """Refuses a pushed object that lacks an optional property: it wants null there."""
    wanted = OPTIONAL.get(visit.module, ()) if visit.method in ("PUT", "POST") and "/receiver/" in visit.path else ()
    if wanted and len(visit.path.split("/")) <= WHOLE_OBJECT:
        missing = [name for name in wanted if name not in visit.body()]
        if missing:
            return _said(400, 2001, f"{missing[0]} is missing")
    return serve()


def no_location(visit: Visit, serve: Serve) -> Answer:
    """Takes a CDR without telling its URL in Location."""
    answer = serve()
    answer.headers.pop("Location", None)
    return answer


def clock_skew(visit: Visit, serve: Serve) -> Answer:
    """Has a clock that is ten minutes ahead."""
    answer = serve()
    answer.headers["Date"] = format_date_time(time() + AHEAD.total_seconds())
    return answer


def odd_details(visit: Visit, serve: Serve) -> Answer:
    """Lists its credentials endpoint as RECEIVER, and with a module of its own that has a relative URL."""
    answer = serve()
    found = answer.envelope()
    if visit.module != "details" or found is None or "data" not in found:
        return answer
    endpoints = found["data"]["endpoints"]
    for endpoint in endpoints:
        if endpoint["identifier"] == "credentials" and "role" in endpoint:
            endpoint["role"] = "RECEIVER"
    endpoints.insert(0, {"identifier": "vendorThings", "role": "SENDER", "url": "/things"})
    return answer.write(found)


def tenant_in_endpoints(visit: Visit, serve: Serve) -> Answer:
    """Has a query in the URL of each endpoint, and wants it back in each request."""
    if visit.number > 0 and "tenant=1" not in visit.environ.get("QUERY_STRING", ""):
        return _said(404, 2000, "No such tenant")
    kept = [part for part in visit.environ.get("QUERY_STRING", "").split("&") if part != "tenant=1"]
    _set(visit, "QUERY_STRING", "&".join(kept))
    answer = serve()
    found = answer.envelope()
    if visit.module != "details" or found is None or "data" not in found:
        return answer
    for endpoint in found["data"]["endpoints"]:
        if endpoint["identifier"] != "credentials":
            endpoint["url"] += "?tenant=1"
    return answer.write(found)


def _is_forgotten(visit: Visit) -> bool:
    if visit.number == 0:
        return False
    uses = visit.notes.setdefault("uses", Counter())
    uses[visit.environ.get("HTTP_AUTHORIZATION", "")] += 1
    return bool(uses[visit.environ.get("HTTP_AUTHORIZATION", "")] > TOKEN_USES)


def _set(visit: Visit, name: str, value: str) -> None:
    """Let the platform see another path or query."""
    visit.environ[name] = value
    for raw in ("RAW_URI", "REQUEST_URI"):
        visit.environ.pop(raw, None)


def _said(status: int, code: int, message: str) -> Answer:
    answer = Answer(status, Headers({"Content-Type": "application/json"}), b"")
    return answer.write({"status_code": code, "status_message": message, "timestamp": "2026-01-01T12:00:00Z"})


MORE = 3
LARGE = 1000
_TARGET = re.compile(r"<[^?>]*\??([^>]*)>")


def wrong_links(visit: Visit, serve: Serve) -> Answer:
    """Has a wrong path and date_from=None in the link to the next page."""
    answer = serve()
    link = answer.headers.get("Link")
    if visit.is_list and link:
        answer.headers["Link"] = _TARGET.sub(r"<http://localhost:8000/list?\1&date_from=None>", link)
    return answer


def broken_links(visit: Visit, serve: Serve) -> Answer:
    """Has a link to the next page that leads nowhere."""
    answer = serve()
    if visit.is_list and answer.headers.get("Link"):
        answer.headers["Link"] = '<>; rel="next"'
    return answer


def no_links(visit: Visit, serve: Serve) -> Answer:
    """Has no link to the next page."""
    answer = serve()
    if visit.is_list:
        answer.headers.pop("Link", None)
    return answer


def endless_links(visit: Visit, serve: Serve) -> Answer:
    """Has a link on the last page, back to that page."""
    answer = serve()
    if visit.is_list and not answer.headers.get("Link"):
        url = f"{visit.environ['PATH_INFO']}?{visit.environ.get('QUERY_STRING', '')}"
        answer.headers["Link"] = f'<http://{visit.environ["HTTP_HOST"]}{url}>; rel="next"'
    return answer


def wrong_totals(visit: Visit, serve: Serve) -> Answer:
    """Has an X-Total-Count that is three too high."""
    answer = serve()
    total = answer.headers.get("X-Total-Count")
    if visit.is_list and total:
        answer.headers["X-Total-Count"] = str(int(total) + MORE)
    return answer


def no_totals(visit: Visit, serve: Serve) -> Answer:
    """Has neither X-Total-Count nor X-Limit."""
    answer = serve()
    for name in ("X-Total-Count", "X-Limit"):
        answer.headers.pop(name, None)
    return answer


def limit_ignored(visit: Visit, serve: Serve) -> Answer:
    """Ignores the limit of a request: its pages are as large as it likes."""
    if visit.is_list:
        _ask(visit, limit=LARGE)
    return serve()


def dates_ignored(visit: Visit, serve: Serve) -> Answer:
    """Ignores date_from and date_to."""
    if visit.is_list:
        _ask(visit, date_from=None, date_to=None)
    return serve()


def duplicates(visit: Visit, serve: Serve) -> Answer:
    """Repeats the last object of a page on the next one."""
    answer = serve()
    found = answer.envelope()
    if not visit.is_list or found is None or not found.get("data"):
        return answer
    last = visit.notes.setdefault("last", {})
    before = last.get(visit.module) if int(_query(visit).get("offset", 0)) else None
    last[visit.module] = found["data"][-1]
    return answer if before is None else answer.write({**found, "data": [before, *found["data"]]})


def _query(visit: Visit) -> dict[str, str]:
    return dict(parse_qsl(visit.environ.get("QUERY_STRING", "")))


def _ask(visit: Visit, **changes: Any) -> None:
    """Let the platform see other parameters; None removes one."""
    query = {name: value for name, value in {**_query(visit), **changes}.items() if value is not None}
    _set(visit, "QUERY_STRING", urlencode(query))

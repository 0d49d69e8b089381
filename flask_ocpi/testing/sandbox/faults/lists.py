"""Faults of lists: their links, totals, limits and pages."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl
from urllib.parse import urlencode

from flask_ocpi.testing.sandbox.faults.base import Answer
from flask_ocpi.testing.sandbox.faults.base import Serve
from flask_ocpi.testing.sandbox.faults.base import Visit

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
    visit.environ["QUERY_STRING"] = urlencode(query)
    for raw in ("RAW_URI", "REQUEST_URI"):
        visit.environ.pop(raw, None)


SERVING = (
    wrong_links,
    broken_links,
    no_links,
    endless_links,
    wrong_totals,
    no_totals,
    limit_ignored,
    dates_ignored,
    duplicates,
)

"""Checks of lists: their pages, and how these are connected."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qsl
from urllib.parse import urlsplit

from flask_ocpi.client.probe import checks
from flask_ocpi.client.probe.checks import DoubtError
from flask_ocpi.client.probe.checks import Each
from flask_ocpi.client.probe.checks import FlawError
from flask_ocpi.client.probe.checks import NotApplicableError
from flask_ocpi.client.probe.checks import Seen
from flask_ocpi.client.probe.checks import SkippedError
from flask_ocpi.client.probe.checks import counted
from flask_ocpi.client.probe.checks import declared
from flask_ocpi.client.probe.checks import parts_of
from flask_ocpi.client.probe.lists import LIMIT
from flask_ocpi.client.probe.lists import Listed
from flask_ocpi.client.probe.lists import items_of
from flask_ocpi.client.probe.lists import number_in
from flask_ocpi.core.responses import next_target
from flask_ocpi.core.responses import read_count
from flask_ocpi.core.responses import read_total

_REQUEST = "Transport and format: Paginated Request"
_RESPONSE = "Transport and format: Paginated Response"
_DEFAULT_LIMIT = 100  # of the proposed quirk

check = partial(checks.check, each=Each.LIST)


@check("page.answer", "The list answers with success.", _REQUEST)
def page_answer(listed: Listed) -> str:
    seen = listed.first
    if not seen.succeeded and not listed.is_certain:
        raise SkippedError(f"The endpoint may be that of a Receiver: {seen.summary}")
    if seen.status == 401 and listed.session.platform is None:
        raise SkippedError("It refuses our token here, as it has to refuse a registration token.")
    return seen.demand_success()


@check("page.routing", "A request with routing headers is taken.", "Transport and format: Message routing headers")
def page_routing(listed: Listed) -> str:
    seen = listed.first
    if listed.routing_refused is not None:
        listed.session.propose("no-routing-headers", True, "It refuses requests with routing headers.")
        raise FlawError(f"It is refused, and taken without them: {listed.routing_refused.summary}")
    if not any(name.startswith("OCPI-") for name in seen.headers):
        raise SkippedError("The request had none.")
    seen.needed()
    return "taken"


@check("page.list", "data is a list.", "Transport and format: Response format")
def page_list(listed: Listed) -> str:
    return counted(number_in(listed.first), "object")


@check("page.limit", "A page has at most as many objects as the limit of the request.", _REQUEST)
def page_limit(listed: Listed) -> str:
    number = number_in(listed.first)
    if number > LIMIT:
        raise FlawError(f"{number} objects for limit={LIMIT}.")
    return f"{number} of at most {LIMIT}"


@check("page.default", "The list needs no limit.", _REQUEST)
def page_default(listed: Listed) -> str:
    listed.first.needed()
    known = [seen for seen in listed.session.seen if seen.module and "limit=" not in seen.url and "?" in seen.url]
    if known:
        raise NotApplicableError("One list was asked without a limit.")
    seen = listed.ask(listed.address(offset=0))
    if not seen.succeeded:
        most = read_count(listed.first.header("X-Limit") or "") or _DEFAULT_LIMIT
        listed.session.propose("page-limit", {"*": most}, "Its lists need a limit.")
        raise FlawError(seen.summary)
    return counted(number_in(seen), "object")


@check("page.xlimit", "X-Limit is the most objects that it sends in a page.", _RESPONSE)
def page_xlimit(listed: Listed) -> str:
    number = number_in(listed.first)
    text = listed.first.header("X-Limit")
    most = read_count((text or "").strip())
    if not most:
        raise FlawError("X-Limit is missing." if text is None else f"X-Limit is {text!a}, no number above 0.")
    if most < number:
        raise FlawError(f"X-Limit is {most}, and the page has {number} objects.")
    return str(most)


@check("page.xlimit_own", "X-Limit is its own limit, not that of the request.", _RESPONSE, advised=True)
def page_xlimit_own(listed: Listed) -> str:
    listed.first.needed()
    most = read_count((listed.first.header("X-Limit") or "").strip())
    if most is None:
        raise SkippedError("X-Limit is missing.")
    if most == LIMIT:
        raise FlawError(f"It is {LIMIT}, as in the request.")
    return str(most)


@check("page.total", "X-Total-Count is the number of objects in the list.", _RESPONSE)
def page_total(listed: Listed) -> str:
    number = number_in(listed.first)
    text = listed.first.header("X-Total-Count")
    total = read_total(text or "")
    if total is None or read_count(text or "") is None:
        raise FlawError("X-Total-Count is missing." if text is None else f"X-Total-Count is {text!a}, no number.")
    if total < number:
        raise FlawError(f"X-Total-Count is {total}, and the first page has {number} objects.")
    return str(total)


@check("page.link", "There is a Link to the next page as long as one follows, and none on the last page.", _RESPONSE)
def page_link(listed: Listed) -> str:
    number, total = number_in(listed.first), listed.total
    if total is None:
        raise SkippedError("X-Total-Count is missing.")
    if total <= number and next_target(listed.first.header("Link")) is not None:
        raise FlawError(f"There is one after {number} of {total} objects.")
    seen = _or_none(lambda: listed.paged[0])
    if seen is None:
        return "none, as there is one page"
    if listed.link is None:
        raise FlawError(f"It is missing after {number_in(seen)} of {total} objects.")
    return "there"


@check("page.link_form", "The Link is a URL in angle brackets with the relation next.", _RESPONSE)
def page_link_form(listed: Listed) -> str:
    link, said = _link(listed), listed.paged[0].header("Link")
    text = (said or "").replace(" ", "")
    if f"<{link}>" not in text or 'rel="next"' not in text.lower():
        raise FlawError(f"It is {_short(said)}.")
    if parts_of(link).scheme not in ("http", "https"):
        raise FlawError(f"It is no absolute URL: {_short(link)}.")
    return _short(link)


@check("page.link_url", "The Link leads to the same list.", _RESPONSE)
def page_link_url(listed: Listed) -> str:
    there, here = parts_of(_link(listed)), urlsplit(listed.url)
    if there.path.rstrip("/") != here.path.rstrip("/") or there.netloc.lower() != here.netloc.lower():
        where = _short(there.netloc + there.path)
        raise FlawError(f"It leads to {where}, and the list is at {here.netloc}{here.path}.")
    if there.scheme != here.scheme:
        raise DoubtError(f"It has {there.scheme}, and the endpoint {here.scheme}.")
    return there.path


@check("page.link_offset", "The Link goes on after the objects of the page, with the same limit.", _RESPONSE)
def page_link_offset(listed: Listed) -> str:
    link, (seen, limit) = _link(listed), listed.paged
    number, query = number_in(seen), dict(parse_qsl(parts_of(link).query))
    if "offset" not in query and "limit" not in query:
        raise DoubtError("It has neither offset nor limit.")
    most = read_count((seen.header("X-Limit") or "").strip()) or limit
    if query.get("offset") not in (str(number), str(min(most, limit))):  # a page may lack what is not for us
        raise FlawError(f"After {number} objects its offset is {query.get('offset')!a}.")
    if query.get("limit") not in (None, str(limit), str(most)):
        raise DoubtError(f"For limit={limit} its limit is {query['limit']!a}.")
    return f"offset={number}"


@check("page.link_filters", "The Link keeps the filters of the request, and adds none.", _RESPONSE)
def page_link_filters(listed: Listed) -> str:
    asked, link = _dated_page(listed)
    wanted = {k: v for k, v in parse_qsl(urlsplit(asked.url).query) if k.startswith("date_")}
    kept = {k: v for k, v in parse_qsl(parts_of(link).query, keep_blank_values=True) if k.startswith("date_")}
    if set(kept) != set(wanted):
        raise FlawError(f"The request has {_names(wanted)}, the Link {_names(kept)}.")
    return _names(wanted)


@check("page.next", "The next page has other objects.", _RESPONSE)
def page_next(listed: Listed) -> str:
    seen = listed.second
    seen.demand_success()
    before, after = ({repr(item) for item in items_of(page)} for page in (listed.paged[0], seen))
    if not after:
        raise FlawError("It is empty.")
    again = len(before & after)
    if again:
        raise FlawError(f"{again} of its {len(after)} objects were on the page before.")
    return counted(len(after), "other object")


@check("page.last", "The page that begins with the last object has that one and no Link.", _RESPONSE)
def page_last(listed: Listed) -> str:
    seen = listed.last
    seen.demand_success()
    number = number_in(seen)
    if number != 1:
        raise FlawError(f"offset={(listed.total or 0) - 1} of {listed.total} objects brings {number}.")
    if seen.header("Link"):
        raise FlawError(f"It has a Link: {_short(seen.header('Link'))}.")
    if listed.total == len(listed.items) and listed.items[-1] != items_of(seen)[0]:
        raise FlawError("It is not the object that came last on the first page.")
    return "1 object, no Link"


@check("page.steady", "X-Total-Count is the same on each page.", _RESPONSE, advised=True)
def page_steady(listed: Listed) -> str:
    total = listed.total
    if total is None:
        raise SkippedError("X-Total-Count is missing.")
    pages = [seen for seen in (_or_none(lambda: listed.second), _or_none(lambda: listed.last)) if seen is not None]
    others = [read_total(seen.header("X-Total-Count") or "") for seen in pages if seen.succeeded]
    if not others:
        raise SkippedError("There is one page only.")
    if any(other != total for other in others):
        seen = ", ".join(map(str, others))
        raise FlawError(f"It went from {total} to {seen}: the list changed, or its total is wrong.")
    return str(total)


@check("page.empty", "A list without objects is an empty list.", "Transport and format: Response format")
def page_empty(listed: Listed) -> str:
    for seen in (listed.first, _or_none(lambda: listed.later.seen)):
        if seen is not None and seen.succeeded and not seen.data:
            if seen.data != []:
                there = "null" if "data" in seen.envelope else "missing"
                raise FlawError(f"{seen.name}: data is {there}.")
            return seen.name
    raise SkippedError("No list was empty.")


CHECKS = declared(globals())


def _link(listed: Listed) -> str:
    if listed.link is None:
        raise SkippedError("There is one page only.")
    return listed.link


def _dated_page(listed: Listed) -> tuple[Seen, str]:
    """Return a page that a Link follows, best one of a request with dates, and its Link."""
    for seen in (_or_none(lambda: listed.window.seen), _or_none(lambda: listed.paged[0])):
        target = None if seen is None or not seen.succeeded else seen.header("Link")
        if seen is not None and target:
            found = target.partition("<")[2].partition(">")[0] or target
            return seen, found
    raise SkippedError("There is one page only.")


def _or_none(page: Callable[[], Seen]) -> Seen | None:
    try:
        return page()
    except SkippedError:
        return None


def _names(values: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items()) or "none"


def _short(text: str | None) -> str:
    return "missing" if text is None else f"{text[:120]!a}"

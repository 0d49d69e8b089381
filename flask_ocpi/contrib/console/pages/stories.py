"""Search and stories: one box for any id, its line of time, single messages, and what people changed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import orjson
from werkzeug.wrappers import Response

from flask_ocpi.contrib.console.desk import SHOWN
from flask_ocpi.contrib.console.desk import Desk
from flask_ocpi.contrib.console.desk import Level
from flask_ocpi.contrib.console.desk import Page
from flask_ocpi.contrib.console.pages.objects import in_short
from flask_ocpi.contrib.console.pages.objects import values_of
from flask_ocpi.contrib.console.texts import TEXTS
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.host import Journal
from flask_ocpi.host.journal import to_dict

_LONGEST = 200  # characters of an id


def search(desk: Desk) -> Response:
    """Show what has an id: stories, stored objects, a message, a partner."""
    asked = desk.text("q")[:_LONGEST]
    ocpi = desk.ocpi
    kinds = ocpi.journal.kinds_about(asked) if asked else []
    found = [(item, values_of(item), in_short(item)) for item in ocpi.stored.with_id(asked)] if asked else []
    message = partner = None
    if asked.isascii() and asked.isdigit() and len(asked) < 16:
        with suppress(FlaskOCPIError):
            message = ocpi.journal.find(int(asked))
    with suppress(FlaskOCPIError):
        partner = ocpi.partners.find(asked) if asked else None
    return desk.page("search", asked=asked, kinds=kinds, found=found, message=message, partner=partner)


def story(desk: Desk) -> Response:
    """Show everything that happened about an object or a cause, on one line of time."""
    kind, id, partner = desk.text("kind"), desk.text("id")[:_LONGEST], desk.text("partner")
    told = desk.ocpi.journal.story(kind, id, platform=partner or None)
    begins = told.events[0].moment if told.events else 0
    events = [(event.to_dict(), (event.moment - begins) / 1_000_000) for event in told.events]
    return desk.page("story", story=told, events=events, partner=partner)


def message(desk: Desk) -> Response:
    """Show a message with its headers and bodies."""
    journal, number = desk.ocpi.journal, desk.number("number")
    entry = journal.find(number)
    document = to_dict(entry, whole=True)
    return desk.page(
        "message",
        number=number,
        entry=entry,
        message=document,
        request=_body(document["request_body"]),
        response=_body(document["response_body"]),
        curl=_curl(document),
        refusal=_refusal(journal, entry),
    )


def replay(desk: Desk) -> Response:
    """Send a message again."""
    number = desk.number("number")
    document = to_dict(desk.ocpi.journal.find(number))
    name = f"{TEXTS.message} {number}: {document['method']} {document['url']}"
    partner = document["platform"] or ""
    work = partial(desk.ocpi.journal.replay, number)
    return desk.act(TEXTS.did_replay, work, back="message", values={"number": number}, partner=partner, object=name)


def _refusal(journal: Journal, entry: Any) -> str:
    """Return why a message cannot be sent again, "" if it can."""
    try:
        journal.receiver_of(entry.message)
    except InvalidParametersError as error:
        return str(error)
    return ""


def _body(text: str) -> Any:
    """Return a body as JSON, or as the text that it is; None if there is none."""
    if not text:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _curl(message: Mapping[str, Any]) -> str:
    """Return the command that sends a message; the token is left to who runs it."""
    sent = {"Authorization": "Token $OCPI_TOKEN", **message["request_headers"]}
    parts = [f"curl -X {shlex.quote(message['method'])} {shlex.quote(message['url'])}"]
    for name, value in sent.items():
        header = f"{name}: {value}"
        parts.append(f'-H "{header}"' if name == "Authorization" else f"-H {shlex.quote(header)}")
    if message["request_body"]:
        parts.append(f"--data-raw {shlex.quote(message['request_body'])}")
    return " \\\n  ".join(parts)


def actions(desk: Desk) -> Response:
    """Show the actions, latest first."""
    offset = desk.number("offset")
    found = desk.ocpi.actions.list(limit=SHOWN + 1, offset=offset)
    later = offset + SHOWN if len(found) > SHOWN else 0
    return desk.page("actions", actions=found[:SHOWN], later=later, earlier=offset)


PAGES = (
    Page("/search", "search", search),
    Page("/story", "story", story),
    Page("/message", "message", message),
    Page("/message/replay", "replay", replay, Level.OPERATE, "POST"),
    Page("/actions", "actions", actions),
)

"""Who may use the console, and what a page of it works with: the platform, the visitor, and the ways to answer."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from dataclasses import field
from enum import IntEnum
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from flask import Request
from flask import redirect
from flask import request
from flask import url_for
from jinja2 import Environment
from jinja2 import PackageLoader
from jinja2 import StrictUndefined
from werkzeug.wrappers import Response

from flask_ocpi.contrib.console import shown
from flask_ocpi.contrib.console.texts import TEXTS
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.host import OwnPlatform

_KEY = re.compile(r"[A-Za-z0-9_-]{43}")
#: What a browser says of a request that another site made it send.
_FOREIGN = ("cross-site", "same-site")


class Level(IntEnum):
    """What a visitor may do; each level includes those before it.

    READ: see everything that the console shows. OPERATE: send again, retry, discard, mark as done. ADMIN: invite,
    register, rotate, unregister, grant roles, set quirks.
    """

    READ = 1
    OPERATE = 2
    ADMIN = 3

    @classmethod
    def of(cls, level: Level | str) -> Level:
        """Return a level by its name; raise ConfigurationError for an unknown one."""
        if isinstance(level, cls):
            return level
        found = cls.__members__.get(level.upper()) if isinstance(level, str) else None
        if found is None:
            raise ConfigurationError(f"A level of the console must be read, operate or admin, not {level!a}.")
        return found


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person who uses the console. name: written down with each change. level: "read", "operate" or "admin"."""

    name: str
    level: Level | str = Level.READ

    def __post_init__(self) -> None:
        object.__setattr__(self, "level", Level.of(self.level))
        if not isinstance(self.name, str) or not self.name.strip():
            raise ConfigurationError(f"A visitor of the console needs a name, not {self.name!a}.")

    def may(self, level: Level) -> bool:
        """Tell whether the visitor has this level, or a higher one."""
        return Level.of(self.level) >= level


#: Returns the visitor; None or False for nobody (403); or a response of the host, such as a redirect to its login.
Authorize = Callable[[Request], Visitor | Response | bool | None]


def nobody(request: Request) -> None:
    """Let nobody in: the console is closed until the host application gives it a function that decides."""


def cookie_name(request: Request) -> str:
    """Return the name of the cookie with the key of forms; over https one that only this host can set."""
    return "__Host-ocpi_console" if request.is_secure else "ocpi_console"


def form_key(request: Request) -> str:
    """Return the key that forms of this browser carry: that of its cookie, or a new one."""
    known = request.cookies.get(cookie_name(request), "")
    return known if _KEY.fullmatch(known) else secrets.token_urlsafe(32)


def is_own_form(request: Request) -> bool:
    """Tell whether a form was sent from a page of the console, by its key and by what the browser says."""
    known = request.cookies.get(cookie_name(request), "")
    sent = request.form.get("key", "")
    is_foreign = request.headers.get("Sec-Fetch-Site", "") in _FOREIGN
    return not is_foreign and bool(_KEY.fullmatch(known)) and hmac.compare_digest(known.encode(), sent.encode())


#: The name of the blueprint, and so the beginning of its endpoints.
NAME = "ocpi_console"
#: The sections of the console, each with the pages that belong to it.
SECTIONS = {
    "partners": ("partners", "partner", "compared"),
    "inbox": ("inbox", "finding", "parked"),
    "objects": ("objects", "object"),
    "map": ("map",),
    "search": ("search", "story", "message"),
    "health": ("health",),
    "actions": ("actions",),
}
#: How many entries a list shows at once.
SHOWN = 50


@cache
def templates() -> Environment:
    """Return the templates, independent of those of the host application: everything is escaped, always."""
    made = Environment(
        loader=PackageLoader("flask_ocpi.contrib.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(shown.FILTERS)
    made.globals.update(t=TEXTS, sections=SECTIONS, link=link, static=_static, Level=Level)
    made.globals["parts"] = made.get_template("ocpi_console/parts.html").module
    return made


def link(page: str, **values: Any) -> str:
    """Return the URL of a page of the console; empty values are left out."""
    return url_for(f"{NAME}.{page}", **{name: value for name, value in values.items() if value not in (None, "", 0)})


def _static(file: str) -> str:
    return url_for(f"{NAME}.static", filename=file)


@dataclass(frozen=True, slots=True)
class Tiles:
    """Pictures below the map. url: with {z}, {x} and {y}; by: the attribution that their server demands."""

    url: str
    by: str

    @property
    def origin(self) -> str:
        """What a page has to allow: scheme and host."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, slots=True)
class Desk:
    """One request of a visitor. key: the key that its forms carry. tiles: the pictures below the map, if any."""

    ocpi: OwnPlatform
    visitor: Visitor
    key: str = field(repr=False)
    tiles: Tiles | None = None

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """Return a page. Each gets the visitor, the key for its forms, and the notice of the last action."""
        text = (
            templates()
            .get_template(f"ocpi_console/{template}.html")
            .render(visitor=self.visitor, key=self.key, notice=self._notice(), place=template, **values)
        )
        return Response(text, status, {"Cache-Control": "no-store"}, mimetype="text/html")

    def text(self, name: str) -> str:
        """Return a value of the form, or of the URL, without blanks around it; "" if it is missing."""
        return (request.form if request.method == "POST" else request.args).get(name, "").strip()

    def number(self, name: str, default: int = 0) -> int:
        """Return a number of the form, or of the URL, such as an offset."""
        text = self.text(name)
        return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else default

    def noted(self, what: str, *, partner: str = "", object: str = "") -> AbstractContextManager[None]:
        """Note what the block does for the visitor; its errors pass on."""
        return self.ocpi.actions.noted(self.visitor.name, what, partner=partner, object=object)

    def act(
        self,
        what: str,
        work: Callable[[], object],
        *,
        back: str,
        values: Mapping[str, Any],
        partner: str = "",
        object: str = "",
    ) -> Response:
        """Carry out what the visitor asked for, note it, and lead to a page that says what came of it.

        back, values: the page and what its URL carries.
        """
        done = self.ocpi.actions.run(self.visitor.name, what, work, partner=partner, object=object)
        return redirect(link(back, **values, noted=done.number), 303)

    def _notice(self) -> Any:
        number = self.number("noted") if request.method == "GET" else 0
        return self.ocpi.actions.find(number) if number else None


@dataclass(frozen=True, slots=True)
class Page:
    """A page, or what a form does. rule: its path below that of the console. level: who may see or do it."""

    rule: str
    name: str
    view: Callable[[Desk], Response]
    level: Level = Level.READ
    method: str = "GET"

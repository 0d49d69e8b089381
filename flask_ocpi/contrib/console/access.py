"""Who may use the console: levels, the visitor that the host application names, and the guard of forms."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from flask import Request
from werkzeug.wrappers import Response

from flask_ocpi.errors import ConfigurationError

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

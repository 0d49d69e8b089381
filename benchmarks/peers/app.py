"""A platform on extrawest-ocpi or py-ocpi, whose interfaces are the same, that keeps its objects in SQLite.

Neither library stores anything; this is what a host application would write, as fast as we could make it: one
connection with prepared statements, write-ahead logging, text in and out by orjson, and models that are not checked
twice where the library only reads them. Run it with uvicorn; ``python app.py OBJECTS`` fills it from JSON lines of a
module, an id and a document.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from datetime import datetime
from typing import Any

import orjson
from py_ocpi import get_application
from py_ocpi.core.enums import ModuleID
from py_ocpi.core.enums import RoleEnum
from py_ocpi.modules.cdrs.v_2_2_1.schemas import Cdr
from py_ocpi.modules.commands.v_2_2_1.schemas import CommandResponse
from py_ocpi.modules.locations.v_2_2_1.schemas import Location
from py_ocpi.modules.sessions.v_2_2_1.schemas import Session
from py_ocpi.modules.tokens.v_2_2_1.schemas import AuthorizationInfo
from py_ocpi.modules.tokens.v_2_2_1.schemas import Token
from py_ocpi.modules.versions.enums import VersionNumber

TOKEN = os.environ.get("BENCH_TOKEN", "")
PAGE = "SELECT document FROM objects WHERE module = ? AND role = ? {dates} ORDER BY number LIMIT ? OFFSET ?"
COUNT = "SELECT count(*) FROM objects WHERE module = ? AND role = ? {dates}"

database = sqlite3.connect(os.environ["BENCH_FILE"], isolation_level=None, check_same_thread=False)
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = NORMAL")
database.execute("PRAGMA busy_timeout = 30000")
database.execute(
    "CREATE TABLE IF NOT EXISTS objects (number INTEGER PRIMARY KEY, module TEXT, role TEXT, id TEXT COLLATE NOCASE,"
    " last_updated TEXT, document TEXT, UNIQUE (module, role, id))"
)
database.execute("CREATE INDEX IF NOT EXISTS changed ON objects (module, role, last_updated)")


class Ours(dict):
    """A document that was checked before it was stored, and is only sent now."""


def _name(value: Any) -> str:
    return str(getattr(value, "value", value))


def _text(document: Any) -> str:
    return orjson.dumps(document, default=float).decode()


def _save(module: Any, role: Any, id: Any, document: Any) -> None:
    database.execute(
        "INSERT INTO objects (module, role, id, last_updated, document) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (module, role, id) DO UPDATE"
        " SET last_updated = excluded.last_updated, document = excluded.document",
        (
            _name(module),
            _name(role),
            str(id),
            str(document.get("last_updated", "")),
            _text(document),
        ),
    )


class Crud:
    """What the libraries call for the objects."""

    @classmethod
    async def get(cls, module: Any, role: Any, id: Any, *args: Any, **kwargs: Any) -> Any:
        found = database.execute(
            "SELECT document FROM objects WHERE module = ? AND role = ? AND id = ?",
            (_name(module), _name(role), str(id)),
        ).fetchall()
        if not found:
            return None
        document = orjson.loads(found[0][0])
        return Ours(document) if role is RoleEnum.cpo else document

    @classmethod
    async def list(cls, module: Any, role: Any, filters: dict, *args: Any, **kwargs: Any) -> Any:
        values: list[Any] = [_name(module), _name(role)]
        dates = ""
        for name, sign in (("date_from", ">="), ("date_to", "<")):
            moment: datetime | None = filters.get(name)
            if moment is not None and (name == "date_from" or kwargs.get("bounded", False)):
                dates += f" AND last_updated {sign} ?"
                values.append(f"{moment:%Y-%m-%dT%H:%M:%SZ}")
        offset, limit = filters["offset"], filters["limit"]
        rows = database.execute(PAGE.format(dates=dates), [*values, limit, offset]).fetchall()
        total = database.execute(COUNT.format(dates=dates), values).fetchone()[0]
        return [Ours(orjson.loads(row[0])) for row in rows], total, offset + limit >= total

    @classmethod
    async def create(cls, module: Any, role: Any, data: Any, *args: Any, **kwargs: Any) -> Any:
        _save(module, role, data.get("id") or data.get("uid"), data)
        return data

    @classmethod
    async def update(cls, module: Any, role: Any, data: Any, id: Any, *args: Any, **kwargs: Any) -> Any:
        _save(module, role, id, data)
        return data

    @classmethod
    async def delete(cls, module: Any, role: Any, id: Any, *args: Any, **kwargs: Any) -> None:
        database.execute(
            "DELETE FROM objects WHERE module = ? AND role = ? AND id = ?", (_name(module), _name(role), str(id))
        )

    @classmethod
    async def do(cls, module: Any, role: Any, action: Any, *args: Any, **kwargs: Any) -> Any:
        if _name(module) == "commands":
            return {"result": "REJECTED", "timeout": 0}
        token = await cls.get(ModuleID.tokens, RoleEnum.emsp, kwargs["data"]["token_uid"])
        return {"allowed": "ALLOWED", "token": token}


class Adapter:
    """Makes the models of the libraries: of what was checked already, without checking it again."""

    @classmethod
    def location_adapter(cls, data: Any, version: Any = None) -> Any:
        return Location.construct(**data) if isinstance(data, Ours) else Location(**data)

    @classmethod
    def session_adapter(cls, data: Any, version: Any = None) -> Any:
        return Session(**data)

    @classmethod
    def cdr_adapter(cls, data: Any, version: Any = None) -> Any:
        return Cdr.construct(**data)

    @classmethod
    def token_adapter(cls, data: Any, version: Any = None) -> Any:
        return Token.construct(**data)

    @classmethod
    def authorization_adapter(cls, data: Any, version: Any = None) -> Any:
        return AuthorizationInfo.construct(**data)

    @classmethod
    def command_response_adapter(cls, data: Any, version: Any = None) -> Any:
        return CommandResponse(**data)


def _options() -> dict[str, Any]:
    """Return what extrawest-ocpi takes beyond py-ocpi: the modules, and who checks the token."""
    try:
        from py_ocpi.core.authentication.authenticator import Authenticator
    except ImportError:
        return {}

    class Known(Authenticator):
        @classmethod
        async def get_valid_token_c(cls) -> list[str]:
            return [TOKEN]

        @classmethod
        async def get_valid_token_a(cls) -> list[str]:
            return []

    modules = [ModuleID.locations, ModuleID.sessions, ModuleID.cdrs, ModuleID.tokens, ModuleID.commands]
    return {"modules": modules, "authenticator": Known}


app = get_application([VersionNumber.v_2_2_1], [RoleEnum.cpo, RoleEnum.emsp], crud=Crud, adapter=Adapter, **_options())


def fill(path: str) -> None:
    with open(path, "rb") as lines:
        database.execute("BEGIN")
        for line in lines:
            module, role, id, document = orjson.loads(line)
            _save(module, role, id, document)
        database.execute("COMMIT")


if __name__ == "__main__":
    fill(sys.argv[1])

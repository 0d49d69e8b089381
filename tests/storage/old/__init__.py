"""Databases as an earlier release left them: `sqlite.sql` and `postgresql.sql` are of 0.1.0 as it was at b2d90a0.

The files `*.json` hold what a partner knew by heart then. `make.py` made them.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy import make_url

FOLDER = Path(__file__).parent


def load(url: str) -> dict[str, Any]:
    """Put the old database into an empty one; return the tokens that go with it."""
    name = make_url(url).get_backend_name()
    dump = (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    if name == "sqlite":
        connection = sqlite3.connect(str(make_url(url).database))
        connection.executescript(dump)
        connection.close()
    else:
        engine = create_engine(url)
        with engine.begin() as opened:
            # Without parameters the driver takes many statements at once.
            opened.connection.driver_connection.execute(dump)  # type: ignore[union-attr]
        engine.dispose()
    facts: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return facts

"""The journal: the messages that went in and out, kept in the storage for people to look at."""

from __future__ import annotations

from flask_ocpi.journal.records import JOURNAL

#: The kinds of records that it stores.
KINDS = (JOURNAL,)

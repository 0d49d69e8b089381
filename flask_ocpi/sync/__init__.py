"""Sync: fetch changed objects from partners, remove copies that vanished there, and fetch missing objects.

A watermark is the newest ``last_updated`` that was read and stored from the list of a platform, module and own party.
It moves when the whole crawl is complete. The position of a crawl is stored with each of its pages.
"""

from __future__ import annotations

from flask_ocpi.sync.backfill import MissingObject
from flask_ocpi.sync.crawling import POSITIONS
from flask_ocpi.sync.syncing import Synced
from flask_ocpi.sync.syncing import lags
from flask_ocpi.sync.watermarks import Watermark

#: The kinds of records that syncing needs.
KINDS = (Watermark.KIND, POSITIONS, MissingObject.KIND)

__all__ = ["KINDS", "Synced", "lags"]

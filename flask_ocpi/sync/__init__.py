"""Sync: pull what changed at other platforms, find out what vanished there, and fetch what they think we have.

A watermark says up to where the list of a platform, module and own party is read. It moves to the newest
``last_updated`` that was stored, when the whole crawl is over. How far a crawl is, is stored with each of its pages.
"""

from __future__ import annotations

from flask_ocpi.sync.backfill import MissingObject
from flask_ocpi.sync.positions import POSITIONS
from flask_ocpi.sync.syncing import Synced
from flask_ocpi.sync.syncing import lags
from flask_ocpi.sync.watermarks import Watermark

#: The kinds of records that syncing needs.
KINDS = (Watermark.KIND, POSITIONS, MissingObject.KIND)

__all__ = ["KINDS", "Synced", "lags"]

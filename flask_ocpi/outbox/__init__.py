"""Push: what changed, who is to know, and delivering it.

A mark says that a platform has not seen the current state of an own object. It is written in the transaction that
changes the object, and whoever delivers it sends the state as it is then: nothing is queued or replayed.
"""

from __future__ import annotations

from flask_ocpi.outbox.circuits import CIRCUITS
from flask_ocpi.outbox.entries import MARKS
from flask_ocpi.outbox.lanes import LANES

#: The kinds of records that pushing needs.
KINDS = (MARKS, CIRCUITS, LANES)

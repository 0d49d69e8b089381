"""Results that come later: those that we owe to partners, and those that we wait for. Both survive the process.

OCPI 2.2.1, Commands and Charging profiles: a request names a response_url, gets an answer at once, and its result is
posted to that URL after the charge point gave it.
"""

from __future__ import annotations

from flask_ocpi.exchange.pending.incoming import IncomingRequest
from flask_ocpi.exchange.pending.incoming import IncomingState
from flask_ocpi.exchange.pending.incoming import Reply
from flask_ocpi.exchange.pending.incoming import claim
from flask_ocpi.exchange.pending.incoming import delivered
from flask_ocpi.exchange.pending.incoming import expire
from flask_ocpi.exchange.pending.incoming import finish
from flask_ocpi.exchange.pending.incoming import get_incoming
from flask_ocpi.exchange.pending.incoming import next_deadline
from flask_ocpi.exchange.pending.incoming import overdue
from flask_ocpi.exchange.pending.incoming import receive
from flask_ocpi.exchange.pending.incoming import respond
from flask_ocpi.exchange.pending.outgoing import Call
from flask_ocpi.exchange.pending.outgoing import CallState
from flask_ocpi.exchange.pending.outgoing import answered_call
from flask_ocpi.exchange.pending.outgoing import get_call
from flask_ocpi.exchange.pending.outgoing import new_call_id
from flask_ocpi.exchange.pending.outgoing import receive_result
from flask_ocpi.exchange.pending.outgoing import refused_call
from flask_ocpi.exchange.pending.outgoing import start_call
from flask_ocpi.exchange.pending.records import KINDS
from flask_ocpi.exchange.pending.records import check_response_url
from flask_ocpi.exchange.pending.records import session_refusal
from flask_ocpi.exchange.pending.records import version_of

__all__ = [
    "KINDS",
    "Call",
    "CallState",
    "IncomingRequest",
    "IncomingState",
    "Reply",
    "answered_call",
    "check_response_url",
    "claim",
    "delivered",
    "expire",
    "finish",
    "get_call",
    "get_incoming",
    "new_call_id",
    "next_deadline",
    "overdue",
    "receive",
    "receive_result",
    "refused_call",
    "respond",
    "session_refusal",
    "start_call",
    "version_of",
]

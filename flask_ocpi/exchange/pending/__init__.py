"""Results that come later: those we owe to who asked, and those that we wait for. Both outlive the process.

OCPI 2.2.1, Commands and Charging profiles: a request names a response_url, is answered at once, and its result is
posted to that URL once the charge point gave it.
"""

from __future__ import annotations

from flask_ocpi.exchange.pending.calls import Call
from flask_ocpi.exchange.pending.calls import CallState
from flask_ocpi.exchange.pending.calls import answered_call
from flask_ocpi.exchange.pending.calls import get_call
from flask_ocpi.exchange.pending.calls import new_call_id
from flask_ocpi.exchange.pending.calls import receive_result
from flask_ocpi.exchange.pending.calls import refused_call
from flask_ocpi.exchange.pending.calls import start_call
from flask_ocpi.exchange.pending.due import Due
from flask_ocpi.exchange.pending.due import DueState
from flask_ocpi.exchange.pending.due import Reply
from flask_ocpi.exchange.pending.due import claim
from flask_ocpi.exchange.pending.due import delivered
from flask_ocpi.exchange.pending.due import expire
from flask_ocpi.exchange.pending.due import finish
from flask_ocpi.exchange.pending.due import get_due
from flask_ocpi.exchange.pending.due import next_deadline
from flask_ocpi.exchange.pending.due import overdue
from flask_ocpi.exchange.pending.due import receive
from flask_ocpi.exchange.pending.due import respond
from flask_ocpi.exchange.pending.records import KINDS
from flask_ocpi.exchange.pending.records import check_response_url
from flask_ocpi.exchange.pending.records import session_refusal

__all__ = [
    "KINDS",
    "Call",
    "CallState",
    "Due",
    "DueState",
    "Reply",
    "answered_call",
    "check_response_url",
    "claim",
    "delivered",
    "expire",
    "finish",
    "get_call",
    "get_due",
    "new_call_id",
    "next_deadline",
    "overdue",
    "receive",
    "receive_result",
    "refused_call",
    "respond",
    "session_refusal",
    "start_call",
]

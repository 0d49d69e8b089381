"""Results that come later: those that we owe to partners, and those that we wait for. Both survive the process.

OCPI 2.2.1, Commands and Charging profiles: a request names a response_url, gets an answer at once, and its result is
posted to that URL after the charge point gave it.
"""

from __future__ import annotations

from flask_ocpi.exchange.pending.incoming import IncomingRequest as IncomingRequest
from flask_ocpi.exchange.pending.incoming import IncomingState as IncomingState
from flask_ocpi.exchange.pending.incoming import Reply as Reply
from flask_ocpi.exchange.pending.incoming import claim as claim
from flask_ocpi.exchange.pending.incoming import delivered as delivered
from flask_ocpi.exchange.pending.incoming import expire as expire
from flask_ocpi.exchange.pending.incoming import finish as finish
from flask_ocpi.exchange.pending.incoming import get_incoming as get_incoming
from flask_ocpi.exchange.pending.incoming import next_deadline as next_deadline
from flask_ocpi.exchange.pending.incoming import overdue as overdue
from flask_ocpi.exchange.pending.incoming import receive as receive
from flask_ocpi.exchange.pending.incoming import respond as respond
from flask_ocpi.exchange.pending.outgoing import Call as Call
from flask_ocpi.exchange.pending.outgoing import CallState as CallState
from flask_ocpi.exchange.pending.outgoing import answered_call as answered_call
from flask_ocpi.exchange.pending.outgoing import get_call as get_call
from flask_ocpi.exchange.pending.outgoing import new_call_id as new_call_id
from flask_ocpi.exchange.pending.outgoing import receive_result as receive_result
from flask_ocpi.exchange.pending.outgoing import refused_call as refused_call
from flask_ocpi.exchange.pending.outgoing import start_call as start_call
from flask_ocpi.exchange.pending.records import KINDS as KINDS
from flask_ocpi.exchange.pending.records import check_response_url as check_response_url
from flask_ocpi.exchange.pending.records import session_refusal as session_refusal
from flask_ocpi.exchange.pending.records import version_of as version_of

"""What is asked of the contestants: the requests of each workload, and what has to be answered."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import orjson
import requests

from benchmarks.http import documents
from benchmarks.http.contestants import BARE
from benchmarks.http.contestants import OURS
from benchmarks.http.contestants import Contestant

Calls = Callable[[Contestant], Sequence["Call"]]

FRESH_ID = "@FRESH-ID-0000000000@"
TIMEOUT = 30


class WrongAnswerError(AssertionError):
    """A contestant answered something else than it should."""


@dataclass(frozen=True)
class Call:
    """One request: path with query, and the document in its body."""

    method: str
    path: str
    body: Any = None

    @property
    def text(self) -> str:
        return "" if self.body is None else orjson.dumps(self.body).decode()


@dataclass(frozen=True)
class Workload:
    """A kind of request.

    calls: makes the requests, which differ in the ids they name, for a contestant. before: those that are made once
    before each load. refused: the OCPI status that answers them where they are no success; the peers answer an HTTP
    status instead. check: tells whether the data of an answer is right. leads_to: tells the same of Flask-OCPI's
    answer to a GET of the URL in the Location header. goals: at least so many times the best peer, and so much of the
    bare Flask app.
    """

    name: str
    label: str
    calls: Callable[[Contestant], Sequence[Call]]
    before: Callable[[Contestant], Sequence[Call]] = field(default=lambda contestant: ())
    check: Callable[[Contestant, Call, Any], bool] = field(default=lambda contestant, call, data: True)
    leads_to: Callable[[Contestant, Call, Any], bool] | None = None
    refused: int | None = None
    http_status: int | None = None
    wrong_token: bool = False
    goals: tuple[float | None, float | None] = (None, None)


def answer_of(contestant: Contestant, call: Call, *, wrong_token: bool = False) -> requests.Response:
    headers = contestant.headers(wrong_token=wrong_token)
    return requests.request(
        call.method, f"{contestant.url}{call.path}", data=call.text or None, headers=headers, timeout=TIMEOUT
    )


def check(contestant: Contestant, workload: Workload) -> None:
    """Make the requests of a workload once, a few at least, and compare the answers; raise WrongAnswerError."""
    for call in workload.before(contestant):
        answer_of(contestant, call).raise_for_status()
    for number, call in enumerate(workload.calls(contestant)[:3]):
        asked = Call(call.method, call.path, _fresh(call.body, number))
        answer = answer_of(contestant, asked, wrong_token=workload.wrong_token)
        if not _is_right(contestant, workload, asked, answer):
            raise WrongAnswerError(
                f"{contestant.name}, {workload.name}: {call.method} {call.path} was answered "
                f"HTTP {answer.status_code}, {answer.text[:300]}"
            )


def _is_right(contestant: Contestant, workload: Workload, call: Call, answer: requests.Response) -> bool:
    if contestant.kind == BARE:
        return answer.status_code == 200
    if contestant.kind != OURS and workload.refused is not None:
        return 400 <= answer.status_code < 500
    if answer.status_code != (workload.http_status or (201 if answer.status_code == 201 else 200)):
        return False
    envelope = answer.json()
    if workload.refused is not None:
        return bool(envelope["status_code"] == workload.refused)
    if envelope["status_code"] != 1000 or not workload.check(contestant, call, envelope.get("data")):
        return False
    if workload.leads_to is None or contestant.kind != OURS:
        return True
    path = answer.headers["Location"].removeprefix(contestant.url)
    return workload.leads_to(contestant, call, answer_of(contestant, Call("GET", path)).json()["data"])


def _fresh(body: Any, number: int) -> Any:
    if isinstance(body, dict) and body.get("id") == FRESH_ID:
        return {**body, "id": f"CHECKED-{number}"}
    return body


def _same_ids(contestant: Contestant, call: Call, data: Any) -> bool:
    """Tell whether a list has 50 of our objects, each as it was stored; peers fill in what is not there."""
    if len(data) != 50:
        return False
    if contestant.kind != OURS:
        return all(document["id"].upper().startswith("L") for document in data)
    total = contestant.locations
    return all(document == documents.own_location(int(document["id"][1:]), total) for document in data)


def _same_location(contestant: Contestant, call: Call, data: Any) -> bool:
    if contestant.kind != OURS:
        return bool(data)
    return bool(data == documents.own_location(int(data["id"][1:]), contestant.locations))


def _stored(contestant: Contestant, call: Call, data: Any) -> bool:
    """Tell whether what was sent can be fetched again, as it was sent."""
    if contestant.kind != OURS:
        return bool(data)
    stored = answer_of(contestant, Call("GET", call.path)).json()["data"]
    added = call.body.get("charging_periods", []) if call.method == "PATCH" else []  # those are added to what is there
    whole = {name: value for name, value in call.body.items() if name != "charging_periods" or not added}
    return all(stored[name] == value for name, value in whole.items()) and all(
        period in stored["charging_periods"] for period in added
    )


def _as_sent(contestant: Contestant, call: Call, data: Any) -> bool:
    return bool(data == call.body)


def _lists_version(contestant: Contestant, call: Call, data: Any) -> bool:
    if contestant.kind != OURS:
        return bool(data)
    return {"version": "2.2.1", "url": f"{contestant.url}/ocpi/2.2.1"} in data


def _allowed(contestant: Contestant, call: Call, data: Any) -> bool:
    found = data if isinstance(data, dict) else data[0]
    return bool(found["allowed"] == "ALLOWED")


def _rejected(contestant: Contestant, call: Call, data: Any) -> bool:
    found = data if isinstance(data, dict) else data[0]
    return bool(found["result"] == "REJECTED")


def _numbers(contestant: Contestant) -> range:
    return range(documents.IDS)


def _middle(contestant: Contestant) -> Sequence[Call]:
    """Return the request for the page in the middle, by the Link of the page before, as a client comes by it."""
    offset = contestant.locations // 2
    if contestant.kind != OURS:
        return [Call("GET", f"{contestant.sender}/locations{contestant.slash}?limit=50&offset={offset}")]
    before = answer_of(contestant, Call("GET", f"{contestant.sender}/locations?limit=50&offset={offset - 50}"))
    link = before.headers["Link"].split(">")[0].lstrip("<")
    return [Call("GET", link.removeprefix(contestant.url))]


def _wrong(document: documents.Document) -> documents.Document:
    return {**document, "coordinates": "52.1, 4.9"}


def _bare(calls: Calls, path: str = "/small") -> Calls:
    """Have the bare app asked for its constant with the method and body that the others get."""

    def made(contestant: Contestant) -> Sequence[Call]:
        if contestant.kind != BARE:
            return calls(contestant)
        return [Call(call.method, path, call.body) for call in calls(contestant)]

    return made


def _put_sessions(c: Contestant) -> Sequence[Call]:
    return [Call("PUT", f"{c.receiver}/sessions/DE/CPO/S{n:04}", documents.their_session(n)) for n in _numbers(c)]


def _put_locations(c: Contestant) -> Sequence[Call]:
    return [Call("PUT", f"{c.receiver}/locations/DE/CPO/P{n:04}", documents.their_location(n)) for n in _numbers(c)]


WORKLOADS = (
    Workload(
        "list",
        "list of 50, first page",
        _bare(lambda c: [Call("GET", f"{c.sender}/locations{c.slash}?limit=50")], "/list"),
        check=_same_ids,
        goals=(20, 0.25),
    ),
    Workload("list-middle", "list of 50, middle page", _bare(_middle, "/list"), check=_same_ids, goals=(20, 0.25)),
    Workload(
        "list-delta",
        "list of 50, by date_from",
        _bare(
            lambda c: [
                Call("GET", f"{c.sender}/locations{c.slash}?limit=50&date_from={documents.delta_from()}"),
            ],
            "/list",
        ),
        check=_same_ids,
        goals=(20, 0.25),
    ),
    Workload(
        "get",
        "get one location",
        _bare(lambda c: [Call("GET", f"{c.sender}/locations/L{n:07}") for n in _numbers(c)]),
        check=_same_location,
        goals=(3, 0.35),
    ),
    Workload("put-location", "PUT location", _bare(_put_locations), check=_stored, goals=(3, 0.25)),
    Workload(
        "patch-evse",
        "PATCH EVSE status",
        _bare(
            lambda c: [
                Call(
                    "PATCH",
                    f"{c.receiver}/locations/DE/CPO/P{n:04}/{documents.EVSE_UID}",
                    {"status": ("CHARGING", "AVAILABLE", "BLOCKED")[n % 3], "last_updated": documents.LATER},
                )
                for n in _numbers(c)
            ]
        ),
        before=_bare(_put_locations),
        check=_stored,
        goals=(2.5, 0.2),
    ),
    Workload("put-session", "PUT session", _bare(_put_sessions), check=_stored, goals=(3, 0.25)),
    Workload(
        "patch-session",
        "PATCH session, a charging period",
        _bare(
            lambda c: [
                Call(
                    "PATCH",
                    f"{c.receiver}/sessions/DE/CPO/S{n:04}",
                    {"charging_periods": [documents.period()], "kwh": 13.5, "last_updated": documents.LATER},
                )
                for n in _numbers(c)
            ]
        ),
        before=_bare(_put_sessions),
        check=_stored,
    ),
    Workload(
        "post-cdr",
        "POST CDR",
        _bare(lambda c: [Call("POST", f"{c.receiver}/cdrs{c.slash}", documents.their_cdr(FRESH_ID))]),
        leads_to=_as_sent,
        goals=(3, 0.25),
    ),
    Workload(
        "authorize",
        "authorize",
        _bare(lambda c: [Call("POST", f"{c.tokens}/tokens/T{n:04}/authorize") for n in _numbers(c)]),
        check=_allowed,
        goals=(3, 0.35),
    ),
    Workload(
        "start-session",
        "START_SESSION",
        _bare(
            lambda c: [
                Call("POST", f"{c.commands}/commands/START_SESSION", documents.command(f"L{n:07}")) for n in _numbers(c)
            ]
        ),
        check=_rejected,
    ),
    Workload(
        "versions", "versions", _bare(lambda c: [Call("GET", "/ocpi/versions")]), check=_lists_version, goals=(1.5, 0.6)
    ),
    Workload(
        "refused",
        "refused body (2001)",
        _bare(
            lambda c: [
                Call("PUT", f"{c.receiver}/locations/DE/CPO/P{n:04}", _wrong(documents.their_location(n)))
                for n in _numbers(c)
            ]
        ),
        refused=2001,
    ),
    Workload(
        "wrong-token",
        "wrong token (401)",
        _bare(lambda c: [Call("GET", f"{c.sender}/locations/L{n:07}") for n in _numbers(c)]),
        refused=2000,
        http_status=401,
        wrong_token=True,
    ),
)

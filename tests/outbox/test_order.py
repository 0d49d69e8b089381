"""Order and convergence with several workers and partners of two versions, while workers are killed in batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from itertools import permutations

import orjson
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_ocpi.outbox import entries
from flask_ocpi.outbox.deliveries import Deliveries
from flask_ocpi.outbox.entries import EVERYBODY
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import Clock
from flask_ocpi.testing.network import Network
from flask_ocpi.versions import VERSIONS
from flask_ocpi.versions import Version
from tests.selecting import examples

PARTNERS = {"one.example": "EMS", "two.example": "TWO"}
OBJECTS, WORKERS = 4, 3
CHANGE, BILL, WORK, KILL, MEANWHILE, WAIT = "change", "bill", "work", "kill", "meanwhile", "wait"
STEPS = st.one_of(
    st.tuples(st.just(CHANGE), st.integers(0, OBJECTS - 1)),
    st.tuples(st.just(BILL), st.just(0)),
    st.tuples(st.just(WORK), st.integers(0, WORKERS - 1)),
    st.tuples(st.just(KILL), st.integers(0, 5)),  # the next worker that sends so many messages, and after another one
    st.tuples(st.just(MEANWHILE), st.integers(0, OBJECTS - 1)),  # it changes while the next message is under way
    st.tuples(st.just(WAIT), st.just(0)),  # until all leases are over
)


class Killed(BaseException):
    """Ends a worker as SIGKILL does: it settles nothing."""


class House:
    """An operator with several workers, and two providers that note in which order states arrive."""

    def __init__(self, versions: Sequence[Version]) -> None:
        self.clock = Clock()
        self.network = Network(clock=self.clock)
        none = {"OCPI_DISPATCHER": "none"}
        self.cpo = self.network.add("cpo.example", [("NL", "ABC", ["CPO"])], config=none, versions=VERSIONS)
        for (host, party), version in zip(PARTNERS.items(), versions, strict=True):
            provider = self.network.add(host, [("DE", party, ["EMSP"])], versions=(version,))
            self.network.connect(provider, self.cpo)
        self.cpo.outbox.flush()
        known = self.cpo.dispatcher.deliveries
        self.workers = [Deliveries(known.services, known._connect, known.in_context) for _ in range(WORKERS)]
        for worker in self.workers:
            worker._paces = dict.fromkeys([platform.id for platform in self.cpo.partners.list()], 0.001)
        self.states, self.bills, self.posts, self.kills = 0, 0, Counter(), 0
        self.arrived: dict[tuple[str, str], list[int]] = {}
        self.kill_after: int | None = None
        self.meanwhile: list[int] = []
        self.network.before_send = self.before

    def change(self, which: int) -> None:
        self.states += 1
        self.clock.advance(1)
        now = self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
        place = location(id=f"LOC{which}", name=str(self.states), postal_code="3511 ED", last_updated=now)
        self.cpo.save("locations", place)

    def bill(self) -> None:
        """Save a CDR at a location that is known: to a partner of 2.1.1 its postal code is sent with the CDR."""
        if not self.bills:
            self.change(1)
        self.bills += 1
        token = {**cdr()["cdr_token"], "country_code": "DE", "party_id": "EMS"}
        self.cpo.save("cdrs", cdr(id=f"CDR{self.bills}", cdr_token=token))

    def before(self, request) -> None:
        if self.meanwhile:
            self.change(self.meanwhile.pop())
            entries.spread(self.cpo.services)  # as another worker does
        body, host = orjson.loads(request.body), request.url.split("/")[2]
        if request.url.endswith("/cdrs"):
            self.posts[body["id"]] += 1
        else:
            self.arrived.setdefault((host, request.url.rsplit("/", 1)[1]), []).append(int(body["name"]))
        if self.kill_after == 0:
            self.network.apps[host].test_client().open(
                request.url, method=request.method, headers=dict(request.headers), data=request.body
            ).close()
            self.kill_after, self.kills = None, self.kills + 1
            raise Killed
        if self.kill_after is not None:
            self.kill_after -= 1

    def work(self, which: int) -> None:
        """Let a worker spread, and send what is due, until it is killed."""
        worker = self.workers[which]

        def work() -> None:
            for platform in {*worker.spread([EVERYBODY]), *worker.due_platforms()}:
                worker.deliver(platform)

        with suppress(Killed):
            worker.in_context(work)

    def do(self, step: str, which: int) -> None:
        if step == CHANGE:
            self.change(which)
        elif step == BILL:
            self.bill()
        elif step == WORK:
            self.work(which)
        elif step == KILL:
            self.kill_after = which
        elif step == MEANWHILE:
            self.meanwhile = [which]
        else:
            self.clock.advance(self.workers[0].lease + 1)

    def settle(self) -> None:
        self.kill_after = None
        for _ in range(5):
            self.clock.advance(self.workers[0].lease + 1)
            self.work(0)

    def waiting(self) -> list[entries.OutboxEntry]:
        platforms = self.cpo.partners.list()
        return [entry for platform in platforms for entry in entries.of_platform(self.cpo.services, platform.id)]


@given(steps=st.lists(STEPS, min_size=5, max_size=40), versions=st.sampled_from([*permutations(VERSIONS, 2)]))
@settings(max_examples=examples(60), deadline=None)
def test_states_arrive_in_their_order_and_the_last_one_everywhere_whoever_is_killed(steps, versions):
    house = House(versions)

    for step, which in steps:
        house.do(step, which)
    house.settle()

    assert house.waiting() == []
    for states in house.arrived.values():
        assert all(earlier <= later for earlier, later in pairwise(states)), house.arrived
    own = by_id(house.cpo.objects.documents("locations"))
    for host in PARTNERS:
        assert by_id(house.network.platforms[host].objects.documents("locations", copies=True)) == own
    billed = list(house.network.platforms["one.example"].objects.documents("cdrs", copies=True))
    assert sorted(document["id"] for document in billed) == sorted(f"CDR{n + 1}" for n in range(house.bills))
    assert set(house.posts.values()) <= set(range(1, house.kills + 2))
    assert list(house.network.platforms["two.example"].objects.documents("cdrs", copies=True)) == []


def by_id(documents):
    """Return documents by their ids: one that is removed and saved again is the last one at us only."""
    return {document["id"]: document for document in documents}

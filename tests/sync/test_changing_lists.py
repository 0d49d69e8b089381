"""Whatever happens to a list while it is read, in the end both sides have the same."""

from __future__ import annotations

from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_ocpi.core.moments import format_date_time
from flask_ocpi.errors import UnreachableError
from flask_ocpi.storage.base import Key
from flask_ocpi.testing.documents import location
from tests.conformance.sharing import shared_network
from tests.selecting import examples
from tests.sync.conftest import copies
from tests.sync.conftest import own

IDS = st.integers(0, 11)
add_or_change = st.tuples(st.just("save"), IDS)
remove = st.tuples(st.just("remove"), IDS)
push = st.tuples(st.just("push"), IDS)
cut = st.tuples(st.just("cut"), st.just(0))
wait = st.tuples(st.just("wait"), st.integers(1, 400))
thorough = settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])


class World:
    """A provider and an operator with some locations, to whom something happens before each request."""

    def __init__(self, initial):
        self.network = shared_network()
        self.clock = self.network.clock
        self.ocpi = self.network.add("platform.example", [("NL", "ABC", ["EMSP"])])
        config = {"OCPI_PUSH": False, "OCPI_PAGE_LIMIT": 2}
        self.cpo = self.network.add("other.example", [("FR", "OTH", ["CPO"])], config=config)
        self.network.connect(self.ocpi, self.cpo)
        self.number = 0
        self.events = []
        self.happens = False
        for id in initial:
            self.save(id)
        self.network.before_send = self.happen

    def save(self, number):
        self.number += 1
        moment = format_date_time(self.clock())
        document = location(
            country_code="FR", party_id="OTH", id=f"L{number}", city=f"City {self.number}", last_updated=moment
        )
        self.cpo.save("locations", document)
        return document

    def happen(self, request):
        if self.happens or request.method != "GET" or not self.events:
            return
        self.happens = True
        try:
            for name, value in self.events.pop(0):
                self.do(name, value)
        finally:
            self.happens = False

    def do(self, name, value):
        if name == "save":
            self.save(value)
        elif name == "remove":
            self.cpo.storage.delete("locations", Key.of("FR", "OTH", f"L{value}"))
        elif name == "push":
            self.cpo.client("NL-ABC").locations.put(self.save(value))
        elif name == "wait":
            self.clock.advance(value)
        elif name == "cut":
            raise UnreachableError("The line is cut.")

    def sync(self, **options):
        return self.ocpi.sync(modules=["locations"], **options)[0]

    def is_equal(self):
        return copies(self.ocpi) == own(self.cpo)


def rounds(*events):
    """Some syncs, and what happens before each request of them."""
    return st.lists(st.lists(st.lists(st.one_of(*events), max_size=3), max_size=8), min_size=1, max_size=4)


@thorough
@given(initial=st.lists(IDS, unique=True, max_size=9), syncs=rounds(add_or_change, push, cut, wait))
def test_changes_during_syncs_have_all_arrived_after_the_next(initial, syncs):
    world = World(initial)
    for events in syncs:
        world.events = events
        world.sync()
        world.clock.advance(300)
    world.events = []
    world.sync()  # goes on with what the last one left in the middle

    synced = world.sync()

    assert synced.error is None
    assert world.is_equal()


@thorough
@given(initial=st.lists(IDS, unique=True, max_size=9), syncs=rounds(add_or_change, remove, push, cut, wait))
def test_what_came_and_went_during_syncs_is_right_after_the_next_whole_list(initial, syncs):
    world = World(initial)
    for number, events in enumerate(syncs):
        world.events = events
        world.sync(full=number % 2 == 1)
        world.clock.advance(300)
    world.events = []
    world.sync()

    synced = world.sync(full=True, force=True)

    assert synced.error is None
    assert world.is_equal()


@thorough
@given(
    initial=st.lists(IDS, unique=True, min_size=3, max_size=9),
    events=st.lists(st.lists(remove, max_size=2), max_size=8),
)
def test_removals_during_the_crawl_let_no_other_object_slip(initial, events):
    world = World(initial)
    world.events = events

    world.sync()

    assert own(world.cpo).items() <= copies(world.ocpi).items()

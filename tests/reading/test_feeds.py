"""Feeds of real shapes are stored whole, pulled and pushed, and each mending is a finding."""

from __future__ import annotations

import copy
import random

import orjson
import pytest

from flask_ocpi.core.schema import violations
from flask_ocpi.storage.base import Party
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import add_partner
from flask_ocpi.versions.reading import read
from flask_ocpi.versions.reading.classes import DISPENSABLE
from flask_ocpi.versions.reading.classes import FORGIVEN
from tests.reading.feeds import CLASSES
from tests.reading.feeds import COUNTS
from tests.reading.feeds import DEVIATIONS
from tests.reading.feeds import feed
from tests.urls import ocpi_url

BOTH = ["CPO", "EMSP"]
OWNER = Party.of("DE", "PEE")
every_module = pytest.mark.parametrize("module", CLASSES)


class Pair:
    """Our platform, and a partner whose lists are replaced by a feed."""

    def __init__(self, module, seed):
        settings = {"OCPI_VERSIONS": ["2.2.1"], "OCPI_PUSH": False, "OCPI_FINDINGS_MAX_COUNT": 100_000}
        self.network = Network(config=settings)
        self.ours = self.network.add("ours.example", [("NL", "ABC", BOTH)])
        self.module = module
        self.feed = list(feed(module, seed))
        self.key = "uid" if module == "tokens" else "id"
        self.addressed = {item.sound[self.key]: item.sent for item in self.feed}

    def sync(self):
        self.theirs = self.network.add("pee.example", [(*OWNER, BOTH)])
        _, partner = self.network.connect(self.theirs, self.ours)
        for item in self.feed:
            self.theirs.save(self.module, item.sound)
        self.network.after_send = self._replaced
        (synced,) = self.ours.sync(partner, [self.module])
        return synced

    def _replaced(self, request, response):
        body = orjson.loads(response.body)
        if request.method == "GET" and isinstance(body.get("data"), list) and "pee.example" in request.url:
            body["data"] = [self.addressed.get(item.get(self.key), item) for item in body["data"]]
        return type(response)(response.status, response.headers, orjson.dumps(body), response.url)

    def kept(self):
        return {document[self.key]: document for document in self.ours.copies.documents(self.module)}


def flaws_of(cls, document):
    """Return what is wrong by the letter with an object that is kept, apart from what it may do without."""
    schema = cls()
    schema.rules = tuple(rule for rule in schema.rules if rule not in FORGIVEN)
    allowed = {name for names in DISPENSABLE.values() for name in names}
    for path, message in violations(schema.validate(document)):
        last = path.rsplit(".", 1)[-1]
        if last in allowed and message == "is required":
            continue
        if (last, message) == ("connectors", "must have at least one element") or path.startswith("opening_times"):
            continue
        yield path, message


def check(pair):
    cls = CLASSES[pair.module]
    kept = pair.kept()

    assert sorted(set(pair.addressed) - set(kept)) == []
    assert {id: flaws for id, document in kept.items() if (flaws := list(flaws_of(cls, document)))} == {}
    told = {}
    for entry in pair.ours.findings.list(module=pair.module):
        told.setdefault(entry.finding.object.split(" ")[2], set()).add(entry.finding.path)
    silent = []
    for item in pair.feed:
        if cls().load_valid(item.sent) is None and len(item.deviations) == 1:
            (deviation,) = item.deviations
            paths = told.get(item.sound[pair.key], set())
            if not any(path.startswith(deviation.path) for path in paths):
                silent.append((item.sound[pair.key], deviation.path, paths))
        if cls().load_valid(item.sent) is None and not told.get(item.sound[pair.key]):
            silent.append((item.sound[pair.key], "nothing"))
    assert silent == []


@every_module
def test_every_object_of_a_feed_is_pulled(module):
    pair = Pair(module, 1)

    synced = pair.sync()

    assert (synced.error, synced.pulled.seen) == (None, COUNTS[module])
    check(pair)


@every_module
def test_every_object_of_a_feed_is_taken_when_it_is_pushed(module):
    pair = Pair(module, 2)
    client = add_partner(pair.network.apps["ours.example"], [(*OWNER, BOTH)])

    refused = {}
    for item in pair.feed:
        id = item.sound[pair.key]
        if module == "cdrs":
            answer = client.post(ocpi_url("receiver/cdrs"), item.sent)
        else:
            answer = client.put(ocpi_url(f"receiver/{module}/DE/PEE/{id}"), item.sent)
        if answer.status_code != 1000:
            refused[id] = answer.message

    assert refused == {}
    check(pair)


@every_module
def test_each_deviation_alone_keeps_all_else(module):
    sound = next(feed(module, 0)).sound
    before = read(CLASSES[module](), sound).document
    lost = []

    for deviation in DEVIATIONS[module]:
        for choice in deviation.choices:
            sent = copy.deepcopy(sound)
            type(deviation)(deviation.place, (choice,)).apply(sent, random.Random(0))
            kept = read(CLASSES[module](), sent).document
            top = deviation.place.split(".")[0]
            lost += [(deviation.place, name) for name in before if name != top and kept.get(name) != before[name]]

    assert lost == []

"""Any valid object of any class comes back as it was sent: what is stored is the document, in its canonical form."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_ocpi.testing.strategies import documents
from tests.conformance.operations import EXAMPLES
from tests.conformance.operations import every
from tests.conformance.operations import everything_anew
from tests.selecting import examples

SENT = [example for example in EXAMPLES if example.operation.created]
LISTED = [example for example in EXAMPLES if example.operation.returns_list and example.operation.object]
# Generating a large document takes time, which says nothing about us.
generated = settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def canonical(everything, schema, document):
    return everything.ocpi.services.schemas[schema].load(document)


def identified(example, document, **named):
    """Give a document the identity of an example, or another one; what makes up no identity stays."""
    operation = example.operation
    key = (operation.object.parts[operation.part - 1].key,) if operation.part else operation.object.key[:3]
    return {**document, **{name: example.body[name] for name in key if name in example.body}, **named}


def sent_and_read(example, document):
    """Return the document to send, and the segments and the query with which it is read."""
    name = example.operation.object.name
    if name == "cdr":  # one that is there already would never change
        return identified(example, document, id="NEW"), {"cdr_id": "NEW"}, {}
    if name == "token":
        return identified(example, document), {}, {"type": document["type"]}
    if name == "client_info":  # of several roles of a party, the one that changed last is read
        party = {"country_code": "FR", "party_id": "XXX"}
        return {**document, **party}, party, {}
    return identified(example, document), {}, {}


@pytest.mark.conformance(
    *("PUSH-09", "T-28", "T-30", "TYP-02", "TYP-10", "LOC-06", "SES-10", "CDR-05", "TOK-02", "HCI-04", "CDR-29")
)
@every(SENT)
@generated
@given(data=st.data())
def test_what_is_sent_is_read_back(example, data):
    everything = everything_anew()
    document, segments, query = sent_and_read(example, data.draw(documents(example.operation.body)))
    expected = canonical(everything, example.operation.body, document)
    path = example.path_with(segments)

    sent = everything.client(example).open(example.method, path, json=document)
    read = path if example.method == "PUT" else sent.headers["Location"].removeprefix("https://everything.example")
    found = everything.client(example).get(read, query_string=query)

    assert sent.status_code == 1000, sent.message
    assert found.data == expected
    assert orjson.dumps(found.data) in found.body


@pytest.mark.conformance(*("T-28", "T-30", "TYP-02", "TYP-10", "LOC-01", "SES-01", "CDR-01", "TAR-01", "HCI-03"))
@every(LISTED)
@generated
@given(data=st.data())
def test_what_we_have_is_what_partners_read(example, data):
    everything = everything_anew()
    schema = example.operation.object.schema
    document = {**data.draw(documents(schema)), "country_code": "NL", "party_id": "ABC"}
    document |= {name: "NEW" for name in ("id", "uid") if name in document}
    if "cdr_token" in document:  # who it is for
        document["cdr_token"] = {**document["cdr_token"], "country_code": "DE", "party_id": "EMS"}

    everything.ocpi.save(example.module.id, document)

    answer = everything.send(example)
    assert answer.data[-1] == canonical(everything, schema, document)
    assert answer.headers["X-Total-Count"] == "2"

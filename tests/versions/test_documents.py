"""``flask_ocpi.testing.versions``: valid documents of every class of every version."""

from __future__ import annotations

import pytest

from flask_ocpi.core.converting import Origin
from flask_ocpi.core.schema import load
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.testing import documents
from flask_ocpi.testing.versions import documents_of
from flask_ocpi.versions import VERSIONS
from tests.versions.nine import V9_9

ORIGIN = Origin(("NL", "ABC"), ("DE", "EMS"))
EVERY_VERSION = pytest.mark.parametrize("version", [*VERSIONS, V9_9], ids=lambda version: version.number)


@EVERY_VERSION
def test_each_class_has_valid_documents(version):
    made = documents_of(version)

    for name in dir(made):
        schema = made._classes[name.removeprefix("full_")]
        document = getattr(made, name)()

        load(schema(), document, where=name)  # raises for one that is not valid
    assert {"location", "full_location", "cdr", "start_session", "energy_mix"} <= set(dir(made))


@EVERY_VERSION
@pytest.mark.parametrize("name", ["location", "session", "cdr", "tariff", "token"])
def test_documents_say_what_those_of_the_stored_shape_say(version, name):
    made = documents_of(version)
    schema = made._classes[name]
    conversion = version.conversion(schema)

    document = getattr(made, name)()

    stored = document if conversion is None else conversion.to_store(document, ORIGIN)
    assert stored["last_updated"] == getattr(documents, name)()["last_updated"]
    assert stored["id" if "id" in stored else "uid"] == getattr(documents, name)()["id" if "id" in stored else "uid"]


def test_keywords_change_them_in_the_shape_of_the_version():
    assert documents_of(V9_9).location(title="A")["title"] == "A"
    assert documents_of("2.2.1").full_location(name="A")["name"] == "A"


def test_class_that_the_version_lacks_is_named():
    with pytest.raises(AttributeError, match=r"OCPI 9\.9 has no class client_info\."):
        documents_of(V9_9).client_info()


def test_version_that_there_is_not_is_named():
    with pytest.raises(ConfigurationError, match=r"names .1\.0."):
        documents_of("1.0")

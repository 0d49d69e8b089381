"""Tests of the compiled loaders: what they are made of, what they leave to marshmallow, and how to look at them."""

from __future__ import annotations

import gc
import inspect
import json
import traceback
from collections import UserDict
from concurrent.futures import ThreadPoolExecutor

import marshmallow as ma
import pytest

from flask_ocpi.core import compiled
from flask_ocpi.core.codes import COUNTRIES_ALPHA2
from flask_ocpi.core.codes import LANGUAGES
from flask_ocpi.core.compiled import Writer
from flask_ocpi.core.compiled import loader_of
from flask_ocpi.core.compiled import source_of
from flask_ocpi.core.enums import Role
from flask_ocpi.core.fields import Boolean
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import Field
from flask_ocpi.core.fields import Integer
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Number
from flask_ocpi.core.fields import Policy
from flask_ocpi.core.fields import QueryInteger
from flask_ocpi.core.fields import String
from flask_ocpi.core.fields import Url
from flask_ocpi.core.responses import PageQuery
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.exchange.context import Schemas
from flask_ocpi.modules.cdrs_schemas import CDR
from flask_ocpi.modules.credentials import Credentials
from flask_ocpi.modules.locations_schemas import EVSE
from flask_ocpi.modules.locations_schemas import Connector
from flask_ocpi.modules.locations_schemas import Hours
from flask_ocpi.modules.locations_schemas import Location
from flask_ocpi.modules.types import DisplayText
from flask_ocpi.testing import documents
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from tests.schemas.comparing import ODD
from tests.schemas.comparing import OFF
from tests.schemas.comparing import assert_same
from tests.schemas.comparing import outcome
from tests.schemas.comparing import pair
from tests.schemas.declarations import SCHEMAS
from tests.schemas.specification import EXAMPLES
from tests.snippets import ROOT
from tests.snippets import Page

TEXTS = (
    {},
    {"name": "A"},
    {"name": "A", "size": 3},
    {"name": "a", "size": 3.0, "x": [1]},
    {"size": 3, "name": "A"},
    {"name": None},
    {"name": "A", "size": None},
    {"name": "too long for it"},
    {"name": "A", "size": "3"},
    {"Name": "A"},
    {"name": "A", "size": -1},
    {"name": "A", "x": float("nan")},
    [],
    None,
    "A",
    [{"name": "A"}],
    UserDict({"name": "A"}),
)


@pytest.fixture(autouse=True)
def _validation():
    """Stay as the product is."""
    Schemas()


@pytest.fixture
def asked(monkeypatch):
    """The names of the schemas that marshmallow is asked to load."""
    names = []
    load = ma.Schema._do_load

    def note(self, *args, **kwargs):
        names.append(type(self).__name__)
        return load(self, *args, **kwargs)

    monkeypatch.setattr(ma.Schema, "_do_load", note)
    return names


def assert_all_same(compiled_one, reference, given=TEXTS):
    for data in given:
        for partial in (None, False, True, ("name",)):
            assert_same(compiled_one, reference, data, partial=partial)


class Plain(Schema):
    """Made up."""

    name = String(max=5, required=True)
    size = Integer(min=0)


# What is loaded without marshmallow


def examples():
    makers = {
        Location: (documents.location, documents.full_location),
        EVSE: (documents.evse,),
        Connector: (documents.connector,),
        Credentials: (documents.credentials,),
    }
    return [pytest.param(cls, maker(), id=maker.__name__) for cls, known in makers.items() for maker in known]


@pytest.mark.parametrize(("cls", "document"), examples())
def test_documents_of_the_testing_package_do_not_reach_marshmallow(asked, cls, document):
    schema = cls()

    assert schema.load(document) == document
    assert schema.load(document, partial=True) == document
    assert asked == []


@pytest.mark.parametrize("cls", SCHEMAS.values(), ids=lambda cls: cls.__name__)
def test_examples_of_every_property_do_not_reach_marshmallow(asked, cls):
    fields = cls().load_fields

    for name, field in fields.items():
        cls(partial=True).load({name: field.metadata["example"]})

    assert asked == []


@pytest.mark.skipif(not EXAMPLES.exists(), reason="the examples are not next to this checkout")
@pytest.mark.parametrize(("kind", "cls"), [("location", Location), ("cdr", CDR)], ids=["location", "cdr"])
def test_examples_of_the_specification_do_not_reach_marshmallow(asked, kind, cls):
    files = sorted(path for path in EXAMPLES.glob(f"{kind}/*.json") if "patch" not in path.name)

    loaded = [cls().load(json.loads(path.read_text())) for path in files]

    assert loaded != []
    assert asked == []


def test_nulls_and_empty_lists_of_peers_do_not_reach_marshmallow(asked):
    given = location(name=None, evses=[], directions=None, images=[], operator=None, energy_mix=None)

    assert Location().load(given) == location()
    assert asked == []


def test_a_patch_keeps_nulls_and_makes_them_of_empty_lists(asked):
    assert Location().load({"images": [], "name": None}, partial=True) == {"name": None, "images": None}
    assert asked == []


def test_unknown_properties_do_not_reach_marshmallow(asked):
    given = location(gireve_id="X", nested={"a": [None, {"b": 1.5}]}, evses=[evse(flag=True)])

    assert Location().load(given) == given
    assert list(EVSE().load({"x": 1, **evse()})) == [*evse(), "x"]
    assert asked == []


def test_query_strings_do_not_reach_marshmallow(asked):
    query = {"offset": "5", "limit": "10", "date_from": "2024-05-31T12:00:00", "x": "1"}

    assert PageQuery().load(query) == {"date_from": "2024-05-31T12:00:00Z", "offset": 5, "limit": 10, "x": "1"}
    assert asked == []


def test_values_of_enums_as_python_has_them_do_not_reach_marshmallow(asked):
    class Party(Schema):
        """Made up."""

        role = Enum(Role, required=True)

    assert Party().load({"role": Role.CPO})["role"] is Role.CPO
    assert asked == []


def test_what_is_not_available_does_not_reach_marshmallow(asked):
    coordinates = {"latitude": "#NA", "longitude": "#NA"}
    given = location(country_code="#NA", coordinates=coordinates, time_zone="#NA")

    assert Location(policy=Policy(strict_codes=True)).load(given) == given
    assert asked == []


def test_a_time_that_nobody_knows_does_not_reach_marshmallow(asked):
    class Period(Schema):
        """Made up."""

        start = DateTime(or_unknown=True)

    assert Period().load({"start": "1970-1-1T00:00:00Z"}) == {"start": "1970-01-01T00:00:00Z"}
    assert asked == []


def test_marshmallow_is_asked_once_for_what_is_wrong_and_words_it(asked):
    schema, reference = pair(Location)
    given = location(evses=[evse(connectors=[connector(max_voltage=-1)]), evse(uid="2")], city=5)

    came = outcome(schema.load, given)

    assert came[0] == "refused"
    assert asked == ["Location", "EVSE", "Connector"]  # what is right of it is still loaded by their own loaders
    assert came == outcome(reference.load, given)


# What is kept apart


def test_lists_and_objects_are_new_ones():
    given = documents.full_location()

    loaded = Location().load(given)
    loaded["facilities"].append("X")
    loaded["evses"][0]["capabilities"].append("X")
    loaded["evses"][0]["connectors"][0]["tariff_ids"].append("X")
    loaded["coordinates"]["x"] = 1

    assert given == documents.full_location()


def test_a_later_change_of_what_was_given_changes_nothing():
    given = evse(capabilities=["RESERVABLE"])

    loaded = EVSE().load(given, partial=True)
    given["capabilities"].append("X")
    given["connectors"].clear()

    assert loaded == evse(capabilities=["RESERVABLE"])


# One loader for all


def test_loaders_are_compiled_once_however_many_instances_there_are(monkeypatch):
    Location().load(location())
    monkeypatch.setattr(Writer, "compile", lambda self: pytest.fail("compiled again"))

    for policy in (Policy(), Policy(strict_codes=False)):
        assert Location(policy=policy).load(location()) == location()


def test_policies_have_loaders_of_their_own():
    given = {"language": "xx", "text": "A", "x": 1}

    assert DisplayText().load(given) == given
    assert DisplayText(policy=Policy(keep_unknown=False)).load(given) == {"language": "xx", "text": "A"}
    with pytest.raises(ma.ValidationError, match="ISO list"):
        DisplayText(policy=Policy(strict_codes=True)).load(given)


def test_threads_that_need_the_same_loader_at_once_all_get_it():
    class Inner(Schema):
        """Made up."""

        name = String(max=5, required=True)

    class Outer(Schema):
        """Made up."""

        inner = Object(Inner, required=True)

    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(lambda _: Outer().load({"inner": {"name": "A"}}), range(64)))

    assert loaded == [{"inner": {"name": "A"}}] * 64


def test_loaders_go_with_their_class():
    gc.collect()  # those of other tests
    before = len(compiled._loaders)

    class Gone(Schema):
        """Made up."""

        name = String(max=5)

        class Meta(Schema.Meta):
            register = False

    Gone().load({})
    assert len(compiled._loaders) == before + 1

    del Gone
    gc.collect()
    assert len(compiled._loaders) == before


# How to look at them


def test_source_names_the_properties():
    source = source_of(Connector)

    assert source.startswith("def load_Connector(data):\n")
    assert "    value = get('max_voltage')\n" in source
    assert "document['max_voltage'] = value" in source


@pytest.mark.parametrize("partial", [False, True], ids=["whole", "part"])
@pytest.mark.parametrize("cls", SCHEMAS.values(), ids=lambda cls: cls.__name__)
def test_source_has_every_property_and_is_what_inspect_shows(cls, partial):
    source = source_of(cls, partial=partial)

    assert all(repr(name) in source for name in cls._declared_fields)
    assert inspect.getsource(loader_of(cls(), partial)) == source
    assert "not compiled" not in source


def test_source_follows_the_policy():
    assert "codes" in source_of(DisplayText, policy=Policy(strict_codes=True))
    assert "codes" not in source_of(DisplayText)


def test_source_says_why_there_is_none():
    class Own(Plain):
        """Made up."""

        @ma.pre_load
        def change(self, data, **kwargs):
            return data

    assert source_of(Own) == "# Own is not compiled: it has hooks of its own.\n"
    assert source_of(Plain(policy=OFF)) == "# Plain is not compiled: its policy turns that off.\n"


def test_tracebacks_show_the_line():
    def broken(document):
        raise LookupError("a rule of the host")

    class Ruled(Plain):
        """Made up."""

        rules = (broken,)

    with pytest.raises(LookupError) as caught:
        Ruled().load({"name": "A"})

    assert "for _ in given_broken(document):" in "".join(traceback.format_exception(caught.value))


def test_validation_page_runs(capsys):
    page = Page("docs/validation.md")

    page.run(count=2)

    assert capsys.readouterr().out == f"{source_of(Connector)}\n{source_of(Connector, partial=True)}\n"
    shown = (ROOT / "docs/validation.md").read_text().split("```text\n")[1].split("```")[0]
    assert shown in source_of(Connector)


# What is left to marshmallow


def _with(**members):
    return type("Odd", (Plain,), {"__doc__": "Made up.", **members})


def _meta(**options):
    return _with(Meta=type("Meta", (Schema.Meta,), options))


@ma.pre_load
def _renames(self, data, **kwargs):
    return {**data, "name": "B"} if isinstance(data, dict) else data


@ma.post_load
def _appends(self, data, **kwargs):
    return {**data, "seen": True}


@ma.validates("size")
def _refuses_size(self, value, **kwargs):
    raise ma.ValidationError("no size is right")


@ma.validates_schema
def _refuses_all(self, data, **kwargs):
    raise ma.ValidationError("nothing is right")


def _init(self, **kwargs):
    Schema.__init__(self, **kwargs)
    self.load_fields["size"].min = 3


def _on_bind_field(self, field_name, field_obj):
    field_obj.required = True


def _load(self, data, **kwargs):
    return {"loaded": Schema.load(self, data, **kwargs)}


def _keep_none(self, data, original, **kwargs):
    return {"kept": data}


def _no_rules(self, data, **kwargs):
    raise ma.ValidationError({"name": ["is against the rules"]})


UNCOMPILED_CLASSES = {
    "pre_load": _with(change=_renames),
    "post_load": _with(change=_appends),
    "validates": _with(check=_refuses_size),
    "validates_schema": _with(check=_refuses_all),
    "init": _with(__init__=_init),
    "on_bind_field": _with(on_bind_field=_on_bind_field),
    "load": _with(load=_load),
    "deserialize": _with(_deserialize=lambda self, *args, **kwargs: {"name": "always"}),
    "keep_unknown": _with(_keep_unknown=ma.post_load(pass_original=True)(_keep_none)),
    "check_rules": _with(_check_rules=ma.validates_schema(_no_rules)),
    "dict_class": _with(dict_class=type("Own", (dict,), {})),
    "meta_include": _meta(unknown=ma.INCLUDE),
    "meta_raise": _meta(unknown=ma.RAISE),
    "meta_fields": _meta(fields=("size", "name")),
    "meta_exclude": _meta(exclude=("size",)),
    "meta_dump_only": _meta(dump_only=("size",)),
    "meta_many": _meta(many=True),
    "data_key": _with(name=String(max=5, required=True, data_key="Name")),
    "attribute": _with(name=String(max=5, required=True, attribute="other")),
    "dotted": Schema.from_dict({"a.name": String(max=5), "name": String(max=5)}),
}


@pytest.mark.parametrize("cls", UNCOMPILED_CLASSES.values(), ids=UNCOMPILED_CLASSES)
def test_class_with_ways_of_its_own_is_left_to_marshmallow(cls):
    compiled_one, reference = pair(cls)

    assert loader_of(compiled_one, None) is None
    assert_all_same(compiled_one, reference)


@pytest.mark.parametrize(
    "options",
    [{"only": ("name",)}, {"exclude": ("size",)}, {"dump_only": ("size",)}],
    ids=lambda options: next(iter(options)),
)
def test_instance_with_other_fields_is_left_to_marshmallow(options):
    compiled_one, reference = pair(Plain, **options)

    assert loader_of(compiled_one, None) is None
    assert_all_same(compiled_one, reference)


@pytest.mark.parametrize(
    "options",
    [{"many": True}, {"unknown": ma.INCLUDE}, {"unknown": ma.RAISE}, {"partial": True}, {"partial": ("name",)}],
    ids=["many", "include", "raise", "partial", "partial_names"],
)
def test_instance_with_options_loads_as_marshmallow_does(options):
    assert_all_same(*pair(Plain, **options))


@pytest.mark.parametrize(
    "options",
    [{"many": True}, {"many": False}, {"unknown": ma.INCLUDE}, {"unknown": ma.RAISE}, {"unknown": ma.EXCLUDE}],
    ids=["many", "one", "include", "raise", "exclude"],
)
def test_options_of_a_call_are_those_of_marshmallow(options):
    compiled_one, reference = pair(Plain)

    for data in (*TEXTS, [{"name": "A"}, {"name": "B", "x": 1}]):
        assert outcome(compiled_one.load, data, **options) == outcome(reference.load, data, **options)


def test_options_that_change_after_the_first_load_are_those_of_the_moment():
    for name, value in (("many", True), ("unknown", ma.RAISE), ("partial", True)):
        compiled_one, reference = pair(Plain)
        compiled_one.load({"name": "A"})
        setattr(compiled_one, name, value)
        setattr(reference, name, value)

        assert_all_same(compiled_one, reference)


def test_copy_with_fewer_fields_does_not_load_those_of_the_original():
    original = Plain()
    original.load({"name": "A", "size": 1})
    outer = Schema.from_dict({"inner": ma.fields.Nested(original, only=("name",))})()

    assert repr(outer.load({"inner": {"size": 3.0, "name": "A"}})) == "{'inner': {'name': 'A', 'size': 3.0}}"


# Fields that are not known


class Shouting(String):
    """Made up."""

    def _deserialize(self, value, attr, data, **kwargs):
        return super()._deserialize(value, attr, data, **kwargs).upper()


class Counting(Integer):
    """Made up: says how it was called."""

    def deserialize(self, value, attr=None, data=None, **kwargs):
        return [value is ma.missing, attr, sorted(data or ()), sorted(kwargs.items())]


class Open(CiString):
    """Made up: overrides nothing."""


class Nulls(Field):
    """Made up."""

    def _deserialize(self, value, attr, data, **kwargs):
        return None


def _not_a(value):
    if value in ("A", ["A"]):
        raise ma.ValidationError("must not be A")


def _without_nulls():
    field = String(max=5)
    field.allow_none = False
    return field


UNKNOWN_FIELDS = {
    "optional_but_not_null": _without_nulls(),
    "override": Shouting(max=5, required=True),
    "subclass": Open(max=5, required=True),
    "whole_field": Counting(),
    "nulls": Nulls(),
    "load_default": String(max=5, load_default="none"),
    "load_default_null": String(max=5, load_default=None),
    "callable_default": String(max=5, load_default=list),
    "pre_load": String(max=5, pre_load=str.strip),
    "post_load": String(max=5, post_load=[str.lower]),
    "validated_list": ListOf(String(max=5), validate=ma.validate.Length(max=1)),
    "odd_list": ListOf(Open(max=5)),
    "marshmallow": ma.fields.String(allow_none=True),
    "marshmallow_nested": ma.fields.Nested(Plain),
    "marshmallow_list": ma.fields.List(ma.fields.String()),
    "made_by_a_function": Object(lambda policy: Plain(policy=policy)),
    "unknown_raises": Object(Plain, unknown=ma.RAISE),
}
VALUES = ("A", " B ", "a", None, [], ["A"], ["A", "B"], {}, {"name": "A"}, {"name": "A", "x": 1}, 5, True, "too long")


@pytest.mark.parametrize("field", UNKNOWN_FIELDS.values(), ids=UNKNOWN_FIELDS)
def test_class_with_a_field_that_is_not_known_is_left_to_marshmallow(field):
    cls = type("Odd", (Schema,), {"__doc__": "Made up.", "name": field, "size": Integer(min=0), "flag": Boolean()})
    compiled_one, reference = pair(cls)
    given = [{"size": 1, "name": value, **more} for value in VALUES for more in ({}, {"x": 1}, {"size": "3"})]

    assert source_of(cls) == "# Odd is not compiled: name is loaded in a way of its own.\n"
    assert_all_same(compiled_one, reference, [*given, {}, {"x": 1}, {"size": 1}])


def test_schema_with_an_unknown_field_in_it_is_left_to_marshmallow():
    class Inner(Schema):
        """Made up."""

        name = Shouting(max=5, required=True)

    class Outer(Schema):
        """Made up."""

        inner = Object(Inner, required=True)
        inners = ListOf(Object(Inner), unique="name")

    names = ({"name": "a"}, {"name": "b", "x": 1}, {"name": None}, {}, 5)
    given = [{"inner": one, "inners": [one, other]} for one in names for other in names]

    assert_all_same(*pair(Outer), given)


@pytest.mark.parametrize("unique", ["name", "size", "missing"])
def test_lists_without_a_certain_key_are_as_marshmallow_has_them(unique):
    class Inner(Schema):
        """Made up."""

        name = CiString(max=5)
        size = Integer(min=0, required=True)

    class Outer(Schema):
        """Made up."""

        inners = ListOf(Object(Inner), unique=unique)

    given = [{"inners": inners} for inners in ([], [{"size": 1}], [{"size": 1, "name": "A"}, {"size": 1, "name": "a"}])]

    assert_all_same(*pair(Outer), given)


# Shapes that none of OCPI's classes has


def test_classes_may_contain_themselves_and_each_other():
    class Leaf(Schema):
        """Made up."""

        name = String(max=5, required=True)

    class Node(Schema):
        """Made up."""

        name = String(max=5, required=True)

    Leaf._declared_fields["node"] = Object(Node)
    Node._declared_fields["nodes"] = ListOf(Object(Node), unique="name")
    Node._declared_fields["leaf"] = Object(Leaf)
    deep = {"name": "A", "nodes": [{"name": "B", "nodes": [{"name": "C"}]}, {"name": "D"}]}
    crossed = {"name": "A", "leaf": {"name": "B", "node": {"name": "C", "leaf": {"name": "D", "x": []}}}}
    broken = {"name": "A", "nodes": [{"name": "B", "nodes": [{}]}]}

    compiled_one, reference = pair(Node)

    assert loader_of(compiled_one, True)(deep) == deep
    assert loader_of(compiled_one, True)(broken) is None
    assert_all_same(compiled_one, reference, [deep, crossed, broken, {"nodes": [{"name": "B"}, {"name": "b"}]}])
    assert_all_same(*pair(Leaf), [crossed, {"name": "A", "node": deep}, {"name": "A", "node": broken}])


def test_classes_of_one_name_are_not_mixed_up():
    def make(longest, **fields):
        return type("Same", (Schema,), {"__doc__": "Made up.", "name": String(max=longest), **fields})

    one, other = make(1), make(2)
    both = make(3, one=Object(one), other=Object(other))
    given = [{"name": 3 * "a", "one": {"name": one_name}, "other": {"name": 2 * "a"}} for one_name in ("a", "aa")]
    given += [{"name": "aaaa"}, {"other": {"name": "aaa"}}]

    assert_all_same(*pair(both), given)


def test_lists_in_lists_are_loaded_as_marshmallow_does():
    class Matrix(Schema):
        """Made up."""

        rows = ListOf(ListOf(Number()), required=True)
        names = ListOf(ListOf(ListOf(String(max=2))))
        more = ListOf(String(max=5, validate=_not_a))

    rows = ([], [[]], [[1]], [[1, 2.00005], [3]], [[1], []], [[1], None], [["1"]], [1])
    names = ([], [[]], [[["a"]]], [[["a", "bb"], ["c"]], [["d"]]], [[["aaa"]]], [[[]]])
    given = [{"rows": row, "names": name, "more": ["B"]} for row in rows for name in names]

    assert_all_same(*pair(Matrix), [*given, {"rows": [[1]], "more": ["A"]}])


def test_bounds_may_be_what_python_compares():
    class Bounded(Schema):
        """Made up."""

        a = Integer(min=-2.5, max=float("inf"))
        b = Number(min=0.1, max=10**400, decimals=0)
        c = String(max=3, min=-1)
        d = Number(decimals=7)

    numbers = (-3, -2, -2.5, 0, 0.1, 0.05, 1e300, 10**399, 0.12345678, 12.345678901, float("nan"), True, "1")

    assert_all_same(*pair(Bounded), [{name: number} for name in "abcd" for number in numbers])


@pytest.mark.parametrize("called", ["len", "data", "value", "document", "load_Ruled", "class", "9 lives", "_", "whole"])
def test_rules_and_validators_may_have_any_name(called):
    def rule(document):
        if "size" in document:
            yield "size", "must be left out"

    def check(value):
        if value == "B":
            raise ma.ValidationError("must not be B")

    rule.__name__ = check.__name__ = called

    class Ruled(Schema):
        """Made up."""

        name = String(max=5, required=True, validate=[check, ma.validate.Length(min=1)])
        size = Integer()
        rules = (rule, rule)

    assert_all_same(*pair(Ruled), [*TEXTS, {"name": "B"}, {"name": ""}, {"name": "A", "size": 1.0}])


def _yields_nothing(document):
    yield from ()


def _returns_pairs(document):
    return [("name", "is wrong")] if document.get("size") == 3 else ()


def _raises_validation_error(document):
    raise ma.ValidationError("is wrong")


def _raises_key_error(document):
    yield "name", document["size"]


def _changes(document):
    document["added"] = list(document)
    yield from ()


def _returns_none(document):
    return None


@pytest.mark.parametrize(
    "rule",
    [_yields_nothing, _returns_pairs, _raises_validation_error, _raises_key_error, _changes, _returns_none],
    ids=lambda rule: rule.__name__,
)
def test_rules_do_what_they_do_with_marshmallow(rule):
    assert_all_same(*pair(_with(rules=(rule,))))


def test_rules_see_the_document_without_unknown_properties():
    seen = []

    def look(document):
        seen.append(dict(document))
        yield from ()

    _with(rules=(look,))().load({"x": 1, "name": "A"})

    assert seen == [{"name": "A"}]


def test_rules_are_for_whole_objects_and_for_those_in_a_patch():
    given = {"opening_times": {"twentyfourseven": False}}

    assert_same(*pair(Location), given, partial=True)
    assert_same(*pair(Hours), given["opening_times"], partial=True)
    assert_same(*pair(Hours), given["opening_times"], partial=False)


def test_depth_that_allows_nothing_is_kept():
    assert_all_same(*pair(Plain, Policy(max_depth=0)))


KINDS = {
    "string": lambda **options: String(max=5, **options),
    "short_string": lambda **options: String(max=2, **options),
    "long_string": lambda **options: String(min=4, max=255, **options),
    "code": lambda **options: String(min=2, max=2, codes=LANGUAGES, **options),
    "ci_code": lambda **options: CiString(min=2, max=3, codes=COUNTRIES_ALPHA2, **options),
    "pattern": lambda **options: String(max=11, pattern="-?[0-9]{1,2}[.][0-9]{5,7}", **options),
    "ci_string": lambda **options: CiString(max=36, **options),
    "empty_ci_string": lambda **options: CiString(min=0, max=2, **options),
    "url": lambda **options: Url(**options),
    "date_time": lambda **options: DateTime(**options),
    "date_time_or_unknown": lambda **options: DateTime(or_unknown=True, **options),
    "boolean": lambda **options: Boolean(**options),
    "integer": lambda **options: Integer(**options),
    "bounded_integer": lambda **options: Integer(min=0, max=16, **options),
    "number": lambda **options: Number(**options),
    "bounded_number": lambda **options: Number(min=0, max=100, **options),
    "coarse_number": lambda **options: Number(decimals=1, **options),
    "whole_number": lambda **options: Number(decimals=0, **options),
    "query_integer": lambda **options: QueryInteger(min=1, **options),
    "enum": lambda **options: Enum(Role, **options),
    "object": lambda **options: Object(Plain, **options),
}


@pytest.mark.parametrize("policy", [Policy(), Policy(True, frozenset({"Role"}))], ids=["default", "other"])
@pytest.mark.parametrize("required", [True, False], ids=["required", "optional"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_odd_values_in_every_kind_of_field(kind, required, policy):
    fields = {"value": kind(required=required), "values": ListOf(kind(), required=required)}
    cls = type("Kind", (Schema,), {"__doc__": "Made up.", **fields})
    compiled_one, reference = pair(cls, policy)
    usual = next(value for value in ODD if outcome(reference.load, {"value": value, "values": [value]})[0] == "loaded")

    for odd in ODD:
        for data in ({"value": odd, "values": [usual]}, {"value": usual, "values": [usual, odd]}, {"values": odd}):
            for partial in (None, True):
                assert_same(compiled_one, reference, data, partial=partial)


# Turning it off


def test_policy_turns_compiling_off(asked):
    assert loader_of(Plain(policy=OFF), None) is None
    assert Plain(policy=OFF).load({"name": "A"}) == {"name": "A"}
    assert asked == ["Plain"]

"""A guest in somebody's app: what OCPI leaves alone, and what it says when it cannot start."""

from __future__ import annotations

import functools

import flask_smorest
import marshmallow as ma
import pytest
from cryptography.fernet import Fernet
from flask import Blueprint
from flask import Flask
from flask import abort
from flask import jsonify
from flask import redirect
from flask import request
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client

from flask_ocpi import OCPI
from flask_ocpi import ConfigurationError
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings

SENDER = "/ocpi/2.2.1/sender/locations"
COPY = "/ocpi/2.2.1/receiver/locations/DE/CPO/LOC1"
PARTIES = [party_settings("NL", "ABC", ["CPO", "EMSP"])]
EMPTY = object()


def configured(**config):
    app = Flask("host")
    app.config.update({"SECRET_KEY": "s", "OCPI_PARTIES": PARTIES, **config})
    return app


def platform(app=None, **config):
    """Make a platform in an app, and a partner of it."""
    app = app or configured()
    app.config.update(config)
    app.config.setdefault("SECRET_KEY", "s")
    app.config.setdefault("OCPI_PARTIES", PARTIES)
    ocpi = OCPI(app, storage=MemoryStorage())
    return ocpi, add_partner(app, [("DE", "EMS", ["EMSP"]), ("DE", "CPO", ["CPO"])])


@functools.cache
def host(*, ocpi):
    """Make an app with pages, errors, JSON settings and commands of its own; with OCPI in it, or without."""
    app = Flask("host")
    app.json.sort_keys = False
    app.json.ensure_ascii = False

    @app.get("/")
    def index():
        return "<h1>Home</h1>"

    @app.get("/data")
    def data():
        return jsonify(z="\u00e9", a=1)

    @app.get("/folder/")
    def folder():
        return "folder"

    @app.get("/broken")
    def broken():
        raise ZeroDivisionError

    @app.get("/refused")
    def refused():
        abort(403)

    @app.post("/form")
    def form():
        return "posted"

    @app.get("/ocpi-statistics")
    def statistics():
        return "statistics"

    @app.cli.command("greet")
    def greet():
        """Say hello."""

    if ocpi:
        platform(app)
    return app


PAGES = [
    ("GET", "/"),
    ("GET", "/data"),
    ("GET", "/folder"),
    ("GET", "/folder/"),
    ("GET", "//folder/"),
    ("GET", "/broken"),
    ("GET", "/refused"),
    ("GET", "/nothing"),
    ("GET", "/ocpi-statistics"),
    ("GET", "/ocpix"),
    ("GET", "/static/none.css"),
    ("POST", "/"),
    ("POST", "/form"),
    ("OPTIONS", "/form"),
    ("GET", "/form"),
    ("HEAD", "/"),
]


@pytest.mark.parametrize(("method", "path"), PAGES, ids=[f"{method} {path}" for method, path in PAGES])
def test_pages_and_errors_of_the_host_are_as_without_ocpi(method, path):
    answers = [host(ocpi=ocpi).test_client().open(path, method=method) for ocpi in (False, True)]

    with_out, within = [(a.status_code, sorted(a.headers), a.data) for a in answers]
    assert within == with_out


def test_commands_of_the_host_are_as_without_ocpi():
    without, within = (host(ocpi=ocpi).cli.commands for ocpi in (False, True))

    assert set(within) - set(without) == {"ocpi"}
    assert set(without) <= set(within)


def test_settings_of_the_host_are_as_before():
    app = configured(HOST_KEY=1, MAX_CONTENT_LENGTH=7)
    before = dict(app.config)
    json = app.json

    OCPI(app, storage=MemoryStorage())

    changed = {key: value for key, value in app.config.items() if before.get(key, EMPTY) != value}
    assert [key for key in changed if not key.startswith("_FLASK_OCPI_")] == []
    assert app.json is json
    assert app.error_handler_spec[None] == {}
    assert not app.before_request_funcs.get(None)
    assert not app.after_request_funcs.get(None)


@functools.cache
def greedy():
    """Make a platform, and a partner of it, in an app that has a page for every error there is."""
    app = Flask("greedy")
    for code in (400, 401, 403, 404, 405, 413, 415, 500):
        app.register_error_handler(code, lambda error: ("<h1>Our own page</h1>", 418))
    app.register_error_handler(Exception, lambda error: ("<h1>Our own page</h1>", 418))
    return platform(app)


@pytest.mark.parametrize(
    ("method", "path", "options", "http_status"),
    [
        ("PUT", COPY, {"data": b"{"}, 400),
        ("GET", SENDER, {"headers": {"Authorization": None}}, 401),
        ("GET", f"{SENDER}/NOPE", {}, 404),
        ("GET", "/ocpi/nothing", {}, 404),
        ("DELETE", SENDER, {}, 405),
        ("PUT", COPY, {"data": b"x" * 5_000_000}, 413),
        ("PUT", COPY, {"data": b"x", "headers": {"Content-Type": "text/xml"}}, 415),
        ("PUT", COPY, {"json": {}}, 200),
    ],
    ids=["400", "401", "404", "404 path", "405", "413", "415", "200"],
)
def test_error_pages_of_the_host_do_not_reach_into_ocpi(method, path, options, http_status):
    _, partner = greedy()

    answer = partner.open(method, path, **options)

    assert answer.http_status == http_status
    assert 2000 <= answer.status_code < 3000
    assert answer.headers["X-Request-ID"]


def test_the_page_for_crashes_of_the_host_does_not_reach_into_ocpi(monkeypatch, caplog):
    ocpi, partner = greedy()
    monkeypatch.setattr(ocpi.services.storage, "list", None)

    answer = partner.get(SENDER)

    assert (answer.http_status, answer.status_code) == (500, 3000)


def test_error_pages_of_ocpi_do_not_reach_into_the_host():
    client = greedy()[1].app.test_client()

    answers = [client.get("/nothing"), client.delete("/ocpi-x")]

    assert [(answer.status_code, answer.text) for answer in answers] == [(418, "<h1>Our own page</h1>")] * 2


def test_json_settings_of_the_host_do_not_reach_into_ocpi():
    app = Flask("host")
    app.json.mimetype = "application/x-host"
    app.config["JSONIFY_PRETTYPRINT_REGULAR"] = True
    ocpi, partner = platform(app)
    ocpi.save("locations", location(city="K\u00f6ln"))

    answer = partner.get(SENDER)

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.data == [location(city="K\u00f6ln")]
    assert b"\n" not in answer.body


@pytest.mark.parametrize(("size", "http_status"), [(100, 201), (5_000_000, 413)], ids=["small", "large"])
def test_body_limits_of_host_and_ocpi_are_apart(size, http_status):
    app = Flask("host")
    app.config["MAX_CONTENT_LENGTH"] = 50
    app.add_url_rule("/form", view_func=lambda: str(len(request.get_data())), methods=["POST"])
    _, partner = platform(app)
    document = location(country_code="DE", party_id="CPO", x="x" * size)

    assert partner.put(COPY, document).http_status == http_status
    assert app.test_client().post("/form", data=b"x" * 60).status_code == 413


def test_routes_of_the_host_below_the_prefix_go_on_working():
    app = Flask("host")
    app.add_url_rule("/ocpi/health", view_func=lambda: "well")
    _, partner = platform(app)

    assert app.test_client().get("/ocpi/health").text == "well"
    assert partner.get("/ocpi/versions").status_code == 1000


def test_hooks_of_the_host_run_for_ocpi_too():
    app = Flask("host")
    app.after_request(lambda response: (response.headers.set("X-Host", "1"), response)[1])
    _, partner = platform(app)

    assert partner.get("/ocpi/versions").headers["X-Host"] == "1"


def test_two_platforms_in_one_process_share_no_data():
    (one, partner_of_one), (_two, partner_of_two) = (
        platform(configured(OCPI_PARTIES=[party_settings("NL", party_id, ["CPO"])], OCPI_PAGE_MAX_LIMIT=limit))
        for party_id, limit in (("ONE", 1), ("TWO", 2))
    )
    one.save("locations", location(party_id="ONE"))

    assert [p.get(SENDER).headers["X-Limit"] for p in (partner_of_one, partner_of_two)] == ["1", "2"]
    assert [len(p.get(SENDER).data) for p in (partner_of_one, partner_of_two)] == [1, 0]
    crossed = [
        partner_of_one.app.test_client().get(SENDER, headers={"Authorization": authorization(partner_of_two.token)}),
        partner_of_two.app.test_client().get(SENDER, headers={"Authorization": authorization(partner_of_one.token)}),
    ]
    assert [answer.status_code for answer in crossed] == [401, 401]


def test_platforms_share_schemas_only_where_they_check_alike():
    parties = [party_settings("NL", "ONE", ["CPO"])]
    one, alike, other = (
        platform(configured(OCPI_PARTIES=parties, OCPI_UNKNOWN_FIELDS=unknown))[0].services.schemas
        for unknown in ("keep", "keep", "drop")
    )

    assert one is alike
    assert one is not other
    assert (one.policy.keep_unknown, other.policy.keep_unknown) == (True, False)


class Pet(ma.Schema):
    name = ma.fields.String(required=True)


@pytest.mark.parametrize("first", ["host", "ocpi"])
def test_a_flask_smorest_api_of_the_host_goes_on_working(first):
    app = configured(
        API_TITLE="Pets", API_VERSION="1", OPENAPI_VERSION="3.0.3", OPENAPI_URL_PREFIX="/", OPENAPI_JSON_PATH="api.json"
    )
    pets = flask_smorest.Blueprint("pets", "pets", url_prefix="/pets")
    pets.route("/", methods=["POST"])(pets.arguments(Pet)(pets.response(201, Pet)(lambda pet: pet)))
    ocpi = None
    if first == "ocpi":
        ocpi, partner = platform(app)
    flask_smorest.Api(app).register_blueprint(pets)
    if ocpi is None:
        ocpi, partner = platform(app)

    client = app.test_client()
    assert set(client.get("/api.json").json["paths"]) == {"/pets/"}
    assert not any("pets" in path for path in ocpi.specs["2.2.1"]["paths"])
    assert client.post("/pets/", json={"name": "Rex"}).json == {"name": "Rex"}
    assert (client.post("/pets/", json={}).status_code, client.get("/none").json["code"]) == (422, 404)
    assert (partner.put(COPY, {}).http_status, partner.put(COPY, {}).status_code) == (200, 2001)
    assert partner.get("/ocpi/none").status_code == 2001
    assert "openapi" in app.cli.commands


def test_a_second_platform_in_one_app_is_refused():
    app = configured()
    ocpi = OCPI(app, storage=MemoryStorage())
    rules = list(app.url_map.iter_rules())

    with pytest.raises(ConfigurationError, match="has an OCPI platform already"):
        OCPI(app, storage=MemoryStorage())
    with pytest.raises(ConfigurationError, match="has an OCPI platform already"):
        ocpi.init_app(app)

    assert app.extensions["ocpi"].state is ocpi.state
    assert list(app.url_map.iter_rules()) == rules


def test_init_app_comes_later():
    ocpi = OCPI(storage=MemoryStorage)
    app = configured()

    with pytest.raises(RuntimeError, match=r"call init_app\(app\) first"):
        ocpi.services  # noqa: B018
    ocpi.init_app(app)

    assert ocpi.services.settings.url_prefix == "/ocpi"
    assert add_partner(app, [("DE", "EMS", ["EMSP"])]).get("/ocpi/versions").status_code == 1000


def test_a_failed_init_app_leaves_the_app_as_it_was_and_may_be_repeated():
    app = configured(OCPI_PARTIES=None)
    ocpi = OCPI(storage=MemoryStorage())

    with pytest.raises(ConfigurationError):
        ocpi.init_app(app)
    assert "ocpi" not in app.extensions
    assert [rule.rule for rule in app.url_map.iter_rules()] == ["/static/<path:filename>"]
    app.config["OCPI_PARTIES"] = PARTIES
    ocpi.init_app(app)

    assert app.extensions["ocpi"].state is ocpi.state


def without(**removed):
    return [{key: value for key, value in {**PARTIES[0], **removed}.items() if value is not None}]


WRONG = {
    "missing": ({"OCPI_PARTIES": None}, "OCPI_PARTIES is missing. Set it to your parties, such as [{"),
    "empty": ({"OCPI_PARTIES": []}, "OCPI_PARTIES must be a list of your parties, such as [{"),
    "text": ({"OCPI_PARTIES": "NL-ABC"}, "OCPI_PARTIES must be a list of your parties"),
    "no mapping": ({"OCPI_PARTIES": ["NL-ABC"]}, "OCPI_PARTIES[0] must be a mapping such as"),
    "no country": ({"OCPI_PARTIES": without(country_code=None)}, "OCPI_PARTIES[0]['country_code'] must be 2 letters"),
    "long party": ({"OCPI_PARTIES": without(party_id="ABCD")}, "['party_id'] must be 3 letters or digits, got 'ABCD'"),
    "role": (
        {"OCPI_PARTIES": without(roles=["MSP"])},
        "OCPI_PARTIES[0]['roles'] must list different roles of CPO, EMSP",
    ),
    "no role": ({"OCPI_PARTIES": without(roles=[])}, "OCPI_PARTIES[0]['roles'] must list"),
    "no name": ({"OCPI_PARTIES": without(business_details={})}, "['business_details'] must be a mapping with a name"),
    "website": (
        {"OCPI_PARTIES": without(business_details={"name": "A", "website": "abc"})},
        "business_details.website must be an absolute http or https URL",
    ),
    "party key": ({"OCPI_PARTIES": [{**PARTIES[0], "name": "x"}]}, "OCPI_PARTIES[0] has an unknown key 'name'"),
    "twice": ({"OCPI_PARTIES": [*PARTIES, *PARTIES]}, "OCPI_PARTIES names NL-ABC twice"),
    "typo": ({"OCPI_PARTYS": 1}, "OCPI_PARTYS is not a setting of Flask-OCPI. Did you mean OCPI_PARTIES?"),
    "typo of limit": ({"OCPI_MAXLIMIT": 1}, "Did you mean OCPI_PAGE_MAX_LIMIT?"),
    "typo of prefix": ({"OCPI_URL_PERFIX": "/x"}, "Did you mean OCPI_URL_PREFIX?"),
    "nothing near": ({"OCPI_": 1}, "OCPI_ is not a setting of Flask-OCPI. Did you mean OCPI_"),
    "prefix": (
        {"OCPI_URL_PREFIX": "ocpi"},
        "OCPI_URL_PREFIX must be a path below the root such as \"/ocpi\", got 'ocpi'",
    ),
    "root": ({"OCPI_URL_PREFIX": "/"}, "OCPI_URL_PREFIX must be a path below the root"),
    "base": ({"OCPI_BASE_URL": "example.com"}, "OCPI_BASE_URL must start with https://"),
    "version": ({"OCPI_VERSIONS": ["2.1"]}, "2.1"),
    "enum": ({"OCPI_OPEN_ENUMS": ["Facilitty"]}, "OCPI_OPEN_ENUMS names the enum 'Facilitty'; there are A"),
    "module": ({"OCPI_MODULES": ["locatoins"]}, "OCPI_MODULES names the module 'locatoins'"),
    "interface": ({"OCPI_MODULES": ["locations:CPO"]}, "write locations:SENDER, locations:RECEIVER or locations"),
    "limit": ({"OCPI_PAGE_MAX_LIMIT": 0}, "OCPI_PAGE_MAX_LIMIT must be a whole number of at least 1, got 0"),
    "limit text": (
        {"OCPI_PAGE_MAX_LIMIT": "many"},
        "OCPI_PAGE_MAX_LIMIT must be a whole number of at least 1, got 'many'",
    ),
    "limits": (
        {"OCPI_PAGE_MODULE_LIMITS": {"locations": -1}},
        "OCPI_PAGE_MODULE_LIMITS['locations'] must be a whole number",
    ),
    "flag": ({"OCPI_DOCS": "yes"}, "OCPI_DOCS must be True or False, got 'yes'"),
    "choice": ({"OCPI_TOKEN_ENCODING": "hex"}, "OCPI_TOKEN_ENCODING must be one of base64, plain, got 'hex'"),
    "permissions": (
        {"OCPI_ROLE_PERMISSIONS": {"XYZ": {}}},
        "OCPI_ROLE_PERMISSIONS names the role 'XYZ'; there are CPO",
    ),
    "side": ({"OCPI_ROLE_PERMISSIONS": {"NSP": {"locations": "SENDER"}}}, "OCPI_ROLE_PERMISSIONS must look like"),
    "seconds": ({"OCPI_HTTP_TIMEOUT": -1}, "OCPI_HTTP_TIMEOUT must be a number of seconds above 0, got -1"),
    "keys": ({"OCPI_ENCRYPTION_KEYS": ["short"]}, "OCPI_ENCRYPTION_KEYS must hold Fernet keys; make one with: python"),
}


@pytest.mark.parametrize(("config", "message"), WRONG.values(), ids=WRONG)
def test_wrong_configuration_is_named_with_its_fix(config, message):
    with pytest.raises(ConfigurationError) as error:
        platform(configured(**config) if config.get("OCPI_PARTIES", 1) is not None else _without_parties())

    assert message in str(error.value)


def _without_parties():
    app = configured(OCPI_PARTIES=None)
    app.config.setdefault("OCPI_PARTIES", None)
    return app


def test_secrets_in_wrong_configuration_are_not_repeated():
    key = Fernet.generate_key().decode()

    with pytest.raises(ConfigurationError) as error:
        platform(configured(OCPI_ENCRYPTION_KEYS=[key, "wrong-but-secret"]))

    assert key not in str(error.value)
    assert "wrong-but-secret" not in str(error.value)


@pytest.mark.parametrize(
    "storage", ["sqlite:///x", object(), dict, lambda: None], ids=["text", "object", "class", "none"]
)
def test_a_storage_that_is_none_is_refused(storage):
    with pytest.raises(ConfigurationError, match=r"OCPI\(storage=...\) needs a flask_ocpi.Storage"):
        OCPI(configured(), storage=storage)


@pytest.mark.parametrize(
    "storage", [MemoryStorage(), MemoryStorage, lambda: MemoryStorage()], ids=["object", "class", "function"]
)
def test_a_storage_is_given_as_object_class_or_function(storage):
    assert isinstance(OCPI(configured(), storage=storage).services.storage, Storage)


@pytest.mark.conformance("PAG-07", "VER-03")
@pytest.mark.parametrize("prefix", ["/roaming", "/api/v1/ocpi", "/ocpi/ocpi"])
def test_another_url_prefix(prefix):
    ocpi, partner = platform(OCPI_URL_PREFIX=prefix)
    for id in ("A/B", "C"):
        ocpi.save("locations", location(id=id))

    versions = partner.get(f"{prefix}/versions")
    details = partner.get(f"{prefix}/2.2.1")
    page = partner.get(f"{prefix}/2.2.1/sender/locations", query_string={"limit": 1})

    assert versions.data[0]["url"] == f"http://localhost{prefix}/2.2.1"
    assert all(e["url"].startswith(f"http://localhost{prefix}/2.2.1/") for e in details.data["endpoints"])
    assert page.headers["Link"].startswith(f"<http://localhost{prefix}/2.2.1/sender/locations?offset=1")
    assert partner.get(f"{prefix}/2.2.1/sender/locations/A%2FB").data["id"] == "A/B"
    assert partner.get(f"{prefix}/none").http_status == 404
    assert partner.app.test_client().get("/ocpi/versions").status_code == 404
    assert partner.app.test_client().get(f"{prefix}/docs/").status_code == 200


def urls(partner, *, send=None, path="/ocpi", **headers):
    """Return the URLs in the answers: of the version, of an endpoint, and of the next page."""
    send = send or partner.app.test_client()
    sent = {"Authorization": authorization(partner.token), **{k.replace("_", "-"): v for k, v in headers.items()}}
    versions = send.get(f"{path}/versions", headers=sent)
    details = send.get(f"{path}/2.2.1", headers=sent)
    page = send.get(f"{path}/2.2.1/sender/locations?limit=1", headers=sent)
    endpoint = next(
        e for e in details.json["data"]["endpoints"] if (e["identifier"], e["role"]) == ("locations", "SENDER")
    )
    return versions.json["data"][0]["url"], endpoint["url"], page.headers["Link"][1:].split("?")[0]


def expected(root):
    return f"{root}/2.2.1", f"{root}/2.2.1/sender/locations", f"{root}/2.2.1/sender/locations"


@pytest.fixture
def listing():
    """A platform with two locations, so that its list has a Link."""
    ocpi, partner = platform(Flask("host"))
    for id in ("A/B", "C"):
        ocpi.save("locations", location(id=id))
    return partner


@pytest.mark.conformance("PAG-07", "VER-03")
def test_urls_follow_the_request(listing):
    assert urls(listing, Host="cpo.example:8443") == expected("http://cpo.example:8443/ocpi")


@pytest.mark.conformance("PAG-07", "VER-03")
def test_urls_follow_a_proxy_that_the_host_trusts(listing):
    forwarded = {"X_Forwarded_Proto": "https", "X_Forwarded_Host": "cpo.example", "X_Forwarded_Prefix": "/charging"}
    untrusted = urls(listing, **forwarded)
    listing.app.wsgi_app = ProxyFix(listing.app.wsgi_app, x_proto=1, x_host=1, x_prefix=1)

    assert untrusted == expected("http://localhost/ocpi")
    assert urls(listing, **forwarded) == expected("https://cpo.example/charging/ocpi")


@pytest.mark.conformance("PAG-07", "VER-03", "T-42")
def test_an_app_mounted_below_a_path(listing):
    mounted = Client(DispatcherMiddleware(Flask("outer"), {"/charging": listing.app}))
    header = {"Authorization": authorization(listing.token)}

    answer = mounted.get("/charging/ocpi/2.2.1/sender/locations/A%2FB", headers=header)

    assert urls(listing, send=mounted, path="/charging/ocpi") == expected("http://localhost/charging/ocpi")
    assert answer.json["data"]["id"] == "A/B"


@pytest.mark.conformance("PAG-07", "VER-03")
@pytest.mark.parametrize("base", ["https://cpo.example", "https://cpo.example/", "https://cpo.example:8443/charging"])
def test_urls_follow_the_configured_address(base):
    ocpi, partner = platform(OCPI_BASE_URL=base)
    for id in ("A", "B"):
        ocpi.save("locations", location(id=id))

    assert urls(partner, Host="internal:5000", X_Forwarded_Host="x") == expected(f"{base.rstrip('/')}/ocpi")
    assert ocpi.versions_url == f"{base.rstrip('/')}/ocpi/versions"


def test_the_host_may_redirect_its_own_root_to_the_documentation():
    app = Flask("host")
    app.add_url_rule("/", view_func=lambda: redirect("/ocpi/docs/"))
    platform(app)

    assert app.test_client().get("/", follow_redirects=True).status_code == 200


def test_blueprints_of_the_host_may_have_any_name():
    app = Flask("host")
    for name in ("locations", "versions", "openapi", "docs", "api-docs"):
        app.register_blueprint(Blueprint(name, name))

    _, partner = platform(app)

    assert partner.get("/ocpi/versions").status_code == 1000

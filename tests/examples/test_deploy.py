"""examples/deploy: what is told to be installed on machines works as it is written there."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import closing
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.cli import ocpi as cli_group
from flask_ocpi.core.config import SETTINGS
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import add_partner
from tests.examples.deploying import DEPLOY
from tests.examples.deploying import SECONDS
from tests.examples.deploying import UNITS
from tests.examples.deploying import Deployment
from tests.examples.deploying import ask
from tests.examples.deploying import certificate
from tests.examples.deploying import deployed
from tests.examples.deploying import directive
from tests.examples.deploying import environment_file
from tests.examples.deploying import load_wsgi
from tests.examples.deploying import proxy
from tests.examples.deploying import units
from tests.servers import SQLITE
from tests.servers import SYSTEMD
from tests.servers import left_out
from tests.urls import ocpi_url
from tests.warm import programs

DEFAULTS = {setting.key: setting.default for setting in SETTINGS}
SENDER = ocpi_url("sender/locations")
RECEIVER = ocpi_url("receiver/locations/DE/EMS")
FORGED = {"X-Forwarded-Host": "forged.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
SERVERS = pytest.mark.parametrize("server", ["granian", "gunicorn"])


def until(condition: Callable[[], Any], complaint: str) -> Any:
    """Ask again and again until the answer is true, and return it; a failure when that takes too long."""
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, complaint
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of everybody here."""
    return certificate(tmp_path_factory.mktemp("certificate"))


def in_process(platform: Deployment) -> OCPI:
    """Open the platform's database here, to save objects and make partners without a handshake."""
    app = Flask("deployed", instance_path=str(platform.folder))
    app.config.from_mapping(
        OCPI_PARTIES=orjson.loads(platform.variables["FLASK_OCPI_PARTIES"]),
        SECRET_KEY=platform.variables["FLASK_SECRET_KEY"],
        SQLALCHEMY_DATABASE_URI=platform.environment.get("FLASK_SQLALCHEMY_DATABASE_URI"),
        OCPI_DISPATCHER="none",
        OCPI_PUSH=False,
    )
    return OCPI(app)


def partner_token(platform: Deployment, name: str = "Partner") -> str:
    """Make a registered partner, NL-PRT, and return the token by which it calls."""
    ocpi = in_process(platform)
    app: Any = ocpi.app
    with app.app_context():
        return add_partner(app, [("DE", "EMS", ["CPO", "EMSP"])], name=name).token


@pytest.fixture(scope="module")
def cpo(tmp_path_factory: pytest.TempPathFactory, trusted: Path) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("cpo") / "ocpi"
    settings = {"FLASK_OCPI_PAGE_MAX_LIMIT": "2"}
    with deployed(folder, "NL-ABC", ["CPO"], server="granian", trusted=trusted, environment=settings) as platform:
        yield platform


@pytest.fixture(scope="module")
def emsp(tmp_path_factory: pytest.TempPathFactory, trusted: Path) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("emsp") / "ocpi"
    with deployed(folder, "DE-EMS", ["EMSP"], server="gunicorn", trusted=trusted) as platform:
        yield platform


@pytest.fixture(scope="module")
def registered(cpo: Deployment, emsp: Deployment) -> None:
    invitation = cpo.json("ocpi", "invite", "--name", "Ems", "--json")
    emsp.flask("ocpi", "register", invitation["versions_url"], "-", "--name", "Abc", given=invitation["token"])


class TestTwoPlatforms:
    """An operator behind granian and a provider behind gunicorn, each behind nginx with TLS."""

    @pytest.mark.usefixtures("registered")
    @pytest.mark.conformance("T-01")
    def test_they_register_with_each_other_through_nginx(self, cpo: Deployment, emsp: Deployment) -> None:
        seen = [platform.json("ocpi", "partners", "--json") for platform in (cpo, emsp)]

        assert [[entry["state"] for entry in entries] for entries in seen] == [["REGISTERED"], ["REGISTERED"]]

    @pytest.mark.usefixtures("registered")
    @pytest.mark.conformance("PAG-10")
    def test_pages_are_followed_through_nginx(self, cpo: Deployment, emsp: Deployment) -> None:
        locations = [documents.location(id=f"LOC{number}") for number in range(5)]
        in_process(cpo).objects.save_all({"locations": locations})  # from where nothing is pushed

        emsp.flask("ocpi", "pull", "locations", "--partner", "abc")
        copies = emsp.json("ocpi", "export", "locations", "--copies")

        assert [copy["id"] for copy in copies["locations"]] == [location["id"] for location in locations]

    @pytest.mark.usefixtures("registered")
    def test_what_a_command_saves_is_pushed_by_the_served_process(self, cpo: Deployment, emsp: Deployment) -> None:
        pushed = documents.location(id="PUSHED")
        cpo.flask("ocpi", "import", "-", given=orjson.dumps({"locations": [pushed]}).decode())

        def arrived() -> bool:
            copies = emsp.json("ocpi", "export", "locations", "--copies")
            return any(copy["id"] == "PUSHED" for copy in copies.get("locations", []))

        assert until(arrived, "The location was not pushed.")

    def test_check_finds_nothing_that_failed(self, cpo: Deployment) -> None:
        assert "FAIL" not in cpo.flask("ocpi", "check", "--offline")


class TestPostgreSQLAndWorker:
    """The operator with its database in PostgreSQL, and a worker beside the web processes."""

    @pytest.fixture
    def operator(self, tmp_path: Path, trusted: Path, postgres_url: str) -> Iterator[Deployment]:
        chosen = environment_file(with_comments=True)
        settings = {
            "FLASK_SQLALCHEMY_DATABASE_URI": postgres_url,
            "FLASK_SQLALCHEMY_ENGINE_OPTIONS": chosen["FLASK_SQLALCHEMY_ENGINE_OPTIONS"],
            "FLASK_OCPI_DISPATCHER": "none",
        }
        with deployed(
            tmp_path / "ocpi", "NL-PGS", ["CPO"], server="granian", trusted=trusted, environment=settings
        ) as platform:
            yield platform

    def test_the_worker_sends_what_the_web_processes_leave(self, operator: Deployment, emsp: Deployment) -> None:
        invitation = operator.json("ocpi", "invite", "--name", "Ems", "--json")
        emsp.flask("ocpi", "register", invitation["versions_url"], "-", "--name", "Pgs", given=invitation["token"])
        saved = documents.location(country_code="NL", party_id="PGS", id="FROM-WORKER")
        operator.flask("ocpi", "import", "-", given=orjson.dumps({"locations": [saved]}).decode())

        def waiting() -> int:
            return sum(row["waiting"] for row in operator.json("ocpi", "outbox", "list", "--json"))

        assert waiting() == 1
        with operator.running(units()["ocpi-worker.service"].command) as worker:
            until(lambda: waiting() == 0, "The worker did not push.")
            worker.send_signal(signal.SIGTERM)
            ended = worker.wait(SECONDS)
        copies = emsp.json("ocpi", "export", "locations", "--copies")

        assert ended == 0
        assert "FROM-WORKER" in [copy["id"] for copy in copies["locations"]]


@pytest.fixture(scope="module", params=["granian", "gunicorn"])
def platform(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, trusted: Path
) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp(request.param) / "ocpi"
    settings = {"FLASK_OCPI_BASE_URL": "null", "FLASK_OCPI_PUSH": "false"}
    with deployed(
        folder, "NL-ABC", ["CPO", "EMSP"], server=request.param, trusted=trusted, environment=settings
    ) as found:
        yield found


@pytest.fixture(scope="module")
def token(platform: Deployment) -> str:
    return partner_token(platform)


class TestBehindNginx:
    """Requests through nginx to both servers, without OCPI_BASE_URL, and nginx trusted."""

    def test_urls_have_the_scheme_and_host_of_the_client(self, platform: Deployment, token: str, trusted: Path) -> None:
        versions = ask(platform.proxied, "GET", "/ocpi/versions", token=token, trusted=trusted)

        assert versions.envelope["data"][0]["url"] == f"https://127.0.0.1:{platform.proxied}/ocpi/2.2.1"

    @pytest.mark.conformance("PAG-10")
    def test_links_have_them_too(self, platform: Deployment, token: str, trusted: Path) -> None:
        ocpi = in_process(platform)
        ocpi.objects.save_all({"locations": [documents.location(id=f"LOC{number}") for number in range(3)]})

        path, pages = f"{SENDER}?limit=1", []
        while path:
            answer = ask(platform.proxied, "GET", path, token=token, trusted=trusted)
            pages.append([location["id"] for location in answer.envelope["data"]])
            found = re.fullmatch(r'<https://127\.0\.0\.1:(\d+)(/.*)>; rel="next"', answer.headers.get("Link", ""))
            assert found is None or int(found[1]) == platform.proxied
            path = found[2] if found else ""

        assert pages == [["LOC0"], ["LOC1"], ["LOC2"]]

    def test_what_a_client_forges_does_not_get_through(self, platform: Deployment, token: str, trusted: Path) -> None:
        versions = ask(platform.proxied, "GET", "/ocpi/versions", token=token, trusted=trusted, headers=FORGED)

        assert versions.envelope["data"][0]["url"] == f"https://127.0.0.1:{platform.proxied}/ocpi/2.2.1"

    @pytest.mark.conformance("T-42")
    def test_an_encoded_slash_stays_in_the_identifier(self, platform: Deployment, token: str, trusted: Path) -> None:
        ocpi = in_process(platform)
        ocpi.save("locations", documents.location(id="A/B"))
        forged = {"X-Original-URI": f"{SENDER}/A/B"}

        answers = [
            ask(platform.proxied, "GET", f"{SENDER}/A%2FB", token=token, trusted=trusted, headers=headers)
            for headers in ({}, forged)
        ]
        ocpi.delete("locations", "A/B")

        assert [answer.envelope["data"]["id"] for answer in answers] == ["A/B", "A/B"]

    @pytest.mark.conformance("T-26")
    def test_a_body_of_the_permitted_size_reaches_the_app(
        self, platform: Deployment, token: str, trusted: Path
    ) -> None:
        body = b" " * (DEFAULTS["OCPI_MAX_BODY_BYTES"] - 2) + b"{}"

        answer = ask(platform.proxied, "PUT", f"{RECEIVER}/LOC1", token=token, trusted=trusted, body=body)

        assert (answer.status, answer.envelope["status_code"]) == (200, 2001)
        assert "larger" not in answer.envelope["status_message"]

    @pytest.mark.conformance("T-26")
    def test_a_larger_body_is_refused_in_the_envelope(self, platform: Deployment, token: str, trusted: Path) -> None:
        body = b" " * (DEFAULTS["OCPI_MAX_BODY_BYTES"] + 1)

        answer = ask(
            platform.proxied,
            "PUT",
            f"{RECEIVER}/LOC1",
            token=token,
            trusted=trusted,
            body=body,
            headers={"X-Request-ID": "request-7", "X-Correlation-ID": "correlation-7"},
        )

        assert (answer.status, answer.envelope["status_code"]) == (413, 2001)
        assert answer.headers["Content-Type"] == "application/json"
        assert (answer.headers["X-Request-ID"], answer.headers["X-Correlation-ID"]) == ("request-7", "correlation-7")

    def test_errors_of_the_app_are_passed_on_as_they_are(self, platform: Deployment, token: str, trusted: Path) -> None:
        unknown = ask(platform.proxied, "GET", f"{SENDER}/NONE", token=token, trusted=trusted)
        unauthorized = ask(platform.proxied, "GET", SENDER, trusted=trusted)

        assert (unknown.status, unknown.envelope["status_code"]) == (404, 2003)
        assert unauthorized.status == 401
        assert "WWW-Authenticate" in unauthorized.headers

    def test_a_path_that_leads_above_the_root_is_refused_in_the_envelope(
        self, platform: Deployment, trusted: Path
    ) -> None:
        answer = ask(platform.proxied, "GET", "/ocpi/..%2F..%2F..", trusted=trusted)

        assert (answer.status, answer.envelope["status_code"]) == (400, 2000)


class TestWithoutPlatform:
    """nginx alone: what it says when the platform does not answer."""

    @pytest.fixture
    def deaf(self) -> Iterator[int]:
        """A port where connections are taken and never answered."""
        with closing(socket.create_server(("127.0.0.1", 0))) as listening:
            yield listening.getsockname()[1]

    def test_nobody_there(self, trusted: Path) -> None:
        with socket.socket() as reserved:  # bound, but not listening
            reserved.bind(("127.0.0.1", 0))
            with proxy(trusted.parent, reserved.getsockname()[1]) as port:
                answer = ask(port, "GET", "/ocpi/versions", trusted=trusted)

        assert (answer.status, answer.envelope["status_code"]) == (502, 3000)

    def test_nobody_answers(self, deaf: int, trusted: Path) -> None:
        with proxy(trusted.parent, deaf, proxy_read_timeout="1s") as port:
            answer = ask(port, "GET", "/ocpi/versions", trusted=trusted)

        assert (answer.status, answer.envelope["status_code"]) == (504, 3000)

    @pytest.mark.conformance("TYP-10")
    def test_time_in_its_envelopes_is_utc(self, deaf: int, trusted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        with proxy(trusted.parent, deaf, proxy_read_timeout="1s") as port:
            before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1))
            answer = ask(port, "GET", "/ocpi/versions", trusted=trusted)
            after = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))

        assert before <= answer.envelope["timestamp"] <= after

    def test_requests_that_nginx_does_not_understand(self, deaf: int, trusted: Path) -> None:
        long = "x" * 20_000
        with proxy(trusted.parent, deaf) as port:
            answers = [
                ask(port, "GET", "/ocpi/versions"),  # without TLS
                ask(port, "GET", f"/ocpi/{long}", trusted=trusted),
                ask(port, "GET", "/ocpi/versions", trusted=trusted, headers={"X-Long": long}),
            ]

        assert [answer.status for answer in answers] == [400, 414, 400]
        assert [answer.envelope["status_code"] for answer in answers] == [2000, 2000, 2000]


def test_time_outs_leave_room_for_a_handshake() -> None:
    handshake = 2 * DEFAULTS["OCPI_HTTP_TIMEOUT"]  # the versions and their details
    gunicorn: dict[str, Any] = {}
    exec((DEPLOY / "gunicorn.conf.py").read_text(), gunicorn)  # noqa: S102
    stops = [int(unit["Service"]["TimeoutStopSec"]) for name, unit in units().items() if "web" in name]

    assert int(directive("proxy_read_timeout").removesuffix("s")) > handshake
    assert min(gunicorn["graceful_timeout"], gunicorn["timeout"]) > handshake
    assert min(stops) > gunicorn["graceful_timeout"]
    assert gunicorn["keepalive"] > int(directive("keepalive_timeout").removesuffix("s"))


class TestForwardedHeaders:
    """Whom wsgi.py believes, in all four combinations of FLASK_TRUSTED_PROXIES and FLASK_OCPI_BASE_URL."""

    @pytest.mark.parametrize(
        ("trusted", "base_url", "expected"),
        [
            ("0", None, "http://localhost"),
            ("1", None, "https://forged.example"),
            ("0", "https://ocpi.example.com", "https://ocpi.example.com"),
            ("1", "https://ocpi.example.com", "https://ocpi.example.com"),
        ],
        ids=["neither", "trusted", "base URL", "both"],
    )
    def test_urls(self, tmp_path: Path, trusted: str, base_url: str | None, expected: str) -> None:
        environment = {**environment_file(), "FLASK_INSTANCE_PATH": str(tmp_path), "FLASK_RUN_FROM_CLI": "true"}
        environment |= {"FLASK_TRUSTED_PROXIES": trusted, "FLASK_OCPI_BASE_URL": base_url or "null"}
        app = load_wsgi(**environment).app
        partner = add_partner(app, [("DE", "EMS", ["EMSP"])])
        app.extensions["ocpi"].objects.save_all({"locations": [documents.location(id=id) for id in "AB"]})

        versions = partner.get("/ocpi/versions", headers=FORGED)
        page = partner.get(f"{SENDER}?limit=1", headers=FORGED)

        assert versions.data[0]["url"] == f"{expected}/ocpi/2.2.1"
        assert page.headers["Link"].startswith(f"<{expected}{SENDER}?")

    def test_nobody_is_believed_unless_it_is_said(self, tmp_path: Path) -> None:
        environment = {**environment_file(), "FLASK_INSTANCE_PATH": str(tmp_path), "FLASK_RUN_FROM_CLI": "true"}
        del environment["FLASK_TRUSTED_PROXIES"], environment["FLASK_OCPI_BASE_URL"]
        app = load_wsgi(**environment).app
        partner = add_partner(app, [("DE", "EMS", ["EMSP"])])

        versions = partner.get("/ocpi/versions", headers=FORGED)

        assert versions.data[0]["url"] == "http://localhost/ocpi/2.2.1"

    @pytest.mark.parametrize("wrong", ["true", "-1", "127.0.0.1", "1.5"])
    def test_a_wrong_number_is_refused(self, tmp_path: Path, wrong: str) -> None:
        environment = {**environment_file(), "FLASK_INSTANCE_PATH": str(tmp_path), "FLASK_TRUSTED_PROXIES": wrong}

        with pytest.raises(ValueError, match="FLASK_TRUSTED_PROXIES must be a whole number"):
            load_wsgi(**environment)

    @SERVERS
    def test_servers_do_not_believe_by_themselves(self, tmp_path: Path, server: str) -> None:
        platform = Deployment(tmp_path, {"FLASK_TRUSTED_PROXIES": "0", "FLASK_OCPI_BASE_URL": "null"})
        token = partner_token(platform)

        with platform.served(server):
            versions = ask(platform.port, "GET", "/ocpi/versions", token=token, headers=FORGED)

        assert versions.envelope["data"][0]["url"] == f"http://127.0.0.1:{platform.port}/ocpi/2.2.1"


class SlowPartner:
    """A platform whose list of versions is answered when it is let, and then wrong."""

    def __init__(self) -> None:
        self.asked, self.may_answer = threading.Event(), threading.Event()
        partner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                partner.asked.set()
                partner.may_answer.wait(SECONDS)
                self.send_error(503)

            def log_message(self, format: str, *args: Any) -> None:
                """Keep the requests out of the report."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/versions"

    @contextmanager
    def running(self) -> Iterator[SlowPartner]:
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self.may_answer.set()
            self.server.shutdown()
            thread.join()
            self.server.server_close()


class TestEnds:
    @SERVERS
    def test_sigterm_lets_an_open_request_end(self, tmp_path: Path, server: str) -> None:
        platform = Deployment(tmp_path, {"FLASK_OCPI_HTTP_ALLOW_PRIVATE": "true"})
        ocpi = in_process(platform)
        _, token = ocpi.partners.invite(name="Slow")
        answers = []

        def register(url: str) -> None:
            body = orjson.dumps({"token": "their-token", "url": url, "roles": ROLES})
            answers.append(ask(platform.port, "POST", ocpi_url("credentials"), token=token, body=body))

        with SlowPartner().running() as partner, platform.served(server) as process:
            request = threading.Thread(target=register, args=(partner.url,))
            request.start()
            assert partner.asked.wait(SECONDS), answers
            process.send_signal(signal.SIGTERM)
            until(lambda: ENDING[server] in platform.log(server), "It did not notice SIGTERM.")
            partner.may_answer.set()
            request.join(SECONDS)
            process.wait(SECONDS)

        assert [(answer.status, answer.envelope["status_code"]) for answer in answers] == [(200, 3001)]

    @SERVERS
    def test_sighup_takes_the_new_configuration_and_loses_no_request(self, tmp_path: Path, server: str) -> None:
        platform = Deployment(tmp_path, {})
        before = set[str]()
        with platform.served(server) as process:
            before = children(process.pid)
            process.send_signal(signal.SIGHUP)
            statuses = []

            def renewed() -> bool:
                statuses.append(ask(platform.port, "GET", "/ocpi/versions").status)
                now = children(process.pid)
                return bool(now) and not now & before

            until(renewed, "The processes were not renewed.")
            assert process.poll() is None

        assert set(statuses) == {401}


ROLES = [{"role": "EMSP", "country_code": "DE", "party_id": "EMS", "business_details": {"name": "Ems"}}]


ENDING = {"granian": "Shutting down granian", "gunicorn": "Handling signal: term"}


def children(pid: int) -> set[str]:
    """Return the processes that serve: those of a program's children that have the app."""
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    lines = [line.split(None, 1) for line in listed.stdout.splitlines()]
    return {number for number, args in lines if "resource_tracker" not in args}


BROKER = {name: value for name, value in environment_file(with_comments=True).items() if "CELERY" in name}


class TestUnits:
    @pytest.mark.parametrize("name", units())
    def test_program_has_the_options(self, name: str, tmp_path: Path) -> None:
        program, *words = units()[name].command
        options = {word.split("=")[0] for word in words if word.startswith("--")}
        commands = [word for word in words if word in ("ocpi", "worker", "beat")]
        program = str(programs() / Path(program).name)
        asked = [[program, "--help"], [program, *app_of(words), *commands, "--help"]]
        settings = {"FLASK_OCPI_DISPATCHER": "celery", **BROKER} if "celery" in name else {}
        variables = Deployment(tmp_path, settings).variables
        said = "".join(
            subprocess.run(command, cwd=DEPLOY, env=variables, capture_output=True, text=True, check=True).stdout
            for command in (asked if commands else asked[:1])
        )

        assert options
        assert [option for option in options if not re.search(rf"{option}\b", said)] == []

    @pytest.mark.parametrize("name", units())
    def test_files_are_those_of_the_example(self, name: str) -> None:
        unit = units()[name]
        words = unit.command

        assert unit["Service"]["WorkingDirectory"] == "/srv/ocpi"
        assert unit["Service"]["EnvironmentFile"] == "/etc/ocpi/ocpi.env"
        assert environment_file()["FLASK_INSTANCE_PATH"] == f"/var/lib/{unit['Service']['StateDirectory']}"
        for module in [word.split(":")[0] for word in app_of(words)[1:] or words[-1:]]:
            assert (DEPLOY / f"{module}.py").exists()

    @pytest.mark.parametrize("name", sorted(path.name for path in UNITS.glob("*.service")))
    def test_systemd_takes_it(self, name: str, tmp_path: Path) -> None:
        if shutil.which(SYSTEMD) is None:
            left_out(SYSTEMD, "it is not installed")
            pytest.skip("systemd-analyze is not installed.")
        shutil.copytree(UNITS, tmp_path / "units")
        for path in (tmp_path / "units").rglob("*"):
            if path.is_file():
                text = path.read_text().replace("/srv/ocpi/venv/bin/", f"{Path(sys.executable).parent}/")
                path.write_text(text)
        unit = str(tmp_path / "units" / name)

        verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
        exposure = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit],
            capture_output=True,
            text=True,
            check=False,
        )

        said = [line for line in verified.stderr.splitlines() if str(tmp_path) in line or name in line]
        assert (verified.returncode, said) == (0, [])
        assert exposure.returncode == 0, exposure.stdout

    @pytest.mark.parametrize("name", units())
    def test_what_is_hardened(self, name: str) -> None:
        service = units()[name]["Service"]

        assert service["User"] == "ocpi"
        assert service["NoNewPrivileges"] == "yes"
        assert service["ProtectSystem"] == "strict"


def app_of(words: list[str]) -> list[str]:
    """Return ``--app`` and its value from the words of a command."""
    return words[words.index("--app") : words.index("--app") + 2] if "--app" in words else []


class TestEnvironmentFile:
    def test_a_shell_reads_what_systemd_does(self) -> None:
        script = f"set -a; . {shlex.quote(str(DEPLOY / 'ocpi.env'))}; {shlex.quote(sys.executable)} -c {SHOW}"

        said = subprocess.run(["sh", "-c", script], capture_output=True, env={}, check=True).stdout

        assert orjson.loads(said).items() >= environment_file().items()

    def test_every_setting_exists(self) -> None:
        known = {f"FLASK_{setting.key}" for setting in SETTINGS}
        others = {f"FLASK_{name}" for name in OTHER_KEYS}

        names = {name for name in environment_file(with_comments=True) if name.startswith("FLASK_")}

        assert names - known - others == set()

    def test_numbers_of_granian_are_its_own(self) -> None:
        said = subprocess.run(
            [str(programs() / "granian"), "--help"], capture_output=True, text=True, check=True
        ).stdout

        names = [name for name in environment_file() if name.startswith("GRANIAN_")]

        assert names
        assert all(name in said for name in names)


SHOW = shlex.quote("import json, os; print(json.dumps(dict(os.environ)))")
OTHER_KEYS = (
    "SECRET_KEY",
    "TRUSTED_PROXIES",
    "INSTANCE_PATH",
    "SQLALCHEMY_DATABASE_URI",
    "SQLALCHEMY_ENGINE_OPTIONS",
    "CELERY__broker_url",
)


@pytest.fixture(scope="module")
def lines() -> list[tuple[str, str]]:
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line and not line.startswith("#")]  # type: ignore[misc]


class TestContainerfile:
    """It is not built here, where there is no engine for it: its lines are looked at, and run where they can be."""

    def test_copied_files_exist(self, lines: list[tuple[str, str]]) -> None:
        copied = [name for word, rest in lines if word == "COPY" for name in rest.split()[:-1]]

        assert copied
        assert [name for name in copied if not (DEPLOY / name).is_file()] == []

    def test_requirements_name_extras_that_exist(self) -> None:
        metadata = ConfigParser()
        metadata.read(DEPLOY.parents[1] / "setup.cfg")
        package, *others = (DEPLOY / "requirements.txt").read_text().split()
        name, extras = re.fullmatch(r"([\w-]+)\[([\w,]+)\]", package).groups()  # type: ignore[union-attr]

        assert name == metadata["metadata"]["name"]
        assert set(extras.split(",")) <= set(metadata["options.extras_require"])
        assert [other for other in others if find_spec(other) is None] == []

    def test_its_command_serves(self, lines: list[tuple[str, str]], tmp_path: Path) -> None:
        (command,) = [orjson.loads(rest) for word, rest in lines if word == "CMD"]
        (health,) = [orjson.loads(rest.removeprefix("CMD ")) for word, rest in lines if word == "HEALTHCHECK"]
        command[0] = str(Path(sys.executable).with_name(command[0]))
        command = [word.replace("0.0.0.0", "127.0.0.1") for word in command]
        platform = Deployment(tmp_path, {})

        with platform.served(command=command):
            asked = [word.replace("8000", str(platform.port)) for word in health[1:]]
            healthy = subprocess.run([sys.executable, *asked], capture_output=True, check=False)
        ended = subprocess.run([sys.executable, *asked], capture_output=True, check=False)

        assert (healthy.returncode, ended.returncode) == (0, 1), healthy.stderr

    def test_granian_replaces_a_process_that_died_wherever_it_is_started(self) -> None:
        files = [DEPLOY / "Containerfile", UNITS / "ocpi-web.service", DEPLOY.parents[1] / "docs" / "deployment.md"]
        commands = [
            line for file in files for line in file.read_text().splitlines() if "granian" in line and "--no-ws" in line
        ]

        assert len(commands) == len(files)
        assert [line for line in commands if "--respawn-failed-workers" not in line] == []

    def test_it_runs_as_nobody_special(self, lines: list[tuple[str, str]]) -> None:
        words = [word for word, _ in lines]

        assert dict(lines)["USER"] == "ocpi"
        assert words.index("USER") < words.index("CMD")
        assert dict(lines)["VOLUME"] == environment_file()["FLASK_INSTANCE_PATH"]


class TestDocumentation:
    def test_files_and_commands_of_the_page_exist(self) -> None:
        page = (DEPLOY.parents[1] / "docs" / "deployment.md").read_text(encoding="utf-8")
        files = set(re.findall(r"examples/deploy/([\w./*-]*[\w/])", page))
        commands = set(re.findall(r"flask (?:--app wsgi )?ocpi ([a-z-]+)", page))
        services = {
            name for name in re.findall(r"\b(ocpi-[a-z-]+?)(?:\.service)?[`\s]", page) if f"{name}.service" in page
        }

        assert len(files) > 3
        assert [name for name in files if not list(DEPLOY.glob(name))] == []
        assert {"check", "invite", "init-db", "worker"} <= commands <= set(cli_group.commands)
        assert services
        assert [name for name in services if not (UNITS / f"{name}.service").exists()] == []

    def test_backup_of_sqlite_while_the_platform_runs(self, tmp_path: Path) -> None:
        program = shutil.which(SQLITE)
        if program is None:
            left_out(SQLITE, "it is not installed")
            pytest.skip("sqlite3 is not installed.")
        page = (DEPLOY.parents[1] / "docs" / "deployment.md").read_text(encoding="utf-8")
        (command,) = re.findall(r"`(sqlite3 .+?)`", page)
        platform = Deployment(tmp_path, {})
        ocpi = in_process(platform)
        ocpi.save("locations", documents.location())
        backup = tmp_path / "backup" / "ocpi.sqlite3"
        backup.parent.mkdir()
        words = shlex.split(
            command.replace("/var/lib/ocpi/", f"{tmp_path}/").replace("/var/backups/", f"{backup.parent}/")
        )

        subprocess.run(words, check=True)
        restored = in_process(Deployment(backup.parent, {}))

        assert [found["id"] for found in restored.objects.documents("locations")] == ["LOC1"]

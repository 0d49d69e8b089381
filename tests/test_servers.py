"""The programs that tests start: they answer while they are needed and are gone afterwards."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import sqlalchemy as sa
from redis import Redis
from redis.exceptions import AuthenticationError

from tests import servers

ROOT = Path(__file__).parent.parent
STARTER = """
from tests.servers import postgres
with postgres() as url:
    print(url, flush=True)
    input()
"""


def query(url: str, statement: str) -> str:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return str(connection.execute(sa.text(statement)).scalar_one())


def server_pid(url: str) -> int:
    data = Path(query(url, "show data_directory"))
    return int((data / "postmaster.pid").read_text().splitlines()[0])


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def postgres_url():
    with servers.postgres() as url:
        if url is None:
            servers.left_out(servers.POSTGRESQL, "its server programs are not installed")
            pytest.skip("PostgreSQL is not installed.")
        yield url


def test_postgres_answers_on_loopback(postgres_url):
    answer = query(postgres_url, "select 1")

    assert answer == "1"
    assert sa.make_url(postgres_url).host == "127.0.0.1"


def test_postgres_refuses_a_wrong_password(postgres_url):
    wrong = sa.make_url(postgres_url).set(password="wrong").render_as_string(hide_password=False)

    with pytest.raises(sa.exc.OperationalError, match="password authentication failed"):
        query(wrong, "select 1")


def test_two_servers_run_side_by_side(postgres_url):
    with servers.postgres() as other_url:
        ports = {sa.make_url(url).port for url in (postgres_url, other_url)}
        answers = [query(url, "select 1") for url in (postgres_url, other_url)]

    assert len(ports) == 2
    assert answers == ["1", "1"]


@pytest.mark.usefixtures("postgres_url")
def test_postgres_is_gone_afterwards():
    with servers.postgres() as url:
        pid = server_pid(url)
        data = Path(query(url, "show data_directory"))
        assert is_running(pid)

    assert not is_running(pid)
    assert not data.exists()


@pytest.fixture
def setpriv():
    if not shutil.which("setpriv"):
        servers.left_out("End of PostgreSQL after a kill", "setpriv is not installed")
        pytest.skip("setpriv is not installed.")


@pytest.mark.usefixtures("postgres_url", "setpriv")
def test_postgres_ends_when_its_starter_is_killed():
    with subprocess.Popen(
        [sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        url = process.stdout.readline().strip()
        data = Path(query(url, "show data_directory"))
        server = os.pidfd_open(server_pid(url))
        process.kill()

    ended, _, _ = select.select([server], [], [], servers.STOP_SECONDS)
    os.close(server)
    shutil.rmtree(data.parent)

    assert ended


def test_postgres_without_its_programs_is_none(monkeypatch):
    monkeypatch.setattr(servers, "postgres_bin", lambda: None)

    with servers.postgres() as url:
        assert url is None


def test_postgres_that_does_not_start_says_why(monkeypatch, postgres_url):
    monkeypatch.setattr(servers, "FAST_SETTINGS", ("no_such_setting=1",))

    with pytest.raises(servers.ServerError, match="no_such_setting"), servers.postgres():
        pass


@pytest.fixture
def redis_url():
    with servers.redis() as url:
        if url is None:
            servers.left_out(servers.REDIS, "its server is not installed")
            pytest.skip("Redis is not installed.")
        yield url


def test_redis_answers_on_loopback(redis_url):
    with Redis.from_url(redis_url) as client:
        assert client.ping()
        assert client.connection_pool.connection_kwargs["host"] == "127.0.0.1"


def test_redis_refuses_who_has_no_password(redis_url):
    without = f"redis://{redis_url.partition('@')[2]}"

    with Redis.from_url(without) as client, pytest.raises(AuthenticationError):
        client.ping()


@pytest.mark.usefixtures("redis_url")
def test_redis_is_gone_afterwards():
    with servers.redis() as url, Redis.from_url(url) as client:
        server = client.info("server")
        assert is_running(server["process_id"])

    assert not is_running(server["process_id"])
    assert not Path(server["config_file"]).parent.exists()


def test_redis_without_its_program_is_none(monkeypatch):
    monkeypatch.setattr(servers, "redis_server", lambda: None)

    with servers.redis() as url:
        assert url is None


def test_redis_that_does_not_start_says_why(monkeypatch):
    monkeypatch.setattr(servers, "redis_server", lambda: "/bin/cat")

    with pytest.raises(servers.ServerError, match="requirepass"), servers.redis():
        pass


SITE = "server {{ listen 127.0.0.1:{port}; return 200 answered; }}"


@pytest.fixture
def nginx_program():
    if servers.nginx_program() is None:
        servers.left_out(servers.NGINX, "it is not installed")
        pytest.skip("nginx is not installed.")


@pytest.mark.usefixtures("nginx_program")
def test_nginx_serves_a_site_and_is_gone_afterwards():
    with (
        servers.nginx(lambda port: SITE.format(port=port)) as port,
        urllib.request.urlopen(f"http://127.0.0.1:{port}/") as response,
    ):
        answer = response.read()

    assert answer == b"answered"
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/")


@pytest.mark.usefixtures("nginx_program")
def test_nginx_that_does_not_start_says_why():
    with (
        pytest.raises(servers.ServerError, match="no_such_directive"),
        servers.nginx(lambda port: "no_such_directive;"),
    ):
        pass


def test_nginx_without_its_program_is_none(monkeypatch):
    monkeypatch.setattr(servers, "nginx_program", lambda: None)

    with servers.nginx(lambda port: SITE.format(port=port)) as port:
        assert port is None


def test_standby_follows_its_primary(postgres_url):
    with servers.postgres_standby(postgres_url) as url:
        assert query(url, "select pg_is_in_recovery()") == "True"


def test_chromium_is_a_program_that_runs(tmp_path, monkeypatch):
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert servers.chromium_path() == str(program)


def test_chromium_that_only_prints_advice_does_not_count(tmp_path, monkeypatch):
    program = tmp_path / "chromium-browser"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert servers.chromium_path() is None


def test_left_out_is_one_line_in_the_report(tmp_path, monkeypatch):
    report = tmp_path / "report"
    monkeypatch.setenv("OCPI_TEST_LEFT_OUT", str(report))

    servers.left_out("Chromium", "not\ninstalled")

    assert report.read_text() == "Chromium: not installed\n"


def test_left_out_needs_no_report(tmp_path, monkeypatch):
    monkeypatch.delenv("OCPI_TEST_LEFT_OUT", raising=False)
    monkeypatch.chdir(tmp_path)

    servers.left_out("Chromium", "not installed")

    assert list(tmp_path.iterdir()) == []

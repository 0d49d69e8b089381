"""Commands and their results between platforms in processes of their own, of which either may fail in the middle."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.processes import Launcher
from tests.e2e.processes import Running
from tests.e2e.processes import until

CALLBACK = "/ocpi/2.3.0/sender/commands/STOP_SESSION"
COMMAND = "/ocpi/2.3.0/receiver/commands/STOP_SESSION"
IN_TIME = {"result": "ACCEPTED", "timeout": 3600}
AT_ONCE = {"result": "ACCEPTED", "timeout": 0}


class Platform(Running):
    """One of the platforms; ``do`` returns what was done."""

    def do(self, name, **arguments):
        return super().do(name, **arguments)["done"]

    @property
    def noted(self):
        return self.do("noted")


@pytest.fixture(scope="module")
def launcher():
    launcher = Launcher("tests.e2e.async_process")
    yield launcher
    launcher.close()


@pytest.fixture(scope="module")
def pair(launcher, tmp_path_factory):
    """An operator and a provider that are registered with each other."""
    folders = [str(tmp_path_factory.mktemp(name)) for name in ("operator", "provider")]
    operator = Platform(launcher, folder=folders[0], party="OPR", roles=["CPO"])
    provider = Platform(launcher, folder=folders[1], party="EMS", roles=["EMSP"])
    operator.start()
    provider.start()
    provider.do("register", versions_url=f"{operator.url}/ocpi/versions", token=operator.do("invite"))
    yield operator, provider
    operator.kill()
    provider.kill()


@pytest.fixture
def operator(pair):
    """The operator, as new: in a process of this test's own."""
    pair[0].start()
    return pair[0]


@pytest.fixture
def provider(pair):
    pair[1].start()
    return pair[1]


def accepted(operator, provider, answer=IN_TIME):
    """Send a command that the operator accepts; return the ids by which the two know it."""
    operator.do("answer", answer=answer)
    call = provider.do("stop_session", platform="NL-OPR")
    timed_out = answer is not IN_TIME and call["results"] == ["TIMEOUT"]  # already: a machine may be slow
    assert call["state"] == "ACCEPTED" or timed_out
    return operator.noted["asked"][-1], call["id"]


def results(provider, call_id):
    return provider.do("call", id=call_id)["results"]


@pytest.mark.conformance("CMD-06", "CMD-31")
def test_a_command_and_its_result(operator, provider):
    operator.do("answer", answer="work")

    call = provider.do("stop_session", platform="NL-OPR")

    assert provider.do("wait", id=call["id"]) == {"id": call["id"], "state": "FINISHED", "results": ["ACCEPTED"]}
    heard = until(lambda: provider.noted["heard"], "The signal was not sent.")
    assert heard == [{"id": call["id"], "result": "ACCEPTED", "late": False}]


@pytest.mark.conformance("CMD-33", "CMD-12")
def test_a_command_that_gets_no_result_times_out_by_itself(operator, provider):
    _, call_id = accepted(operator, provider, {"result": "ACCEPTED", "timeout": 1})

    assert provider.do("wait", id=call_id)["results"] == ["TIMEOUT"]


# The provider fails, when it is sent the result


@pytest.mark.conformance("CMD-13", "CLI-14")
def test_a_provider_that_answers_500_is_sent_the_result_once(operator, provider):
    command_id, call_id = accepted(operator, provider)
    provider.do("trouble", mode="500")

    taken = operator.do("finish", id=command_id, result="ACCEPTED")
    provider.do("trouble", mode="")

    assert taken is False
    assert operator.do("send_timeouts") == 0
    assert provider.noted["served"] == [f"{CALLBACK}/{call_id}"]
    assert results(provider, call_id) == []


@pytest.mark.conformance("CMD-13", "CLI-14")
def test_a_provider_that_is_dead_does_not_get_the_result_when_it_is_back(operator, provider):
    command_id, call_id = accepted(operator, provider)
    provider.kill()

    taken = operator.do("finish", id=command_id, result="ACCEPTED")
    provider.start()

    assert taken is False
    assert operator.do("send_timeouts") == 0
    assert provider.do("call", id=call_id) == {"id": call_id, "state": "ACCEPTED", "results": []}
    with pytest.raises(RuntimeError, match="has its result already"):
        operator.do("finish", id=command_id, result="ACCEPTED")


@pytest.mark.conformance("CMD-13", "CLI-14")
def test_a_provider_that_is_slow_is_not_waited_for_and_may_take_the_result_yet(operator, provider):
    command_id, call_id = accepted(operator, provider)
    operator.start(http_timeout=0.5)
    provider.do("trouble", mode="hang")

    taken = operator.do("finish", id=command_id, result="ACCEPTED")
    provider.do("trouble", mode="")

    assert taken is False
    assert provider.do("wait", id=call_id)["results"] == ["ACCEPTED"]
    assert provider.noted["served"] == [f"{CALLBACK}/{call_id}"]


# The operator fails, when it is asked or answers


@pytest.mark.conformance("CLI-07")
def test_an_operator_that_answers_500(operator, provider):
    operator.do("trouble", mode="500")

    with pytest.raises(RuntimeError, match="answered HTTP 500 without an OCPI envelope"):
        provider.do("stop_session", platform="NL-OPR")

    assert operator.noted["served"] == [COMMAND]


def test_an_operator_that_is_dead(operator, provider):
    operator.kill()

    with pytest.raises(RuntimeError, match="UnreachableError"):
        provider.do("stop_session", platform="NL-OPR")

    operator.start()
    assert accepted(operator, provider)


@pytest.mark.conformance("CMD-12")
def test_the_result_of_an_operator_that_was_too_slow_to_answer_is_taken(operator, provider):
    provider.start(http_timeout=0.5)
    operator.do("answer", answer="work")
    operator.do("trouble", mode="hang")

    with pytest.raises(RuntimeError, match="UnansweredError"):
        provider.do("stop_session", platform="NL-OPR")
    operator.do("trouble", mode="")

    heard = until(lambda: provider.noted["heard"], "The result was not taken.")
    assert [item["result"] for item in heard] == ["ACCEPTED"]
    assert operator.noted["served"] == [COMMAND]


@pytest.mark.conformance("CMD-12")
def test_an_operator_that_answers_twice(operator, provider):
    command_id, call_id = accepted(operator, provider)
    operator.do("finish", id=command_id, result="ACCEPTED")

    again = operator.do("post", platform="NL-EMS", path=f"{CALLBACK}/{call_id}", result="ACCEPTED")
    with pytest.raises(RuntimeError, match="answered 2001"):
        operator.do("post", platform="NL-EMS", path=f"{CALLBACK}/{call_id}", result="FAILED")

    assert again == 200
    assert provider.noted["heard"] == [{"id": call_id, "result": "ACCEPTED", "late": False}]
    assert results(provider, call_id) == ["ACCEPTED"]


@pytest.mark.conformance("CMD-12", "CMD-33")
def test_an_operator_that_answers_after_timeout(operator, provider):
    _, call_id = accepted(operator, provider, AT_ONCE)
    assert provider.do("wait", id=call_id)["results"] == ["TIMEOUT"]

    operator.do("post", platform="NL-EMS", path=f"{CALLBACK}/{call_id}", result="ACCEPTED")

    assert results(provider, call_id) == ["TIMEOUT", "ACCEPTED"]
    assert provider.noted["heard"][-1] == {"id": call_id, "result": "ACCEPTED", "late": True}


# Our process ends in between


@pytest.mark.conformance("CMD-06", "CMD-31")
def test_a_result_is_given_after_a_restart_of_the_operator(operator, provider):
    command_id, call_id = accepted(operator, provider)
    operator.start()

    assert operator.do("finish", id=command_id, result="EVSE_OCCUPIED") is True

    assert results(provider, call_id) == ["EVSE_OCCUPIED"]


@pytest.mark.conformance("CMD-33")
def test_a_command_times_out_after_a_restart_of_the_operator(operator, provider):
    operator.do("answer", answer={"result": "ACCEPTED", "timeout": 3})
    first = provider.do("stop_session", platform="NL-OPR")["id"]
    operator.start()

    until(lambda: results(provider, first), "Nothing timed out.")
    assert results(provider, first) == ["TIMEOUT"]
    assert operator.do("send_timeouts") == 0


@pytest.mark.conformance("CMD-33")
def test_the_next_command_after_a_restart_has_older_ones_time_out(operator, provider):
    operator.do("answer", answer={"result": "ACCEPTED", "timeout": 2})
    first = provider.do("stop_session", platform="NL-OPR")["id"]
    operator.start()

    accepted(operator, provider)

    assert provider.do("wait", id=first)["results"] == ["TIMEOUT"]


@pytest.mark.conformance("CMD-13")
def test_a_result_is_not_sent_twice_when_the_operator_dies_while_sending_it(operator, provider):
    command_id, call_id = accepted(operator, provider)
    operator.do("trouble", mode="die")
    with pytest.raises((ConnectionError, OSError)):
        operator.do("finish", id=command_id, result="ACCEPTED")
    operator.wait_until_ended()

    operator.start()

    assert operator.do("send_timeouts") == 0
    with pytest.raises(RuntimeError, match="has its result already"):
        operator.do("finish", id=command_id, result="ACCEPTED")
    assert (provider.noted["served"], results(provider, call_id)) == ([], [])


@pytest.mark.conformance("CMD-12")
def test_a_result_arrives_after_a_restart_of_the_provider(operator, provider):
    command_id, call_id = accepted(operator, provider)
    provider.start()

    assert operator.do("finish", id=command_id, result="ACCEPTED") is True

    assert provider.do("wait", id=call_id)["results"] == ["ACCEPTED"]
    assert provider.noted["heard"] == [{"id": call_id, "result": "ACCEPTED", "late": False}]


# Several processes of one platform


@pytest.fixture
def second(launcher, pair):
    """Start further processes on the files of one of the platforms."""
    started = []

    def start(platform):
        settings = {**platform.settings}
        settings.pop("port")
        started.append(Platform(launcher, **settings))
        started[-1].start()
        return started[-1]

    yield start
    for platform in started:
        platform.kill()


@pytest.mark.conformance("CMD-31")
def test_a_worker_gives_the_result_and_another_process_waits_for_it(operator, provider, second):
    command_id, call_id = accepted(operator, provider)
    worker, app = second(operator), second(provider)

    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(app.do, "wait", id=call_id)
        taken = worker.do("finish", id=command_id, result="ACCEPTED")

        assert waiting.result()["results"] == ["ACCEPTED"]
    assert taken is True
    assert [item["id"] for item in provider.noted["heard"]] == [call_id]
    assert app.noted["heard"] == []


@pytest.mark.conformance("CMD-33", "CMD-13")
def test_of_several_processes_one_sends_the_time_out(operator, provider, second):
    _, call_id = accepted(operator, provider, {"result": "ACCEPTED", "timeout": 1})
    workers = [operator, second(operator)]

    with ThreadPoolExecutor() as pool:
        until(
            lambda: list(pool.map(lambda worker: worker.do("send_timeouts"), workers)) and results(provider, call_id),
            "Nothing timed out.",
        )

    assert results(provider, call_id) == ["TIMEOUT"]
    assert provider.noted["served"] == [f"{CALLBACK}/{call_id}"]

"""Tables, progress bars and texts of the commands."""

from __future__ import annotations

import io

import pytest

from flask_ocpi.cli.output import Countdown
from flask_ocpi.cli.output import Progress
from flask_ocpi.cli.output import counted
from flask_ocpi.cli.output import printable
from flask_ocpi.cli.output import table


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_bar_moves_at_a_terminal():
    stream = Terminal()

    with Progress("Pulling", stream=stream) as bar:
        for done in range(1, 4):
            bar.reach(done, 3)

    assert [f"{done}/3" in stream.getvalue() for done in (1, 2, 3)] == [True] * 3
    assert stream.getvalue().rstrip("\x1b[?25h").endswith("\n")


def test_progress_bar_is_not_drawn_for_each_of_many_objects():
    stream = Terminal()

    with Progress("Pulling", stream=stream) as bar:
        for done in range(1, 100_004):
            bar.reach(done, 100_003)

    assert stream.getvalue().count("\r") < 400
    assert "100003/100003" in stream.getvalue()


def test_progress_bar_does_without_a_total():
    stream = Terminal()

    with Progress("Pulling", stream=stream) as bar:
        bar.reach(7, None)
        bar.reach(8, 10)

    assert "Pulling" in stream.getvalue()
    assert "8/10" in stream.getvalue()


def test_progress_bar_is_only_for_terminals():
    stream = io.StringIO()

    with Progress("Pulling", stream=stream) as bar:
        bar.reach(1, 2)

    assert stream.getvalue() == ""


def test_a_countdown_is_one_line_that_is_written_over_and_gone_in_the_end():
    stream = Terminal()

    with Countdown("Wait\x1bing", stream=stream) as countdown:
        countdown.show(100)
        countdown.show(9.4)

    first, second = "Wait?ing: 100 s left", "Wait?ing:   9 s left"
    assert stream.getvalue() == f"\r{first}\r{second}\r{' ' * len(second)}\r"


@pytest.mark.parametrize(
    ("stream", "visible"), [(io.StringIO(), True), (Terminal(), False)], ids=["no terminal", "not visible"]
)
def test_a_countdown_is_not_always_shown(stream, visible):
    with Countdown("Waiting", stream=stream, visible=visible) as countdown:
        countdown.show(3)

    assert stream.getvalue() == ""


def test_table_has_columns_as_wide_as_their_widest_cell():
    assert table(("A", "B"), [("long one", "x\ny"), ("", "z")]) == "A         B\nlong one  x y\n          z"


@pytest.mark.parametrize(("number", "text"), [(0, "0 objects"), (1, "1 object"), (2, "2 objects")])
def test_numbers_agree_with_their_noun(number, text):
    assert counted(number, "object") == text


def test_control_characters_are_not_printed():
    assert printable("a\x1b[31m\r\u202eb\nü") == "a?[31m??b\nü"

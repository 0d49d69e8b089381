"""The plot of what benchmarks.outward printed."""

from __future__ import annotations

from benchmarks.outward_plot import FOLDER
from benchmarks.outward_plot import draw
from benchmarks.outward_plot import values


def test_values_come_with_their_middle_half_or_as_ratio_to_one_partner():
    text = (
        "Deliveries, 1 partner                    1583 /s (middle half 1545 to 1709), 361 us of the processor\n"
        "ocpi.patch, 10 receiving                 292 us, 0.98 times one\n"
        "Something that is no measurement\n"
    )

    assert values(text) == {
        "Deliveries, 1 partner": (1583.0, 1545.0, 1709.0),
        "ocpi.patch, 10 receiving": (0.98, 0.98, 0.98),
    }


def test_plot_of_the_committed_run_can_be_drawn(tmp_path):
    draw((FOLDER / "outward.txt").read_text(encoding="utf-8"), tmp_path / "outward.svg")

    assert (tmp_path / "outward.svg").stat().st_size > 1000

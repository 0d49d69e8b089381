"""Draw docs/benchmarks/outward.svg from docs/benchmarks/outward.txt, the output of :mod:`benchmarks.outward`.

``python -m benchmarks.outward > docs/benchmarks/outward.txt && python -m benchmarks.outward_plot``
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "docs" / "benchmarks"
_LINE = re.compile(r"(?P<name>\S.*?)\s{2,}(?P<value>[0-9.]+) (?P<rest>.*)")
_SPREAD = re.compile(r"middle half ([0-9.]+) to ([0-9.]+)")
_RATIO = re.compile(r"([0-9.]+) times one")
_GREY, _BLUE = "#b0b7c3", "#1f6feb"


def values(text: str) -> dict[str, tuple[float, float, float]]:
    """Return each measured value by its name, or its ratio to one partner, with the limits of its middle half."""
    found = {}
    for line in filter(None, map(_LINE.fullmatch, text.splitlines())):
        ratio = _RATIO.search(line["rest"])
        value = float(ratio[1] if ratio else line["value"])
        spread = _SPREAD.search(line["rest"])
        low, high = (float(spread[1]), float(spread[2])) if spread else (value, value)
        found[line["name"]] = (value, low, high)
    return found


def draw(text: str, path: Path) -> None:
    """Draw deliveries beside the bare loop, and what a save costs by the number of partners."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    matplotlib.rcParams["svg.hashsalt"] = "flask-ocpi"
    found = values(text)
    figure, (rates, costs) = pyplot.subplots(1, 2, figsize=(11, 3.2))
    partners = ("1 partner", "10 partners")
    bars(rates, found, [(f"{what}, {many}", what) for many in partners for what in ("Bare loop", "Deliveries")], ",.0f")
    rates.set_yticks(range(4), [f"{what}, {many}" for many in partners for what in ("bare urllib3 loop", "deliveries")])
    rates.set_xlabel("messages a second, one process (higher is better)")
    receiving = ("1", "10", "100", "1 of 1,001")
    bars(costs, found, [(f"ocpi.patch, {many} receiving", "Deliveries") for many in receiving], ".2f")
    costs.set_yticks(range(4), [f"{many} receiving" for many in receiving])
    costs.set_xlabel("time of ocpi.patch, to one partner (lower is better)")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def bars(axes: Any, found: dict[str, tuple[float, float, float]], shown: list[tuple[str, str]], digits: str) -> None:
    for row, (name, kind) in enumerate(shown):
        value, low, high = found[name]
        axes.barh(row, value, 0.7, color=_BLUE if kind == "Deliveries" else _GREY)
        axes.plot([low, high], [row, row], color="#333333", linewidth=0.8)
        axes.text(high, row, f"  {value:{digits}}", va="center", fontsize=8, color="#333333")
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    draw((FOLDER / "outward.txt").read_text(encoding="utf-8"), FOLDER / "outward.svg")

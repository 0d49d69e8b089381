"""Where the examples of the specification are, if they are next to this checkout."""

from __future__ import annotations

from pathlib import Path

EXAMPLES = Path(__file__).parents[3] / "shared" / "ocpi" / "examples"

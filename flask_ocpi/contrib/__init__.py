"""What works together with other packages: one file for each, named like the extra that installs it."""

from __future__ import annotations

"""The description of the package: README.md without its links to files, which a package index does not have."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import setup

README = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
LOCAL_LINK = re.compile(r"!?\[([^\]]+)\]\((?!https://)[^)]+\)")

# Everything else is in setup.cfg.
setup(long_description=LOCAL_LINK.sub(r"\1", README))

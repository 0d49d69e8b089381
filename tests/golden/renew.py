"""Write the golden files anew: ``python -m tests.golden.renew``."""

from __future__ import annotations

import sys

from tests.golden import FOLDER
from tests.golden import texts


def main() -> None:
    """Write each file that differs and name it."""
    for name, text in texts().items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path.name} renewed\n")


if __name__ == "__main__":
    main()

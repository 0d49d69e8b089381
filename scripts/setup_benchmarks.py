"""Install what the comparison with other libraries needs: wrk, and each peer in an environment of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.http.contestants import ENVIRONMENTS
from benchmarks.http.contestants import PEERS
from benchmarks.http.contestants import python_of
from scripts import setup_servers

REQUIREMENTS = Path(__file__).parents[1] / "benchmarks" / "peers"


def install_peer(name: str) -> None:
    if python_of(name).exists():
        return
    print(f"Installing {name} into {ENVIRONMENTS.name}/{name} ...", flush=True)
    folder = ENVIRONMENTS / name
    venv.create(folder, with_pip=True)
    requirements = REQUIREMENTS / f"requirements-{name}.txt"
    pip = [str(python_of(name)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*pip, "-r", str(requirements)], check=False).returncode:
        print(f"{name} cannot be installed: it is left out.", file=sys.stderr)
        shutil.rmtree(folder)


def main() -> None:
    setup_servers.main()
    for name in PEERS:
        install_peer(name)


if __name__ == "__main__":
    main()

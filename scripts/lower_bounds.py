"""Install every dependency in the lowest version that setup.cfg allows, and run a smoke suite with these.

What the dependencies themselves depend on is left to pip.
"""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
EXTRAS = ("postgres", "migrate", "serve", "prometheus", "celery", "limiter")
#: What runs the smoke suite; its own versions are not what is tested.
TOOLS = ("pytest", "pytest-flask", "hypothesis", "gunicorn")
SMOKE = (
    "tests/test_fields.py",
    "tests/test_platforms.py",
    "tests/storage/test_claims.py",
    "tests/conformance/test_credentials.py",
    "tests/security/test_platform_tls.py",
    "tests/outbox/test_connections.py",
    "tests/contrib",
    "tests/e2e/test_socket.py::test_a_chunked_body_is_read",
)


def lowest() -> list[str]:
    """Return what pip has to install: each requirement that holds for this Python, at its lower bound."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    lines = parser["options"]["install_requires"].split("\n")
    for extra in EXTRAS:
        lines += parser["options.extras_require"][extra].split("\n")
    return [at_lower_bound(Requirement(line)) for line in lines if line and applies(Requirement(line))]


def applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate()


def at_lower_bound(requirement: Requirement) -> str:
    """Pin a requirement; raise ValueError when it is anything but a lower bound."""
    bounds = [bound.version for bound in requirement.specifier if bound.operator == ">="]
    if len(bounds) != 1 or len(requirement.specifier) != 1:
        raise ValueError(f"{requirement} in setup.cfg has to have a lower bound and nothing else.")
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}=={bounds[0]}"


def main() -> None:
    """Leave with an error when the versions do not install, or the smoke suite fails with them."""
    with tempfile.TemporaryDirectory(prefix="flask-ocpi-bounds-") as folder:
        venv.create(folder)
        python = str(Path(folder, "bin", "python"))
        # Most of what is installed is never imported: it need not be compiled.
        options = ["--quiet", "--no-compile", "--disable-pip-version-check", "--retries", "10"]
        pip = [sys.executable, "-m", "pip", "--python", python, "install", *options]
        pinned = lowest()
        print("Installing", *pinned, flush=True)
        subprocess.run([*pip, *pinned, *TOOLS], check=True)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        suite = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--cases", "2", *SMOKE]
        sys.exit(subprocess.run(suite, cwd=ROOT, env=environment, check=False).returncode)


if __name__ == "__main__":
    main()

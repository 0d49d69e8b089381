"""Install the built wheel alone into a fresh environment and import every module that needs no extra."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

from scripts.build_packages import DIST
from scripts.build_packages import source_files

FOLDERS = ("flask_ocpi/", "examples/")
#: Where the examples are in a wheel: setup.cfg installs them as data.
DATA = re.compile(r"^[^/]+\.data/data/share/flask-ocpi/")

IMPORT_EVERYTHING = """
import importlib, importlib.metadata, pkgutil, sys
import flask_ocpi

if not flask_ocpi.__file__.startswith(sys.prefix):
    sys.exit(f"Imported {flask_ocpi.__file__}, not the installed wheel.")
names = [m.name for m in pkgutil.walk_packages(flask_ocpi.__path__, "flask_ocpi.", onerror=lambda name: None)]
needs_extra = ("flask_ocpi.outbox.celery", "flask_ocpi.testing", "flask_ocpi.web.limiter", "flask_ocpi.web.prometheus")
names = [name for name in names if not name.startswith(needs_extra) and not name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
print(f"Flask-OCPI {importlib.metadata.version('Flask-OCPI')}: {len(names)} modules import.")
"""


def newest_wheel() -> Path:
    """Return the wheel built last."""
    wheels = sorted(DIST.glob("*.whl"), key=lambda path: path.stat().st_mtime)
    if not wheels:
        sys.exit("There is no wheel in dist/. Build it with: make wheel")
    return wheels[-1]


def check_contents(wheel: Path) -> None:
    """Stop when the wheel lacks a file of the package or the examples, or has one that they have not."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {DATA.sub("", name) for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {name for name in source_files() if name.startswith(FOLDERS)}
    differences = sorted(packed ^ wanted)
    if differences:
        sys.exit(
            f"{wheel.name} and the folders {', '.join(FOLDERS)} differ in: {', '.join(differences)}. setup.cfg names "
            "the files in [options.package_data] and [options.data_files]."
        )


def check_install(wheel: Path) -> None:
    """Stop when the wheel, with its hard dependencies only, does not install and import."""
    with tempfile.TemporaryDirectory(prefix="flask-ocpi-wheel-") as folder:
        venv.create(Path(folder, "env"))
        python = str(Path(folder, "env", "bin", "python"))
        pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-compile"]
        subprocess.run([*pip, "--quiet", "--disable-pip-version-check", "--retries", "10", str(wheel)], check=True)
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        program = [python, "-W", "error", "-c", IMPORT_EVERYTHING]
        if subprocess.run(program, cwd=folder, env=environment, check=False).returncode != 0:
            sys.exit(f"{wheel.name} does not import with its hard dependencies alone.")


def main() -> None:
    """Check the newest wheel in dist/."""
    wheel = newest_wheel()
    check_contents(wheel)
    check_install(wheel)


if __name__ == "__main__":
    main()

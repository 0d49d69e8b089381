"""Install the built wheel alone into a fresh environment and import every module that needs no extra."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = "flask_ocpi"

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
    wheels = sorted((ROOT / "dist").glob("*.whl"), key=lambda path: path.stat().st_mtime)
    if not wheels:
        sys.exit("There is no wheel in dist/. Build it with: make wheel")
    return wheels[-1]


def source_files() -> set[str]:
    """List the package's files in the working folder."""
    files = (path.relative_to(ROOT) for path in (ROOT / PACKAGE).rglob("*") if path.is_file())
    return {file.as_posix() for file in files if "__pycache__" not in file.parts}


def check_contents(wheel: Path) -> None:
    """Stop when the wheel lacks a file of the package, or has one that the package has not."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    differences = sorted(packed ^ source_files())
    if differences:
        sys.exit(f"{wheel.name} and {PACKAGE}/ differ in: {', '.join(differences)}")


def check_install(wheel: Path) -> None:
    """Stop when the wheel, with its hard dependencies only, does not install and import."""
    with tempfile.TemporaryDirectory(prefix="flask-ocpi-wheel-") as folder:
        venv.create(Path(folder, "env"))
        python = str(Path(folder, "env", "bin", "python"))
        pip = [sys.executable, "-m", "pip", "--python", python, "install"]
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

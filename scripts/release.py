"""Make a release in dist/ and try it; nothing is uploaded.

Builds sdist and wheel twice and compares the bytes, checks their metadata with twine, writes a CycloneDX SBOM and
SHA256SUMS, and tries the wheel as a user does, in a clean environment of each Python here that it supports.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from scripts.build_packages import DIST
from scripts.build_packages import ROOT
from scripts.build_packages import build
from scripts.build_packages import time_of_release
from scripts.check_wheel import check_contents

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
TOOLS = ("twine>=6.1", "cyclonedx-bom>=7")
SBOM = "sbom.cdx.json"
SECONDS = 60


def main() -> None:
    """Make and try the release; leave with an error at the first flaw."""
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    epoch = time_of_release()
    packages = build(DIST, epoch)
    with tempfile.TemporaryDirectory(prefix="flask-ocpi-again-") as folder:
        compare(packages, build(Path(folder), epoch))
    wheel = next(path for path in packages if path.suffix == ".whl")
    check_contents(wheel)
    with tempfile.TemporaryDirectory(prefix="flask-ocpi-release-") as folder:
        tools = make_environment(sys.executable, Path(folder, "tools"), *TOOLS)
        run(tools, "-m", "twine", "check", "--strict", *map(str, packages))
        bare = make_environment(sys.executable, Path(folder, "bare"), str(wheel))
        write_sbom(tools, bare, epoch)
        pythons = found_pythons()
        for version, python in pythons.items():
            try_wheel(python, wheel, Path(folder, version))
            print(f"Python {version}: README's app, flask ocpi demo, flask ocpi new and its tests work.", flush=True)
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in sorted(DIST.iterdir())]
    (DIST / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    missing = [version for version in VERSIONS if version not in pythons]
    if missing:
        print(f"Not tried, since it is not here: Python {', '.join(missing)}.")
    print("\n".join([*sums, "In dist/; nothing was uploaded."]))


def compare(first: list[Path], second: list[Path]) -> None:
    """Stop when two builds of the same files differ."""
    for one, other in zip(first, second, strict=True):
        if one.read_bytes() != other.read_bytes():
            sys.exit(f"{one.name} is not reproducible: two builds of the same files differ.")
    print(f"Built twice, with the same bytes: {', '.join(path.name for path in first)}", flush=True)


def write_sbom(tools: str, bare: str, epoch: int) -> None:
    """Write what a plain installation brings along, with the versions of today, as CycloneDX."""
    options = ["--output-reproducible", "--mc-type", "library", "--output-format", "JSON", "--spec-version", "1.6"]
    text = run(tools, "-m", "cyclonedx_py", "environment", *options, bare)
    sbom = json.loads(text)
    (ours,) = (each for each in sbom["components"] if each["name"] == "Flask-OCPI")
    sbom["components"].remove(ours)
    ours["externalReferences"] = [each for each in ours["externalReferences"] if not each["url"].startswith("file:")]
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))
    sbom["metadata"] = {**sbom.get("metadata", {}), "timestamp": moment, "component": ours}
    (DIST / SBOM).write_text(json.dumps(sbom, indent=1) + "\n")
    print(f"{SBOM}: {len(sbom['components'])} packages come with Flask-OCPI {ours['version']}.", flush=True)


def found_pythons() -> dict[str, str]:
    """Find the supported Pythons of this machine, by version: those of pyenv, and on the PATH."""
    found = {}
    for version in VERSIONS:
        of_pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
        for python in (*map(str, reversed(of_pyenv)), shutil.which(f"python{version}")):
            if (
                python is not None
                and subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
            ):
                found.setdefault(version, python)
    return found


def try_wheel(python: str, wheel: Path, folder: Path) -> None:
    """Do with a wheel what README tells a newcomer to do."""
    installed = make_environment(python, folder / "env", f"{wheel}[testing]")
    try_readme(installed, folder / "readme")
    run(installed, "-m", "flask", "ocpi", "demo", "--once", folder=folder)
    run(installed, "-m", "flask", "ocpi", "new", "cpo", "x", folder=folder)
    run(installed, "-m", "pytest", "-q", folder=folder / "x")


def try_readme(python: str, folder: Path) -> None:
    """Serve README's app, open its start page, and invite a partner."""
    folder.mkdir()
    (app,) = re.findall(r"```python\n(from flask import Flask\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (folder / "app.py").write_text(app)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with served(python, folder, address):
        page = opened(f"{address}/ocpi/")
    if "NL-ABC speaks OCPI" not in page:
        sys.exit(f"The start page is not what it should be:\n{page}")
    settings = {"FLASK_OCPI_BASE_URL": "https://ocpi.example.com"}
    said = run(python, "-m", "flask", "ocpi", "invite", "--name", "Ems Mobility", folder=folder, **settings)
    if "https://ocpi.example.com/ocpi/versions" not in said:
        sys.exit(f"The invitation has no versions URL:\n{said}")


@contextmanager
def served(python: str, folder: Path, address: str) -> Iterator[None]:
    """Run the app of a folder in debug mode."""
    command = [python, "-m", "flask", "run", "--debug", "--no-reload", "--port", address.rpartition(":")[2]]
    server = subprocess.Popen(command, cwd=folder, env=clean(), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        server.terminate()
        server.wait(SECONDS)


def opened(url: str) -> str:
    """Return a page of a server that may still be starting."""
    for _ in range(SECONDS * 5):
        try:
            with urlopen(url, timeout=SECONDS) as answer:  # noqa: S310
                return str(answer.read().decode())
        except URLError:
            time.sleep(0.2)
    sys.exit(f"{url} did not answer.")


def make_environment(python: str, folder: Path, *requirements: str) -> str:
    """Make an environment with these packages and what they need; return its Python."""
    if python == sys.executable:
        venv.create(folder)
    else:
        subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True)
    made = str(folder / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", made, "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--retries", "10", *requirements], check=True)
    return made


def run(python: str, *arguments: str, folder: Path = ROOT, **settings: str) -> str:
    """Run a program of an environment; return what it printed, or leave with an error."""
    command = [python, *arguments]
    done = subprocess.run(command, cwd=folder, env=clean(**settings), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def clean(**settings: str) -> dict[str, str]:
    """Return the environment variables without those that would lead to other packages or settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLASK_", "PYTHON", "PYTEST_"))}
    return {**kept, **settings}


if __name__ == "__main__":
    main()

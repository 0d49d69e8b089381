"""Build sdist and wheel into dist/: the same files give the same bytes, on any machine and at any time.

They are built from a copy of the files that are not ignored by git, and all files get one time: SOURCE_DATE_EPOCH, or
that of the last commit.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"


def build(into: Path, epoch: int) -> list[Path]:
    """Build both packages into a folder; return their paths."""
    with tempfile.TemporaryDirectory(prefix="flask-ocpi-build-") as folder:
        tree = Path(folder, "tree")
        copy_sources(tree)
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(into), str(tree)]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, umask=0o022)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    for sdist in into.glob("*.tar.gz"):
        level(sdist, epoch)
    return sorted(into.iterdir())


def copy_sources(to: Path) -> None:
    """Copy the source files, with the permissions that git keeps."""
    for name in source_files():
        source, target = ROOT / name, to / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)


def source_files() -> list[str]:
    """List the files of the working folder that git knows, or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return [name for name in names if name and (ROOT / name).is_file()]


def level(sdist: Path, epoch: int) -> None:
    """Write an sdist again with its files in order, and without the times and owners of this machine."""
    with tarfile.open(sdist) as archive:
        entries = [(each, archive.extractfile(each)) for each in sorted(archive.getmembers(), key=lambda e: e.name)]
        with tempfile.TemporaryFile() as plain:
            with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as leveled:
                for member, content in entries:
                    leveled.addfile(_leveled(member, epoch), content)
            plain.seek(0)
            packed = gzip.compress(plain.read(), mtime=epoch)
    sdist.write_bytes(packed)


def _leveled(member: tarfile.TarInfo, epoch: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(member.name)
    info.size, info.type, info.mtime = member.size, member.type, epoch
    info.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return info


def time_of_release() -> int:
    """Return the time that all packed files get, in seconds since 1970."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    command = ["git", "log", "-1", "--format=%ct"]
    return int(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Build anew into dist/."""
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    build(DIST, time_of_release())


if __name__ == "__main__":
    main()

"""Install PostgreSQL, Redis, nginx, Chromium and so on for the tests, or say why that is not possible."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tests.servers import CHROMIUM
from tests.servers import NGINX
from tests.servers import POSTGRESQL
from tests.servers import REDIS
from tests.servers import SQLITE
from tests.servers import SYSTEMD
from tests.servers import WRK
from tests.servers import chromium_path
from tests.servers import left_out
from tests.servers import nginx_program
from tests.servers import postgres_bin
from tests.servers import redis_server

PACKAGES = {
    POSTGRESQL: "postgresql",
    REDIS: "redis-server",
    NGINX: "nginx-light",
    SQLITE: "sqlite3",
    SYSTEMD: "systemd",
    WRK: "wrk",
    CHROMIUM: "chromium",
}
APT_GET = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300")


def missing_parts() -> list[str]:
    """List the parts that are not on this machine."""
    present = {
        POSTGRESQL: postgres_bin(),
        REDIS: redis_server(),
        NGINX: nginx_program(),
        SQLITE: shutil.which(SQLITE),
        SYSTEMD: shutil.which(SYSTEMD),
        WRK: shutil.which(WRK),
        CHROMIUM: chromium_path(),
    }
    return [name for name in PACKAGES if present[name] is None]


def root_command() -> list[str] | None:
    """Return what to put before a command so that it runs as root, or None when we may not."""
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        return None
    sudo = ["sudo", "-n"]
    allowed = subprocess.run([*sudo, "true"], capture_output=True, check=False).returncode == 0
    return sudo if allowed else None


def why_not_installable() -> str | None:
    """Say in one sentence why apt cannot be used here, or return None when it can."""
    if not shutil.which("apt-get"):
        return "not installed, and this machine has no apt-get to install it with"
    if root_command() is None:
        return "not installed, and apt-get needs root or passwordless sudo"
    return None


def apt_get(*arguments: str) -> str | None:
    """Run apt-get as root; return None when it worked, else the last line it said."""
    command = [*(root_command() or []), *APT_GET, *arguments]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if run.returncode == 0:
        return None
    print(run.stdout, file=sys.stderr)
    return (run.stdout.strip().splitlines() or [f"exit code {run.returncode}"])[-1]


def main() -> None:
    """Install what is missing and record what stays missing as left out."""
    missing = missing_parts()
    if not missing:
        return
    reason = why_not_installable()
    if reason is None:
        print(f"Installing {' and '.join(missing)} with apt-get ...", flush=True)
        apt_get("update")
        failures = {name: apt_get("install", "-y", PACKAGES[name]) for name in missing}
    else:
        failures = dict.fromkeys(missing, reason)
    for name in missing_parts():
        left_out(name, failures[name] or "installed with apt-get, but it does not run")


if __name__ == "__main__":
    main()

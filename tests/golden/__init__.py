"""What the generator makes of the descriptions, as text that is kept: a change of it shows as a difference.

Renew the files with ``python -m tests.golden.renew``, and look at what changed before committing it.
"""

from __future__ import annotations

import json
from pathlib import Path

from flask import Flask

from flask_ocpi.extension import OCPI
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.versions import VERSIONS

FOLDER = Path(__file__).parent
# A Hub has no other role, so OCPI_MODULES adds what only its role would serve.
ROLES = ["CPO", "EMSP", "NAP", "NSP", "OTHER", "SCSP"]


def platform() -> Flask:
    """Make a platform that serves both interfaces of every module."""
    app = Flask("golden", root_path=".")
    modules = sorted({module.identifier for version in VERSIONS for module in version.modules if not module.single})
    app.config.update(
        SECRET_KEY="a secret",
        OCPI_MODULES=modules,
        OCPI_VERSIONS=[version.number for version in VERSIONS],
        OCPI_PARTIES=[
            {
                "country_code": "NL",
                "party_id": "ABC",
                "roles": ROLES,
                "business_details": {"name": "Abc Charging"},
            }
        ],
    )
    OCPI(app, storage=MemoryStorage())
    return app


def texts() -> dict[str, str]:
    """Return the files: name to text."""
    app = platform()
    found = {}
    for version in VERSIONS:
        found[f"routes-{version.number}.txt"] = routes(app, f"ocpi_{version.slug}_")
        spec = app.extensions["ocpi"].specs[version.number]
        found[f"openapi-{version.number}.json"] = json.dumps(spec, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    return found


def routes(app: Flask, prefix: str) -> str:
    """List method, URL and view of each operation, one a line."""
    rows = sorted(
        (rule.rule.replace("<ocpi:", "{").replace(">", "}"), method, rule.endpoint)
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        if rule.endpoint.startswith(prefix)
    )
    width = max(len(url) for url, _, _ in rows)
    return "".join(f"{method:6} {url:{width}} {endpoint}\n" for url, method, endpoint in rows)

"""The versions of OCPI that this package serves: the only registry of modules."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence

from flask_ocpi.core.description import Version
from flask_ocpi.core.description import version_order
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.versions.v2_2_1 import VERSION as V2_2_1

VERSIONS = (V2_2_1,)


def select_versions(numbers: Iterable[str], among: Sequence[Version] | None = None) -> tuple[Version, ...]:
    """Return the versions with these numbers, oldest first; raise ConfigurationError for one that is not there.

    among: those there are, instead of the ones of this package.
    """
    known = {version.number: version for version in (VERSIONS if among is None else among)}
    wanted = sorted(set(numbers), key=version_order)
    for number in wanted:
        if number not in known:
            raise ConfigurationError(f"OCPI_VERSIONS names {number!r}; this release serves {', '.join(known)}.")
    return tuple(known[number] for number in wanted)


def stored_version(versions: Iterable[Version]) -> Version:
    """Return the version whose shape objects are stored in, whatever others are served: 2.2.1."""
    return next((version for version in versions if version.number == V2_2_1.number), V2_2_1)

"""Documents for tests in the shape of any version of OCPI."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping

from flask_ocpi.core.converting import LeftOutError
from flask_ocpi.core.converting import Reference
from flask_ocpi.core.description import Version
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Schema
from flask_ocpi.testing import documents
from flask_ocpi.versions import VERSIONS
from flask_ocpi.versions import select_versions
from flask_ocpi.web.examples import examples_of

_FULL = "full_"
#: full_location() is not public, and full_cdr() is a credit CDR.
_NOT_IN_ALL = ("publish_allowed_to", "credit", "credit_reference_id")
#: Between the words of the name of a class.
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class VersionDocuments:
    """Makes documents of one version: ``.location(name="A")``, ``.full_cdr()``, ``.booking_location()``.

    Each class of the version has a function with its name. Keywords change the document, in the shape of the version.
    Documents of classes in :mod:`flask_ocpi.testing.documents` are converted from there; others consist of the examples
    of the required properties, or of all properties with ``full_`` before the name.
    """

    def __init__(self, version: Version) -> None:
        self._version = version
        self._classes: dict[str, type[Schema]] = {}
        for schema in version.classes():
            for name in (schema.__name__, version.stored(schema).__name__):
                self._classes.setdefault(_WORDS.sub("_", name).lower(), schema)

    def __getattr__(self, name: str) -> Callable[..., Document]:
        if name.removeprefix(_FULL) not in self._classes:
            raise AttributeError(f"OCPI {self._version.number} has no class {name.removeprefix(_FULL)}.")
        return lambda **changes: {**self._made(name), **changes}

    def __dir__(self) -> list[str]:
        return [*self._classes, *(f"{_FULL}{name}" for name in self._classes)]

    def _made(self, name: str) -> Document:
        schema = self._classes[name.removeprefix(_FULL)]
        make: Callable[[], Document] | None = getattr(documents, name, None)
        if make is None:
            examples = examples_of(self._version)
            required = examples.required(schema)
            is_valid = not name.startswith(_FULL) and not schema().validate(required)
            return required if is_valid else examples.full(schema)
        conversion = self._version.conversion(schema)
        if conversion is None:
            return make()
        try:
            return conversion.from_store(make(), find=_everywhere)
        except LeftOutError:  # the version cannot express it
            plain = {key: value for key, value in make().items() if key not in _NOT_IN_ALL}
            return conversion.from_store({**plain, "publish": True} if "publish" in plain else plain, find=_everywhere)


def _everywhere(kind: str, references: Collection[Reference]) -> Mapping[Reference, Document]:
    """Find the Location of the documents."""
    return {reference: documents.location(evses=[documents.evse()]) for reference in references}


def documents_of(version: str | Version) -> VersionDocuments:
    """Return the documents of a version; a version of this package may be given by its number."""
    if isinstance(version, Version):
        return VersionDocuments(version)
    return VersionDocuments(select_versions([version], VERSIONS)[0])

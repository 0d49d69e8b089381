"""Quarantine: objects of other platforms that could not be stored, which are findings until they can be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_ocpi.client.listing import Broken
from flask_ocpi.context import Services
from flask_ocpi.description import OWNER_KEY
from flask_ocpi.findings import REFUSED
from flask_ocpi.findings import Finding
from flask_ocpi.findings import name_of
from flask_ocpi.findings.records import group_of
from flask_ocpi.storage.base import fold
from flask_ocpi.sync.scopes import Scope


def names_in(services: Services, scope: Scope) -> set[str]:
    """Return what identifies the objects of a scope that are in quarantine."""
    return services.findings.objects_in(_group(scope))


def put(services: Services, scope: Scope, items: Iterable[Broken]) -> None:
    """Put objects into quarantine; those that were refused when they were read are there already."""
    for item in items:
        services.found(_finding(scope, item.document, item.reason))


def names_of(scope: Scope, items: Iterable[Broken]) -> set[str]:
    """Return what identifies objects in quarantine."""
    return {fold(_finding(scope, item.document).object) for item in items}


def release(services: Services, scope: Scope, document: Any, known: set[str]) -> None:
    """Let an object out that could be stored, if it is in quarantine."""
    if not known:
        return
    finding = _finding(scope, document)
    name = fold(finding.object)
    if name in known:
        services.findings.settle(finding)
        known.discard(name)


def forget_unseen(services: Services, scope: Scope, *, since: int) -> None:
    """Let out what the whole list, read since that moment, did not have any more."""
    if services.findings.flush():  # what came again is written by now
        services.findings.settle_all(_group(scope), before=since)


def _group(scope: Scope) -> str:
    return group_of(scope.platform.id, str(scope.module.id), receiver=str(scope.receiver), refused=True)


def _finding(scope: Scope, document: Any, reason: str = "") -> Finding:
    parties = scope.platform.parties
    known = dict(zip(OWNER_KEY, parties[0], strict=True)) if len(parties) == 1 else {}
    return Finding(
        scope.platform.id,
        REFUSED,
        str(scope.module.id),
        name_of(document, scope.object_type.key, known),
        outcome=reason,
        refused=True,
        receiver=str(scope.receiver),
        document=document,
    )

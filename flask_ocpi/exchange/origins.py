"""Related stored objects for the converters of a version."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from functools import partial
from itertools import islice

from flask_ocpi.core.converting import Find
from flask_ocpi.core.converting import Origin
from flask_ocpi.core.converting import Reference
from flask_ocpi.core.description import Document
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.exchange.context import Services
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.base import fold
from flask_ocpi.storage.base import walk

#: The ids of own Tokens by owner and ``contract_id``; the empty id has the position up to which Tokens were read.
CONTRACTS = "token_contracts"
_AT_ONCE = 500


def origin_of(services: Services, owner: Party | None, receiver: Party | None) -> Origin:
    """Return the origin of an object, with the Tokens of the own party that receives it."""
    if receiver is None or not services.keeps(ModuleID.TOKENS, receiver):
        return Origin(owner, receiver)
    return Origin(owner, receiver, partial(token_of, services.storage, receiver))


def finder(services: Services, receiver: Party | None = None, source: str = "") -> Find:
    """Return a finder of own objects; with ``receiver`` of its copies from the platform ``source``."""

    def find(kind: str, references: Collection[Reference]) -> Mapping[Reference, Document]:
        keys = {Key.of(*reference, receiver, source): reference for reference in references}
        records = services.storage.get_many(kind, keys)
        return {keys[key]: record.document for key, record in records.items()}

    return find


def token_of(storage: Storage, owner: Party, contract_id: str) -> Document | None:
    """Return the own Token that got a contract last, or None.

    If no Token is known to have the contract, the contracts of new Tokens are noted first.
    """
    key = Key.of(*owner, contract_id)
    token = _noted(storage, key)
    if token is None and _note_new_tokens(storage, owner):
        token = _noted(storage, key)
    return token


def note_contracts(storage: Storage, changes: Iterable[tuple[Record | None, Record]]) -> None:
    """Note the contracts of own Tokens that got another one; ``None`` for a state before that is not known.

    The contracts of created Tokens are noted when they are looked for.
    """
    found = []
    for before, after in changes:
        token = after.document
        if before is None or fold(before.document["contract_id"]) != fold(token["contract_id"]):
            found.append(_note(token))
    if found:
        storage.save_many(CONTRACTS, found)


def _note(token: Document) -> tuple[Key, Record]:
    key = Key.of(token["country_code"], token["party_id"], token["contract_id"])
    return key, Record.of({"id": f"{token['uid']}\n{token['type']}"})


def _noted(storage: Storage, key: Key) -> Document | None:
    """Return the Token that is noted for a contract, if it still has that."""
    noted = storage.get(CONTRACTS, key)
    record = None if noted is None else storage.get(ModuleID.TOKENS, Key.of(*key.owner, noted.document["id"]))
    if record is None or fold(record.document["contract_id"]) != key.id:
        return None
    return record.document


def _note_new_tokens(storage: Storage, owner: Party) -> bool:
    """Note the contracts of the own Tokens created since the last time; False if there are none."""
    mark = Key.of(*owner, "")
    read = storage.get(CONTRACTS, mark)
    newest = last = 0 if read is None else read.document["created"]
    tokens = walk(storage, ModuleID.TOKENS, Query(owners=(owner,), receiver="", after=str(last)))
    # A storage that does not know this cursor starts with its first record.
    new = (record for record in tokens if record.created > last)
    while some := list(islice(new, _AT_ONCE)):
        newest = max(newest, *(record.created for record in some))
        notes = [_note(record.document) for record in some]
        storage.save_many(CONTRACTS, [*notes, (mark, Record.of({"created": newest}))])
    return bool(newest > last)

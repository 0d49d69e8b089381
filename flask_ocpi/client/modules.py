"""The calls of one module of a partner, by the module's description."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial
from time import monotonic
from typing import Any
from urllib.parse import urlencode
from urllib.parse import urlsplit
from urllib.parse import urlunsplit

from flask_ocpi.client.addresses import joined
from flask_ocpi.client.connection import PlatformConnection
from flask_ocpi.client.connection import only
from flask_ocpi.client.listing import Listing
from flask_ocpi.client.listing import Pages
from flask_ocpi.client.operations import body_of
from flask_ocpi.client.operations import find
from flask_ocpi.client.operations import find_addressed
from flask_ocpi.client.operations import object_of
from flask_ocpi.client.operations import path_of
from flask_ocpi.client.operations import schema_of
from flask_ocpi.client.paging import FROM_THE_BEGINNING
from flask_ocpi.client.paging import OUTCOMES
from flask_ocpi.client.paging import Bounds
from flask_ocpi.client.wire import Answer
from flask_ocpi.core.converting import fields_of
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Operation
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.schema import load
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.errors import RefusedError
from flask_ocpi.exchange.documents import locate
from flask_ocpi.exchange.findings import Finding
from flask_ocpi.exchange.findings import Source
from flask_ocpi.exchange.logs import is_answering
from flask_ocpi.exchange.origins import finder
from flask_ocpi.exchange.origins import origin_of
from flask_ocpi.partners.auth_tokens import same_hash
from flask_ocpi.storage.base import Party
from flask_ocpi.versions.reading.reader import NOTHING_KNOWN
from flask_ocpi.versions.shaping import losing
from flask_ocpi.versions.shaping import said
from flask_ocpi.versions.shaping import said_once

_NO_SUCH_METHOD = (405, 501)


class ModuleClient:
    """The calls of one module: shorthands for the usual ones, and :meth:`call` for any operation by its name."""

    pushes_new_only = False  # True: ``put`` is for records that the platform has

    def __init__(self, client: PlatformConnection, module: Module) -> None:
        self.client = client
        self.module = module

    def call(
        self,
        operation: str,
        *segments: str,
        role: InterfaceRole,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        owner: Party | None = None,
    ) -> Answer:
        """Call an operation by its name in the description, with the values of its path in order.

        Body and query are sent unchanged, so in the shape of the platform's version. ``owner`` is the own party of the
        call, if there are several.
        """
        found = self.find(role, lambda o: o.name == operation)
        return self._request(found, role, segments, body=body, query=query, owner=owner)

    def list(
        self,
        *,
        date_from: str | None = None,
        date_to: str | None = None,
        limit: int | None = None,
        prefetch: bool = False,
    ) -> Listing:
        """Walk the objects of the platform's Sender interface; pages are fetched when they are needed.

        Dates are OCPI DateTime texts; ``limit`` is the size of a page. Invalid objects are left out and noted in the
        listing's ``broken``. ``prefetch``: see :meth:`pages`.
        """
        return Listing(self.pages(date_from=date_from, date_to=date_to, limit=limit, prefetch=prefetch))

    def pages(
        self,
        *,
        date_from: str | None = None,
        date_to: str | None = None,
        limit: int | None = None,
        url: str | None = None,
        total: int | None = None,
        prefetch: bool = False,
        read: int = 0,
        objects: int = 0,
        seconds: float | None = None,
        receiver: Party | None = None,
        keep: Callable[[Document], Any] = lambda document: document,
        filters: Mapping[str, str] | None = None,
    ) -> Pages:
        """Walk the pages of the list. ``url`` is a page to resume at; ``total`` is the total of the page before it.

        Objects are read for the own party ``receiver``, if it is known: a flaw in one is a finding. ``keep`` returns
        the part of an object that pages keep. filters: further filters of the module's list.

        Raises EndlessListError after OCPI_SYNC_MAX_PAGES (``read`` pages, with ``objects`` objects, were read before),
        or earlier if the list turns out not to end; IncompleteListError if it cannot be read further; LongListError
        after ``seconds``. Links only name the page: path and dates stay those of the call.

        With ``prefetch`` a thread fetches the next page while the caller works on one; not in hooks, and not if
        OCPI_DISPATCHER is "inline", which has no threads.
        """
        operation = self.find(InterfaceRole.SENDER, lambda o: o.returns_list)
        if operation.dated and date_from is None:
            date_from = FROM_THE_BEGINNING  # OCPI requires it here (SES-02)
        most = self.client.quirks.page_limit_of(self.module.identifier)
        limit = most if limit is None else min(limit, most or limit)
        dates = {"date_from": date_from, "date_to": date_to, **(filters or {})}
        query = urlencode({name: value for name, value in dates.items() if value is not None}, safe=":")
        endpoint = joined(self.endpoint(InterfaceRole.SENDER), query=query)
        headers = self.client.routing(self.module, InterfaceRole.SENDER, None)
        called = self.module.view_name(InterfaceRole.SENDER, operation)

        def fetch(page_url: str) -> Answer:
            return self.client.request("GET", page_url, headers=headers, module=self.module.id, operation=called)

        def found(kind: str, reason: str) -> None:
            if kind != "wrong_total" or self.client.version.dialect.lists_all:
                platform, module = self.client.platform.id, str(self.module.id)
                services.findings.add(Finding(platform, kind, module, came=reason, outcome=OUTCOMES[kind]))

        services = self.client.services
        # Not while another platform waits for our answer: requests are then counted in the thread that serves it.
        threads = prefetch and services.settings.dispatcher != "inline" and not is_answering()
        return Pages(
            fetch,
            url or joined(endpoint, query="" if limit is None else f"limit={limit}"),
            services.schemas[schema_of(operation)],
            endpoint=endpoint,
            total=total,
            read=self._reading(operation, receiver),
            keep=keep,
            objects=objects,
            strict=self.client.strict,
            background=services.background if threads else None,
            bounds=Bounds(
                pages=services.settings.sync_max_pages - read,
                ends=None if seconds is None else monotonic() + seconds,
                found=found,
            ),
        )

    def _reading(self, operation: Operation, receiver: Party | None) -> Callable[[Any], Document]:
        """Return a function that reads an object of the platform's list into the stored shape."""
        services, platform, object_type = self.client.services, self.client.platform, object_of(operation)
        known: dict[str, Any] = {}
        owner = None if object_type.described else only(platform.parties)
        if owner is not None and object_type.is_owned:
            known |= {"country_code": owner.country_code, "party_id": owner.party_id}
        own = receiver or only(self.client.own_parties(self.module.id, InterfaceRole.RECEIVER))
        if object_type.audience is not None and own is not None:
            known["cdr_token"] = {"country_code": own.country_code, "party_id": own.party_id}
        name = "" if receiver is None else str(receiver)
        source = Source(platform.id, str(self.module.id), key=object_type.key, receiver=name)
        schema = services.schemas[schema_of(operation)]
        closely = partial(services.read, schema, source=source, where="object", known=known)

        def read(item: Any) -> Document:
            document = schema.load_valid(item)
            return closely(item) if document is None else document

        conversion = self.client.version.conversion(operation.returns)
        if conversion is None:
            return read
        origin = origin_of(services, owner, own)
        return lambda item: conversion.to_store(read(item), origin)

    def get(self, *ids: str) -> Document:
        """Get one object (or a part of it: one id a level) from the platform's Sender interface."""
        return self._get(InterfaceRole.SENDER, ids, owner=None)

    def get_copy(self, *ids: str, owner: Party | None = None) -> Document:
        """Get the platform's copy of one of our objects from its Receiver interface.

        After the uid of a Token comes its type, unless it is RFID; after the id of a Location the ids of parts. A
        ClientInfo has no id: ``owner`` is the party that it describes.
        """
        return self._get(InterfaceRole.RECEIVER, ids, owner=self._owner(owner))

    def push(self, document: Document, *parents: str, owner: Party | None = None) -> Answer:
        """Send a whole object, or a part of one, with PUT; some modules send it with POST."""
        return self.put(document, *parents, owner=owner)

    def put(self, document: Document, *parents: str, owner: Party | None = None) -> Answer:
        """Put a whole object to the platform's Receiver interface; for a part, ``parents`` are the ids above it.

        ``owner`` is the own party of a part, if there are several.
        """
        operation = self.find(
            InterfaceRole.RECEIVER, lambda o: o.method == "PUT" and o.object is not None and o.part == len(parents)
        )
        object_type = object_of(operation)
        names = (object_type.parts[operation.part - 1].key,) if operation.part else object_type.id_key
        checked = self.checked(operation, document, where=" ".join(str(document.get(name, "?")) for name in names))
        if operation.part:
            ids = (*parents, checked[object_type.parts[operation.part - 1].key])
            return self._owned(operation, ids, self._owner(owner), body=checked)
        party = Party.of(checked["country_code"], checked["party_id"]) if "party_id" in checked else self._owner(owner)
        own_ids = [checked[name] for name in object_type.id_key]
        return self._owned(operation, own_ids, party, body=checked)

    def posted(self, document: Document) -> tuple[Document, Answer]:
        """Post an object to the platform's Receiver interface; return it as it was checked, and the answer."""
        operation = self.find(InterfaceRole.RECEIVER, lambda o: o.method == "POST")
        object_type = object_of(operation)
        checked = self.checked(operation, document, where=str(document.get(object_type.id_key[0], "?")))
        owner = Party.of(*object_type.owner_of(checked)) if object_type.is_owned else None
        return checked, self.send(operation, InterfaceRole.RECEIVER, (), body=checked, owner=owner)

    def patch(self, *ids: str, changes: Document, owner: Party | None = None) -> Answer:
        """Change some properties of an object (or a part) with PATCH at the Receiver interface; needs last_updated.

        Raises InvalidParametersError if properties depend on others in the platform's version: see :meth:`update`.
        """
        if changes.get("last_updated") is None:
            raise InvalidParametersError("A PATCH needs last_updated: add it to the changes.")
        operation = find_addressed(self.module, "PATCH", ids)
        conversion, number = self.client.version.conversion(operation.body), self.client.version.number
        if conversion is not None and not (conversion.is_marked or conversion.is_separate):
            raise InvalidParametersError(f"For OCPI {number} use update(*ids, changes=..., whole=object).")
        changes = changes if conversion is None else conversion.from_store(changes)
        return self._owned(operation, ids, self._owner(owner), body=changes)

    def update(self, *ids: str, changes: Document, whole: Document) -> Answer:
        """Patch; put the whole object once if that is refused (T-38, LOC-41) or cannot express the changes.

        A PATCH can if the platform's version has the same names and values for all changes. A refusal because of our
        token, or a temporary one, is raised. This process sends no PATCH again to a platform that has none in this
        module, until it registers again with another token; and none to a platform with the quirk no-patch.
        """
        owner = Party.of(whole["country_code"], whole["party_id"])
        platform, lacking = self.client.platform, self.client.services.without_patch
        here = (platform.id, str(self.module.id))
        refusal = None
        known = here not in lacking or not same_hash(lacking[here] or "", platform.token or "")
        if known and not self.client.quirks.no_patch and (operation := self._telling(changes, ids, whole)) is not None:
            try:
                return self._owned(operation, ids, owner, body=changes)
            except RefusedError as error:
                if error.is_about_us:
                    raise
                refusal = error
        answer = self.put(whole)
        if refusal is not None and refusal.http_status in _NO_SUCH_METHOD:
            lacking[here] = platform.token
            outcome = "Changes are sent with PUT, until the platform registers anew."
            self.client.services.findings.add(
                Finding(platform.id, "no_patch", here[1], came=f"HTTP {refusal.http_status}", outcome=outcome)
            )
        return answer

    def _telling(self, changes: Document, ids: Sequence[str], whole: Document) -> Operation | None:
        """Return the PATCH that expresses the changes: if names and values are the same in the platform's version."""
        operation = find_addressed(self.module, "PATCH", ids)
        cls, services, version = body_of(operation), self.client.services, self.client.version
        if (conversion := version.conversion(cls)) is None:
            return operation
        object_type, stored = object_of(operation), whole
        if part_ids := object_type.split_ids(ids)[1]:
            place = locate(whole, object_type, part_ids)
            if place is None or place.index is None:
                return None
            stored = place.siblings[place.index]
        if conversion.is_marked and not conversion.says_more(stored):
            return operation
        sent = said_once(services, version, cls, stored, where=operation.name, find=finder(services))
        return operation if all(n in fields_of(cls) and sent.get(n) == changes[n] for n in changes) else None

    def delete(self, *ids: str, owner: Party | None = None) -> Answer:
        """Remove an object with DELETE at the platform's Receiver interface."""
        operation = find_addressed(self.module, "DELETE", ids)
        return self._owned(operation, ids, self._owner(owner))

    def endpoint(self, role: InterfaceRole) -> str:
        """Return the URL of the platform's interface; raise MissingEndpointError if it offers none."""
        url = self.client.platform.endpoint(self.module.identifier, None if self.module.single else role)
        if url is None:
            raise MissingEndpointError(
                f"Platform {self.client.platform.id} offers no {self.module.identifier} {role} endpoint."
            )
        interface = self.module.interface(role)
        if self.module.within is None or interface is None:
            return url
        return joined(self._base_of(url), self.module.below(interface))

    def _base_of(self, url: str) -> str:
        """Return the URL that several modules share; some platforms give that of one of these modules."""
        inside = [m.id for m in self.client.version.modules if m.within == self.module.within]
        parts = urlsplit(url)
        path, _, last = parts.path.rstrip("/").rpartition("/")
        return urlunsplit(parts._replace(path=path)) if last in inside else url

    def _get(self, role: InterfaceRole, ids: Sequence[str], *, owner: Party | None) -> Document:
        operation = find_addressed(self.module, "GET", ids, role)
        answer = self.send(operation, role, ids) if owner is None else self._owned(operation, ids, owner)
        return self.loaded(operation, answer, object=" ".join(ids), owner=owner)

    def checked(self, operation: Operation, document: Document, *, where: str = "") -> Document:
        """Return the body for an operation, in the stored shape; raise InvalidParametersError if it is not valid."""
        cls = self.client.version.stored(body_of(operation))
        return load(self.client.services.schemas[cls], document, where=f"{cls.__name__} {where}".rstrip())

    def loaded(
        self,
        operation: Operation,
        answer: Answer,
        *,
        known: Mapping[str, Any] = NOTHING_KNOWN,
        object: str = "",
        owner: Party | None = None,
    ) -> Document:
        """Return the object in an answer, in the stored shape; raise InvalidResponseError if it cannot be read.

        known: required properties that the request gives. object: the identification of the requested object. owner:
        its owner, unless it is the platform.
        """
        client, cls = self.client, schema_of(operation)
        source = Source(client.platform.id, str(self.module.id), object)
        where = f"{cls.__name__} {object}".rstrip()
        conversion = client.version.conversion(cls)
        try:
            read = client.services.read(client.services.schemas[cls], answer.data, source, where=where, known=known)
            if conversion is None:
                return read
            receiver = client.sender or only(client.services.own_parties(self.module.id, InterfaceRole.RECEIVER))
            origin = origin_of(client.services, owner or only(client.platform.parties), receiver)
            return {**known, **conversion.to_store(read, origin)}
        except InvalidParametersError as error:
            raise InvalidResponseError(
                f"{client.platform.id} answered {operation.name} with an object that cannot be read. {error}"
            ) from error

    def _owned(self, operation: Operation, ids: Sequence[str], owner: Party, *, body: Any = None) -> Answer:
        object_type = object_of(operation)
        values, part_ids = object_type.split_ids(ids)
        path_ids = () if object_type.parameter is None else (values.pop(object_type.id_key[0]),)
        defaults = object_type.defaults if operation.query is not None else ()
        query = {name: values.get(name, default) for name, default in defaults}
        # A hub sends ClientInfos in its own name.
        sender = None if object_type.described else owner
        owners = owner if object_type.is_owned else ()
        segments = (*owners, *path_ids, *part_ids)
        return self.send(operation, InterfaceRole.RECEIVER, segments, body=body, query=query, owner=sender)

    def _owner(self, owner: Party | None) -> Party:
        if owner is None and any(object_type.described for object_type in self.module.objects):
            raise InvalidParametersError(f"Name with owner= whom the {self.module.objects[0].name} describes.")
        found = owner or only(self.client.own_parties(self.module.id, InterfaceRole.SENDER))
        if found is None:
            raise InvalidParametersError(f"Several own parties have {self.module.id}: name one with owner=.")
        return found

    def sibling(self, id: str) -> Module:
        """Return a module at the same endpoint; raise MissingEndpointError if there is none."""
        module = self.client.version.module(id)
        if module is None:
            raise MissingEndpointError(f"OCPI {self.client.version.number} has no {id} here.")
        return module

    def find(self, role: InterfaceRole, fits: Callable[[Operation], bool]) -> Operation:
        """Return the first operation of an interface that fits; raise MissingEndpointError if there is none."""
        return find(self.module, role, fits)

    def send(
        self,
        operation: Operation,
        role: InterfaceRole,
        segments: Sequence[str],
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        owner: Party | None = None,
        to: Party | None = None,
    ) -> Answer:
        """Send an operation's request, with the values of its path in order, and a body in the stored shape.

        ``to`` is the addressed party if the client has none. Raises InvalidParametersError if the platform's version
        cannot express the body.
        """
        services, version = self.client.services, self.client.version
        if operation.body is not None and body is not None and not operation.partial:
            lose = losing(services, Source(self.client.platform.id, str(self.module.id), " ".join(segments)), version)
            find = finder(services)
            body = said_once(services, version, operation.body, body, where=operation.name, lose=lose, find=find)
        if operation.query is not None and query:
            query = said(services, version, operation.query, dict(query), where=operation.name)
        return self._request(operation, role, segments, body=body, query=query, owner=owner, to=to)

    def _request(
        self,
        operation: Operation,
        role: InterfaceRole,
        segments: Sequence[str],
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        owner: Party | None = None,
        to: Party | None = None,
    ) -> Answer:
        url = joined(self.endpoint(role), path_of(operation, segments), urlencode(query or {}))
        if operation.body is not None:
            body = self.client.shaped(operation.body, body, partial=operation.partial)
        headers = self.client.routing(self.module, role, owner, operation=operation, to=self.client.to or to)
        return self.client.request(
            operation.method,
            url,
            body=body,
            headers=headers,
            module=self.module.id,
            operation=self.module.view_name(role, operation),
        )

"""Loaders compiled from schemas: one straight-line function a class, which answers for what is valid.

A loader returns what the schema's ``load`` returns, or None: then marshmallow is asked, which alone words errors. So it
may give up whenever it likes, and never has to be sure that something is wrong. Imported when a schema is first used.
"""

from __future__ import annotations

import inspect
import threading
from weakref import WeakKeyDictionary

from flask_ocpi import forks
from flask_ocpi.compiled.eligibility import declared_fields
from flask_ocpi.compiled.eligibility import is_known
from flask_ocpi.compiled.eligibility import obstacle
from flask_ocpi.compiled.writer import Loader
from flask_ocpi.compiled.writer import Writer
from flask_ocpi.fields import DEFAULT_POLICY
from flask_ocpi.fields import Policy
from flask_ocpi.schema import Schema

_loaders: WeakKeyDictionary[type[Schema], dict[tuple[Policy, bool], Loader]] = WeakKeyDictionary()
_lock = threading.RLock()


def _begin_in_child() -> None:
    global _lock
    _lock = threading.RLock()


forks.in_child(_begin_in_child)


def loader_of(schema: Schema, partial: bool | None) -> Loader | None:
    """Return the compiled loader of an instance, or None: marshmallow loads it.

    partial: what its ``load`` gets. Loaders are compiled once in a process for each class, Policy and kind; if a field
    is of a kind that is not known here, the loader calls that field, so it belongs to the one instance.
    """
    if not schema.policy.compiled or obstacle(schema) is not None:
        return None
    key = schema.policy, bool(partial)
    if key in _loaders.get(type(schema), ()) or is_known(type(schema), schema.policy, set()):
        return _shared(type(schema), schema.policy, bool(partial))
    writer = Writer(type(schema), schema.load_fields, schema.policy, partial)
    loader = writer.compile()
    _link(writer)
    return loader


def source_of(schema: type[Schema] | Schema, *, partial: bool = False, policy: Policy = DEFAULT_POLICY) -> str:
    """Return the Python source of a schema's loader, or a comment that says why it has none.

    partial: the one for PATCH bodies. policy: that of the app, when ``schema`` is a class.
    """
    instance = schema(policy=policy) if isinstance(schema, type) else schema
    loader = loader_of(instance, partial)
    if loader is None:
        return f"# {type(instance).__name__} is not compiled: {obstacle(instance) or 'its policy turns that off'}.\n"
    return inspect.getsource(loader)


def _shared(cls: type[Schema], policy: Policy, partial: bool) -> Loader:
    """Return the loader of a class whose fields are all known, compiling it if need be."""
    with forks.at_work, _lock:  # no child gets a loader that is linked in part
        loaders = _loaders.setdefault(cls, {})
        if (policy, partial) not in loaders:
            writer = Writer(cls, declared_fields(cls), policy, partial)
            loaders[policy, partial] = writer.compile()
            _link(writer)  # only now: a class may have itself in it
        return loaders[policy, partial]


def _link(writer: Writer) -> None:
    """Give a loader those of the nested classes, which are complete objects even in a PATCH."""
    for name, cls in writer.nested.items():
        writer.names[name] = _shared(cls, writer.policy, False)

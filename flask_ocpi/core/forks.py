"""Forks: none of our threads runs while a process forks, and the child has its own locks, threads and connections.

Libraries hold locks for the length of a call: SQLite whenever it allocates memory, OpenSSL, getaddrinfo and SQLAlchemy
now and then. If a thread is inside such a call when another one forks, the child has a copy of the lock that no thread
releases. So a fork waits for the threads that are :data:`at_work`, and lets none begin before it is done.
"""

from __future__ import annotations

import inspect
import logging
import os
import threading
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from weakref import WeakMethod
from weakref import ref

_log = logging.getLogger("flask_ocpi")

#: Seconds that a fork waits for threads at work. Then it continues while they run.
PATIENCE = 5.0

_Function = Callable[[], object]
#: Weak references by their own ids, so that a dead one is found quickly; in the order of creation.
_Functions = dict[int, ref[_Function]]


class _Gate:
    """Knows the threads at work, by id, and their nesting depth; keeps others out while a thread forks.

    A thread is at work in the context of the gate, which can be nested.
    """

    def __init__(self) -> None:
        self.process = os.getpid()
        self.left_to_parent: list[object] = []  # here, since modules are cleared before the interpreter's list of hooks
        self._changed = threading.Condition()  # reentrant, for handlers of signals
        self._forking: int | None = None
        self._depths: dict[int, int] = {}

    def begin_anew(self) -> None:
        """Forget, in a forked process, the threads that stayed in the parent; this one continues."""
        me = threading.get_ident()
        self._changed = threading.Condition()
        self._forking = me
        self._depths = {me: self._depths[me]} if me in self._depths else {}
        self.process = os.getpid()

    def __enter__(self) -> None:
        if self.process != os.getpid():
            look_for_fork()
        me = threading.get_ident()
        if me in self._depths:
            self._depths[me] += 1
            return
        # No lock: each statement is atomic, so the forking thread sees this one, or this one sees the fork.
        self._depths[me] = 1
        if self._forking is not None and self._forking != me:
            with self._changed:
                while self._forking not in (None, me):
                    if self._depths.pop(me, 0):
                        self._changed.notify_all()
                    self._changed.wait()
                self._depths[me] = 1

    def __exit__(self, *error: object) -> None:
        me = threading.get_ident()
        left = self._depths.get(me, 0) - 1
        if left > 0:
            self._depths[me] = left
        elif left == 0:
            del self._depths[me]
            if self._forking is not None:
                self._notify()

    def enter_again(self, depth: int) -> None:
        """Return this thread to work, at the depth that it had when it left."""
        with self:
            self._depths[threading.get_ident()] += depth

    def leave_all(self) -> int:
        """Take this thread out of work; return its depth."""
        depth = self._depths.pop(threading.get_ident(), 0)
        if depth and self._forking is not None:
            self._notify()
        return depth

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def close(self) -> int:
        """Wait until no other thread is at work, and let none begin; return how many still are after the time-out."""
        me, ends = threading.get_ident(), monotonic() + PATIENCE
        with self._changed:
            mine = self.leave_all()
            self._changed.wait_for(lambda: self._forking is None, PATIENCE)
            self._forking = me
            self._changed.wait_for(lambda: not self._depths, max(0.0, ends - monotonic()))
            others = len(self._depths)
            if mine:
                self._depths[me] = mine
            return others

    def open(self) -> None:
        with self._changed:
            self._forking = None
            self._changed.notify_all()


@contextmanager
def waiting() -> Iterator[None]:
    """Let others fork while this thread waits for another thread or for a peer, also inside of :data:`at_work`."""
    depth = _gate.leave_all()
    try:
        yield
    finally:
        if depth:
            _gate.enter_again(depth)


def thread(work: _Function, name: str) -> threading.Thread:
    """Make a thread that is :data:`at_work` except while :func:`waiting`; it does not keep the process alive."""

    def run() -> None:
        with at_work:
            work()

    return threading.Thread(target=run, name=name, daemon=True)


def begin(function: _Function) -> None:
    """Call a function now, and again in each forked process: it makes the things that processes cannot share."""
    function()
    in_child(function)


def in_child(function: _Function) -> None:
    """Call a function in each forked process, before other code there; in the order of registration.

    The function, and the object of a method, are held weakly.
    """
    _register(function, _in_child)


def before(function: _Function) -> None:
    """Call a function before each fork, when no other thread is at work. It is held weakly."""
    _register(function, _before)


def look_for_fork() -> None:
    """Begin again if a process was forked without Python's knowledge, as uWSGI does by default."""
    if _gate.process != os.getpid():
        _begin_in_child()


def process() -> int:
    return _gate.process


def _register(function: _Function, functions: _Functions) -> None:
    kind = WeakMethod if inspect.ismethod(function) else ref
    found = kind(function, lambda gone: functions.pop(id(gone), None))
    functions[id(found)] = found


def _call(functions: _Functions) -> None:
    for found in list(functions.values()):
        function = found()
        if function is not None:
            function()


def _prepare() -> None:
    others = _gate.close()
    if others:
        _log.warning("The process forks while other threads are still at work for Flask-OCPI: %s of them.", others)
    _call(_before)


def _begin_in_child() -> None:
    _gate.begin_anew()
    try:
        _call(_in_child)
    finally:
        _gate.open()


_gate = _Gate()
#: A fork waits until work in this context has ended, so the child has no half of it; it can be nested.
at_work = _gate
#: Objects that a parent process still uses: cleaning them up in a child would disturb it, so a child keeps them.
left_to_parent: list[object] = _gate.left_to_parent
_in_child: _Functions = {}
_before: _Functions = {}

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_prepare, after_in_parent=_gate.open, after_in_child=_begin_in_child)

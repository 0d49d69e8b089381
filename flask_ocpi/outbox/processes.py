"""The processes that look for work: each notes once a minute that it does, and how long changes have waited."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path

from flask_ocpi.core import forks
from flask_ocpi.core.moments import SECOND
from flask_ocpi.exchange.context import Services
from flask_ocpi.outbox import entries
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import walk
from flask_ocpi.storage.stored import Stored

_MINUTE = 60 * SECOND
_SILENT = 3 * _MINUTE
_DAY = 86_400 * SECOND
_REMOVED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Process(Stored):
    """A process that delivers changes and runs jobs. host, pid, program: where and what it is.

    began: its first look for work. seen: the last one that it noted; both in microseconds since 1970 UTC. A process
    that ends in order is forgotten.
    """

    KIND = "processes"

    host: str
    pid: int
    program: str
    began: int
    seen: int

    def is_alive(self, now: int) -> bool:
        """Tell whether it looked for work lately. now: microseconds."""
        return now - self.seen < _SILENT

    @property
    def key(self) -> Key:
        return Key.of("", "", f"{self.host} {self.pid}")


def processes(services: Services) -> Sequence[Process]:
    """Return the processes that looked for work within a day, in the order of their beginning."""
    since = Query(owners=(NOBODY,), date_from=services.now() - _DAY)
    found = map(Process.from_record, walk(services.storage, Process.KIND, since))
    return sorted(found, key=lambda process: process.began)


class Pulse:
    def __init__(self, services: Services) -> None:
        self._services = services
        forks.begin(self._begin)

    def _begin(self) -> None:
        """Begin without a record: in a forked process it is that of the parent."""
        self._noted: Process | None = None

    def beat(self, waiting: Callable[[], Iterable[str]]) -> None:
        """Note, at most once a minute, that this process looks for work.

        waiting: returns the ids of the partners that something waits for.
        """
        services, now, known = self._services, self._services.now(), self._noted
        if known is None:
            known = Process(socket.gethostname(), forks.process(), Path(sys.argv[0]).name, began=now, seen=0)
            old = Query(owners=(NOBODY,), date_to=now - _DAY, limit=_REMOVED_AT_ONCE)
            services.storage.delete_page(Process.KIND, old, key_of=lambda record: Process.from_record(record).key)
        elif 0 <= now - known.seen < _MINUTE:
            return
        self._noted = replace(known, seen=now)
        services.storage.save(Process.KIND, known.key, self._noted.to_record(last_updated=now))
        for platform in waiting():
            oldest = entries.oldest(services, platform)
            if oldest is not None:
                services.traffic.contacts.waited(platform, max(0, now - oldest) // SECOND)

    def end(self) -> None:
        """Forget this process, which ends in order."""
        known, self._noted = self._noted, None
        if known is not None:
            self._services.storage.delete(Process.KIND, known.key)

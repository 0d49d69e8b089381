"""Partners that answer at once, or never: one process on the other core, with a port for each partner."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_NAME = re.compile(rb'"name":"sent ([0-9.]+)"')
_BODY = b'{"status_code":1000,"timestamp":"2026-01-01T12:00:00Z"}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_BODY) + _BODY


class _Connection(asyncio.Protocol):
    """Answers requests; notes how long ago a change was committed whose name is ``sent <time>``."""

    def __init__(self, shared: Shared, *, hangs: bool, delay: float) -> None:
        self._shared = shared
        self._hangs = hangs
        self._delay = delay
        self._left = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._left + data if self._left else data
        answers = 0
        while (end := data.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(data, 0, end)
            size = end + 4 + (int(found[1]) if found else 0)
            if len(data) < size:
                break
            self._note(data[end:size])
            answers += 1
            data = data[size:]
        self._left = data
        if not answers or self._hangs:
            return
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, _ANSWER * answers)
        else:
            self._transport.write(_ANSWER * answers)

    def _note(self, body: bytes) -> None:
        if self._hangs:
            return
        found = _NAME.search(body)
        number = self._shared.number
        if found:
            self._shared.delays[number.value % len(self._shared.delays)] = time.time() - float(found[1])
        number.value += 1


@dataclass
class Shared:
    """What the process of the partners tells: how many messages came, and the delays of the last ones in seconds."""

    number: Any
    delays: Any


class Sink:
    """Partners in a process of their own. ports: of those that answer, then of those that never do."""

    def __init__(self, ports: list[int], shared: Shared) -> None:
        self.ports = ports
        self._shared = shared

    @property
    def number(self) -> int:
        """How many messages came so far."""
        return int(self._shared.number.value)

    def delays(self, first: int) -> list[float]:
        """Return the delays of the messages since a number, in seconds."""
        return [self._shared.delays[place] for place in range(first, self.number)]

    def wait_for(self, number: int, *, seconds: float = 120.0) -> float:
        """Wait until so many messages came; return when (``perf_counter``) that was seen."""
        ends = time.perf_counter() + seconds
        while self.number < number:
            if time.perf_counter() > ends:
                raise SystemExit(f"{self.number} of {number} messages came in {seconds:.0f} s.")
            time.sleep(0.01)  # more often would take the processor from who delivers
        return time.perf_counter()


def _serve(pipe: Any, shared: Shared, answering: int, hanging: int, delay: float) -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    async def run() -> None:
        loop = asyncio.get_running_loop()

        async def listen(*, hangs: bool) -> asyncio.Server:
            return await loop.create_server(lambda: _Connection(shared, hangs=hangs, delay=delay), "127.0.0.1", 0)

        servers = [await listen(hangs=place >= answering) for place in range(answering + hanging)]
        pipe.send([server.sockets[0].getsockname()[1] for server in servers])
        await asyncio.Event().wait()

    asyncio.run(run())


@contextmanager
def sink(answering: int, hanging: int = 0, *, delay: float = 0.0) -> Iterator[Sink]:
    """Start so many partners that answer at once, or after so many seconds, and so many that never do."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    shared = Shared(context.Value("q", 0, lock=False), context.Array("d", 200_000, lock=False))
    process = context.Process(target=_serve, args=(theirs, shared, answering, hanging, delay), daemon=True)
    process.start()
    try:
        yield Sink(ours.recv(), shared)
    finally:
        process.kill()
        process.join()

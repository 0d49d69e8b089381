"""The central system: websockets of charge points, in a process of its own; any number of them on one database.

    flask --app examples.ocpp_cpo central-system --port 9000

A charge point connects to ws://HOST:9000/ocpp/ID with its password (security profile 1).
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import signal
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

from flask import Flask
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.exceptions import WebSocketException
from websockets.headers import parse_authorization_basic
from websockets.http11 import Request
from websockets.http11 import Response

from examples.ocpp_cpo import commands
from examples.ocpp_cpo import places
from examples.ocpp_cpo.connection import Connection
from examples.ocpp_cpo.tables import ChargePoint
from examples.ocpp_cpo.tables import db
from examples.ocpp_cpo.tables import hashed
from examples.ocpp_cpo.v16 import ChargePoint16
from examples.ocpp_cpo.v201 import ChargePoint201
from flask_ocpi import current_ocpi

log = logging.getLogger(__name__)

VERSIONS: dict[str, Any] = {"ocpp2.0.1": ChargePoint201, "ocpp1.6": ChargePoint16}
LOOK_SECONDS = 0.2  # for orders
THREADS = 32


class CentralSystem:
    """The charge points that are connected to this process, by the name of their connection."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.connections: dict[str, Connection] = {}
        self.threads = ThreadPoolExecutor(THREADS)
        self.tasks: set[asyncio.Task[None]] = set()

    async def run(self, function: Any, *arguments: Any) -> Any:
        """Call a function of the operator in a thread, in the app context."""

        def work() -> Any:
            with self.app.app_context():
                return function(*arguments)

        return await asyncio.get_running_loop().run_in_executor(self.threads, work)

    async def serve(self, host: str, port: int) -> None:
        """Serve charge points until SIGTERM or Ctrl-C."""
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        async with serve(
            self.connected, host, port, process_request=self.check, subprotocols=list(VERSIONS), max_size=2**20
        ):
            log.info("Charge points connect to ws://%s:%s/ocpp/ID", host, port)
            orders = asyncio.create_task(self.take_orders())
            await ended.wait()
            orders.cancel()
        self.threads.shutdown()

    async def check(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse whoever is no charge point of ours, before the websocket opens."""
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        if not {name.strip() for name in offered.split(",")} & VERSIONS.keys():
            return connection.respond(400, f"Offer one of the subprotocols {', '.join(VERSIONS)}.\n")
        try:
            user, password = parse_authorization_basic(request.headers["Authorization"])
        except (KeyError, WebSocketException):
            user = password = ""
        if user == identity(request.path) and await self.run(is_charge_point, user, password):
            return None
        log.warning("Somebody at %s is not %a.", connection.remote_address, identity(request.path))
        refusal = connection.respond(401, "The charge point is not known, or its password is wrong.\n")
        refusal.headers["WWW-Authenticate"] = 'Basic realm="charge points"'
        return refusal

    async def connected(self, websocket: ServerConnection) -> None:
        """Answer a charge point as long as it is connected."""
        assert websocket.request is not None
        name, id = uuid.uuid4().hex, identity(websocket.request.path)
        charge_point = VERSIONS[str(websocket.subprotocol)](id, websocket)
        charge_point.run = self.run
        self.connections[name] = charge_point
        try:
            await self.run(places.connected, id, name)
            log.info("%s is connected with %s.", id, websocket.subprotocol)
            with contextlib.suppress(ConnectionClosed):
                await charge_point.start()
        finally:
            del self.connections[name]
            await self.run(places.disconnected, id, name)
            log.info("%s is disconnected.", id)

    async def take_orders(self) -> None:
        """Carry out the orders for the charge points that are connected here, and notice those that are silent."""
        silent_after = self.app.config["SILENT_SECONDS"]
        while True:
            try:
                for taken in await self.run(commands.take, list(self.connections)):
                    connection = self.connections.get(taken.connection)
                    if connection is not None:
                        task = asyncio.create_task(connection.carry_out(taken))
                        self.tasks.add(task)
                        task.add_done_callback(self.tasks.discard)
                await self.run(places.miss_silent, silent_after)
            except Exception:  # the database may be away for a while
                log.exception("No orders were taken.")
            await asyncio.sleep(LOOK_SECONDS)


def identity(path: str) -> str:
    """Return the id of a charge point, which is the last part of the path."""
    return unquote(path.partition("?")[0].rpartition("/")[2])


def is_charge_point(id: str, password: str) -> bool:
    """Tell whether a charge point has this password."""
    found = db.session.get(ChargePoint, id)
    return found is not None and hmac.compare_digest(found.password, hashed(password))


def run(app: Flask, host: str, port: int) -> None:
    """Run a central system in this process; it delivers what it saves."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for name in ("ocpp", "websockets"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with app.app_context():
        current_ocpi.start()
    asyncio.run(CentralSystem(app).serve(host, port))

"""A CPO and eMSP on extrawest-ocpi or py-ocpi, whose interfaces are the same, that keeps its objects in memory.

Run with uvicorn in the environment of the library. The objects that it owns come from the file of JSON lines that
PEER_OBJECTS names: module, role, id, document. Besides OCPI it answers ``GET /stored``, what it holds, and
``POST /push/MODULE/ID``, which has the library push an object to the platform that registered.
"""

from __future__ import annotations

import json
import os
from typing import Any
from typing import ClassVar

from fastapi import HTTPException
from fastapi.encoders import jsonable_encoder
from py_ocpi import get_application
from py_ocpi.core import push
from py_ocpi.core.config import settings
from py_ocpi.core.enums import ModuleID
from py_ocpi.core.enums import RoleEnum
from py_ocpi.modules.cdrs.v_2_2_1.schemas import Cdr
from py_ocpi.modules.commands.v_2_2_1.schemas import CommandResponse
from py_ocpi.modules.commands.v_2_2_1.schemas import CommandResult
from py_ocpi.modules.credentials.v_2_2_1.schemas import Credentials
from py_ocpi.modules.locations.v_2_2_1.schemas import Location
from py_ocpi.modules.sessions.v_2_2_1.schemas import ChargingPreferences
from py_ocpi.modules.sessions.v_2_2_1.schemas import Session
from py_ocpi.modules.tariffs.v_2_2_1.schemas import Tariff
from py_ocpi.modules.tokens.v_2_2_1.schemas import AuthorizationInfo
from py_ocpi.modules.tokens.v_2_2_1.schemas import Token
from py_ocpi.modules.versions.enums import VersionNumber

TOKEN_A = "token-a-of-the-peer"
TOKEN_C = "token-c-of-the-peer"
OWNED = ("locations", "sessions", "cdrs", "tariffs")


def _name(value: Any) -> str:
    return str(getattr(value, "value", value))


class State:
    """What the application keeps: objects by (module, role, id in lower case), and who registered."""

    objects: ClassVar[dict[tuple[str, str, str], dict[str, Any]]] = {}
    client: ClassVar[dict[str, Any]] = {}


def _key(module: Any, role: Any, id: Any) -> tuple[str, str, str]:
    return _name(module), _name(role), str(id).lower()


class Crud:
    """What the libraries call for the objects."""

    @classmethod
    async def get(cls, module: Any, role: Any, id: Any, *args: Any, **kwargs: Any) -> Any:
        name = _name(module)
        if name == "credentials":
            return _own_credentials() if State.client else None
        if name == "commands":
            return {"result": "ACCEPTED"}
        if name == "hubclientinfo" and id == 0:  # where the libraries look for the results of charging profiles
            return _active_profile() if "duration" in kwargs else None
        return State.objects.get(_key(module, role, id))

    @classmethod
    async def list(cls, module: Any, role: Any, filters: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        wanted = [document for key, document in State.objects.items() if key[:2] == (_name(module), _name(role))]
        if filters.get("date_from") is not None:
            moment = f"{filters['date_from']:%Y-%m-%dT%H:%M:%SZ}"
            wanted = [document for document in wanted if str(document["last_updated"]) >= moment]
        if filters.get("date_to") is not None:
            moment = f"{filters['date_to']:%Y-%m-%dT%H:%M:%SZ}"
            wanted = [document for document in wanted if str(document["last_updated"]) < moment]
        begin = filters["offset"]
        page = wanted[begin : begin + filters["limit"]]
        return page, len(wanted), begin + len(page) >= len(wanted)

    @classmethod
    async def create(cls, module: Any, role: Any, data: Any, *args: Any, **kwargs: Any) -> Any:
        if _name(module) == "credentials":
            State.client = data
            return _own_credentials()
        State.objects[_key(module, role, data.get("id") or data.get("uid"))] = data
        return data

    @classmethod
    async def update(cls, module: Any, role: Any, data: Any, id: Any = "", *args: Any, **kwargs: Any) -> Any:
        if _name(module) == "credentials":
            return await cls.create(module, role, data)
        if "profile_type" in data:
            State.objects[_key("preferences", role, id)] = data
            return data
        State.objects[_key(module, role, id)] = data
        return data

    @classmethod
    async def delete(cls, module: Any, role: Any, id: Any, *args: Any, **kwargs: Any) -> None:
        if _name(module) == "credentials":
            State.client = {}
        State.objects.pop(_key(module, role, id), None)

    @classmethod
    async def do(cls, module: Any, role: Any, action: Any, data: Any = None, *args: Any, **kwargs: Any) -> Any:
        if "clienttoken" in _name(action).lower():
            return await _client_token(kwargs.get("auth_token"))
        if _name(module) in ("commands", "chargingprofiles"):
            State.objects[_key("commands", role, len(State.objects))] = {
                "command": _name(kwargs.get("command", action))
            }
            return {"result": "ACCEPTED", "timeout": 30}
        token = await cls.get(ModuleID.tokens, RoleEnum.emsp, data["token_uid"])
        return {"allowed": "ALLOWED", "token": token, "location": data["location_reference"]}


async def _client_token(auth_token: str | None) -> Any:
    if State.client and auth_token == TOKEN_C:
        return State.client["credentials"]["token"]
    return {} if not State.client and auth_token == TOKEN_A else None


def _own_credentials() -> dict[str, Any]:
    roles = [
        {"role": role, "country_code": "DE", "party_id": "PEE", "business_details": {"name": "Peer"}}
        for role in ("CPO", "EMSP")
    ]
    return {"token": TOKEN_C, "url": f"https://{settings.OCPI_HOST}/{settings.OCPI_PREFIX}/versions", "roles": roles}


def _active_profile() -> dict[str, Any]:
    profile = {
        "start_date_time": "2024-05-31T12:00:00Z",
        "charging_profile": {
            "charging_rate_unit": "A",
            "min_charge_rate": 6,
            "charging_profile_period": {"start_period": 0, "limit": 16},  # a list in OCPI, one object in extrawest-ocpi
        },
    }
    return {"result": "ACCEPTED", "profile": profile}


def _made(model: Any) -> Any:
    return classmethod(lambda cls, data, version=None: model(**data))


class Adapter:
    """Makes the models of the libraries."""

    location_adapter = _made(Location)
    session_adapter = _made(Session)
    charging_preference_adapter = _made(ChargingPreferences)
    credentials_adapter = _made(Credentials)
    cdr_adapter = _made(Cdr)
    tariff_adapter = _made(Tariff)
    command_response_adapter = _made(CommandResponse)
    command_result_adapter = _made(CommandResult)
    token_adapter = _made(Token)
    authorization_adapter = _made(AuthorizationInfo)


def _options() -> dict[str, Any]:
    """Return what extrawest-ocpi takes beyond py-ocpi: the modules, its own adapter, and who checks the token."""
    try:
        from py_ocpi.core.adapter import BaseAdapter
        from py_ocpi.core.authentication.authenticator import Authenticator
    except ImportError:
        return {"adapter": Adapter}

    class Known(Authenticator):
        @classmethod
        async def get_valid_token_c(cls) -> list[str]:
            return [TOKEN_C] if State.client else []

        @classmethod
        async def get_valid_token_a(cls) -> list[str]:
            return [] if State.client else [TOKEN_A]

    modules = ("credentials_and_registration", *OWNED, "tokens", "commands", "charging_profile", "hub_client_info")
    return {"adapter": BaseAdapter, "modules": [ModuleID[name] for name in modules], "authenticator": Known}


OPTIONS = _options()
app = get_application([VersionNumber.v_2_2_1], [RoleEnum.cpo, RoleEnum.emsp], crud=Crud, **OPTIONS)
if "PEER_OBJECTS" in os.environ:
    with open(os.environ["PEER_OBJECTS"], encoding="utf-8") as lines:
        for line in lines:
            module, role, id, document = json.loads(line)
            State.objects[_key(module, role, id)] = document


@app.get("/stored")
async def stored() -> Any:
    return jsonable_encoder([[*key, document] for key, document in State.objects.items()])


@app.post("/push/{module}/{id}")
async def push_one(module: str, id: str) -> Any:
    role = RoleEnum.cpo if module in OWNED else RoleEnum.emsp
    document = State.objects.get(_key(module, role, id))
    if document is None:
        raise HTTPException(404)
    endpoints = State.client["endpoints"]["endpoints"]
    token = f"Token {push.encode_string_base64(State.client['credentials']['token'])}"
    if "authenticator" in OPTIONS:  # extrawest-ocpi joins the identifiers to the URL without a slash
        endpoints = [{**endpoint, "url": f"{endpoint['url'].rstrip('/')}/"} for endpoint in endpoints]
    version = (VersionNumber.v_2_2_1,) if "authenticator" in OPTIONS else ()
    answer = await push.send_push_request(
        id, document, ModuleID(module), OPTIONS["adapter"], token, endpoints, *version
    )
    return {"http_status": answer.status_code, "body": answer.text}

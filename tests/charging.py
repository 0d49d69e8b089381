"""An operator and a provider, and a charge with all its messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_ocpi import OCPI
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import Network

TOKEN = {"country_code": "DE", "party_id": "EMS", "uid": "Tok1", "type": "RFID", "contract_id": "DE-EMS-C1"}
SESSION = {"id": "S2", "cdr_token": TOKEN, "location_id": "LOC1", "evse_uid": "EVSE1", "authorization_reference": "A1"}


@dataclass(frozen=True)
class Pair:
    """An operator and a provider that know each other."""

    network: Network
    cpo: OCPI
    emsp: OCPI

    def start(self, **changes: Any) -> None:
        command = {"token": documents.token(**TOKEN), "location_id": "LOC1", "evse_uid": "EVSE1", **changes}
        self.emsp.client("NL-ABC").commands.start_session(command)

    def session(self, **changes: Any) -> None:
        self.network.clock.advance(60)
        moment = self.network.clock.now.isoformat()[:19] + "Z"
        self.cpo.save("sessions", documents.session(**{**SESSION, "last_updated": moment, **changes}))

    def cdr(self, **changes: Any) -> None:
        self.network.clock.advance(60)
        place = {**documents.cdr()["cdr_location"], "id": "LOC1", "evse_uid": "EVSE1"}
        about = {"session_id": "S2", "cdr_token": TOKEN, "cdr_location": place, "authorization_reference": "A1"}
        self.cpo.save("cdrs", documents.cdr(**{"id": "C1", **about, **changes}))

    def charge(self) -> None:
        """Charge once, from the authorization to the CDR."""
        place = {"location_id": "LOC1", "evse_uids": ["EVSE1"]}
        self.cpo.client("DE-EMS").tokens.authorize("Tok1", location=place, ask=True)
        self.start(authorization_reference="A1")
        self.session(status="ACTIVE", kwh=0)
        self.cpo.patch("locations", "LOC1", "EVSE1", changes={"status": "CHARGING"})
        self.session(status="COMPLETED", kwh=12.4)
        self.cdr(total_energy=12.4)


def pair_of(network: Network, **options: Any) -> Pair:
    cpo = network.add("cpo.example", [("NL", "ABC", ["CPO"])], **options)
    emsp = network.add("emsp.example", [("DE", "EMS", ["EMSP"])], config=options.get("config"))
    network.connect(emsp, cpo)
    emsp.authorizer(lambda token, place: {"allowed": "ALLOWED", "authorization_reference": "A1"})
    cpo.command("START_SESSION")(lambda command, reply: reply.accept(lambda: "ACCEPTED"))
    cpo.save("locations", documents.location(evses=[documents.evse()]))
    emsp.save("tokens", documents.token(**TOKEN))
    network.clock.advance(3600)
    return Pair(network, cpo, emsp)

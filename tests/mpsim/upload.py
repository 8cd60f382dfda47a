"""What clients send and expect no answer to: inventory, discovery, state,
status (wire facts 8). Decides which kind it is, who must have signed it
and whether it may be encrypted; what it says is the kinds' own business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import auth
import ddr
import files
import hinv
import idmif
import metering
import report
import sinv
import state
import status
from checks import Unbelieved

if TYPE_CHECKING:
    from point import Exchange

READERS: dict[str, type[report.Reader]] = {
    "mp_ddrendpoint": ddr.Reader,
    "mp_hinvendpoint": hinv.Reader,
    "mp_sinvendpoint": sinv.Reader,
    "mp_sinvcollfileendpoint": files.Reader,
}
RELAY = "mp_relayendpoint"
STATUS = "statusreceiver"
RELAYED: dict[str, type[report.Reader]] = {
    "SMX": state.Reader, "IDMIF": idmif.Reader, "SWM": metering.Reader}
STATE_SIGNING = ("documented", "sdk")
KINDS = ("ddr", "hinv", "sinv", "files", "state", "idmif", "metering",
         "status")


def answer(ex: Exchange) -> None:
    ex.verdict.equal("msg.reply_mode", ex.message.get("ReplyMode"), "Async")
    name = ex.message.endpoint.lower()
    reader = READERS.get(name)
    check_file_type(ex, name == RELAY)
    if name == RELAY:
        reader = RELAYED.get(file_type(ex) or "")
        if reader is None:
            raise Unbelieved("the relay does not know this FileType")
    ex.verdict.kind = reader.kind if reader else "status"
    sender = check_sender(ex, name)
    check_encryption(ex, name)
    if reader is None:
        status.read(ex, sender)
    else:
        reader(ex).read(ex.payload.body, sender, ex.payload.attachments)


def file_type(ex: Exchange) -> Optional[str]:
    prop = ex.message.root.find("Property[@Name='FileType']")
    return prop.get("Value") if prop is not None else None


def check_file_type(ex: Exchange, relay: bool) -> None:
    """What goes through the relay says what it is; nothing else has a
    property (wire facts 2)."""
    wanted = 1 if relay else 0
    found = ex.message.root.findall("Property")
    ex.verdict.check("upload.file_type", len(found) == wanted
                     and (not relay or file_type(ex) in RELAYED),
                     f"properties are {[p.attrib for p in found]}")


def must_sign(ex: Exchange, endpoint: str) -> bool:
    """SDK facts 3. Status in mixed mode: neither required nor optional in
    the table, but the vendor's SDK signs it. Relayed: documented as signed,
    the SDK does not."""
    if endpoint == STATUS:
        return ex.peer.tls
    return endpoint != RELAY or ex.point.state_signing == "documented"


def check_sender(ex: Exchange, endpoint: str) -> auth.Client:
    """Whoever signed it, or is named where nobody has to."""
    if ex.message.hook("clientauth") or must_sign(ex, endpoint):
        return auth.check_message(ex.message, ex.payload, ex.point.registry,
                                  ex.peer, ex.verdict)
    ex.verdict.check("auth.present", None)
    client = auth.check_source(ex.message, ex.point.registry, ex.peer,
                               ex.verdict)
    auth.check_tls(client, ex.peer, ex.verdict)
    return client


def check_encryption(ex: Exchange, endpoint: str) -> None:
    """Only in mixed mode, only inventory and state (SDK facts 2.1, 3)."""
    if ex.message.hook("encrypt") is None:
        return
    ex.verdict.check("payload.encryption_allowed", not ex.peer.tls
                     and endpoint != STATUS,
                     "only inventory and state are encrypted, and only in "
                     "mixed mode")

"""The clients that this management point knows: who registered with which
certificate, and how far it came. Kept in DIR/clients.jsonl, one line per
change, so that a server started again in the same directory still knows
them, and one that runs learns of a certificate that is imported.
"""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import os
import re
import threading
import uuid
from pathlib import Path
from typing import Optional

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

SMSID = re.compile(r"\AGUID:[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\Z")
PROXY = "4"         # AgentType of an ISV proxy,
PROXY_CLIENT = "8"  # and of those whom it signs for


@dataclasses.dataclass
class Client:
    smsid: str
    signing: str          # DER certificate, hex
    encryption: str
    digest: str = "sha256"
    message_id: str = ""  # Msg/ID of its registration
    proxy: str = ""       # SMSID of the ISV proxy that signs for it
    netbios: str = ""
    pending: int = 0      # Confirmations still to be answered "pending"
    confirmed: bool = False
    rejected: bool = False
    agent: str = "0"      # AgentType
    internet: bool = False
    imported: bool = False

    def certificate(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(bytes.fromhex(self.signing))

    def encryption_certificate(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(bytes.fromhex(self.encryption))

    def key(self) -> rsa.RSAPublicKey:
        key = self.certificate().public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        return key

    def place(self) -> tuple[bytes, str, str]:
        """One id per certificate; a proxy's clients share its certificate and
        are told apart by name."""
        return (hashlib.sha256(self.signing.encode()).digest(), self.proxy,
                self.netbios if self.proxy else "")


def der_hex(cert: x509.Certificate) -> str:
    return cert.public_bytes(serialization.Encoding.DER).hex().upper()


def new_smsid() -> str:
    return "GUID:" + str(uuid.uuid4()).upper()


class Registry:
    """All clients, by SMSID. Threads may share it; a None path forgets."""

    def __init__(self, path: Optional[Path] = None):
        self.path = path
        self.lock = threading.RLock()
        self.known: dict[str, Client] = {}
        self.places: dict[tuple[bytes, str, str], str] = {}
        self.read = 0     # bytes of the file that are known
        self.refresh()

    def refresh(self) -> None:
        """Learns what others have written since."""
        if self.path is None or not self.path.exists():
            return
        with self.lock, open(self.path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            file.seek(self.read)
            for line in file:
                self.keep(Client(**json.loads(line)))
            self.read = file.tell()

    def stale(self) -> bool:
        return (self.path is not None and self.path.exists()
                and self.path.stat().st_size != self.read)

    def find(self, smsid: str) -> Optional[Client]:
        with self.lock:
            client = self.known.get(smsid.upper())
            if client is None and self.stale():
                self.refresh()
                client = self.known.get(smsid.upper())
            return client

    def find_same(self, candidate: Client) -> Optional[Client]:
        """The client that registered as this one does, if any."""
        with self.lock:
            if self.stale():
                self.refresh()
            smsid = self.places.get(candidate.place())
            return self.known.get(smsid) if smsid else None

    def keep(self, client: Client) -> None:
        before = self.known.get(client.smsid)
        if before is not None:
            if self.places.get(before.place()) == before.smsid:
                del self.places[before.place()]
        self.known[client.smsid] = client
        self.places[client.place()] = client.smsid

    def put(self, client: Client) -> None:
        with self.lock:
            self.keep(client)
            if self.path is None:
                return
            line = json.dumps(dataclasses.asdict(client)).encode("ascii")
            with open(self.path, "ab") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                begin = os.fstat(file.fileno()).st_size
                file.write(line + b"\n")
                file.flush()
                if self.read == begin:
                    self.read += len(line) + 1


def import_proxy(registry: Registry, cert: x509.Certificate,
                 smsid: str) -> str:
    """What the console does with an ISV proxy's certificate: its SMSID.
    Imported again, it keeps the one it has."""
    if not isinstance(cert.public_key(), rsa.RSAPublicKey):
        raise ValueError("only RSA certificates can be imported")
    if smsid and not SMSID.match(smsid):
        raise ValueError(f"{smsid} is not GUID: and an upper-case GUID")
    hexed = der_hex(cert)
    client = Client(smsid, hexed, hexed, confirmed=True, agent=PROXY,
                    imported=True)
    with registry.lock:
        known = registry.find_same(client)
        if known is not None and smsid in ("", known.smsid):
            client.smsid = known.smsid
        elif known is not None:
            raise ValueError(f"this certificate belongs to {known.smsid}")
        elif smsid and registry.find(smsid) is not None:
            raise ValueError(f"{smsid} is another client's")
        else:
            client.smsid = smsid or new_smsid()
        registry.put(client)
    return client.smsid

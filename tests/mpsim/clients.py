"""The clients that this management point knows: who registered with which
certificate, and how far it came. Kept in DIR/clients.json, so that a server
started again in the same directory still knows them.
"""

from __future__ import annotations

import dataclasses
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

    def certificate(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(bytes.fromhex(self.signing))

    def encryption_certificate(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(bytes.fromhex(self.encryption))

    def key(self) -> rsa.RSAPublicKey:
        key = self.certificate().public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        return key


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
        if path is not None and path.exists():
            for entry in json.loads(path.read_text(encoding="ascii")):
                self.known[entry["smsid"]] = Client(**entry)

    def find(self, smsid: str) -> Optional[Client]:
        with self.lock:
            return self.known.get(smsid.upper())

    def find_certificate(self, signing: str, proxy: str,
                         netbios: str) -> Optional[Client]:
        """One id per certificate; a proxy's clients share its certificate and
        are told apart by name."""
        with self.lock:
            for client in self.known.values():
                if client.signing != signing or client.proxy != proxy:
                    continue
                if not proxy or client.netbios == netbios:
                    return client
        return None

    def put(self, client: Client) -> None:
        with self.lock:
            self.known[client.smsid] = client
            self.save()

    def save(self) -> None:
        if self.path is None:
            return
        with self.lock:
            text = json.dumps([dataclasses.asdict(c)
                               for c in self.known.values()], indent=1)
            part = self.path.with_name(self.path.name + ".part")
            part.write_text(text + "\n", encoding="ascii")
            os.replace(part, self.path)

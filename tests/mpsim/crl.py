"""The revocation list of the test CA, and the plain HTTP server that hands it
out at /ca.crl, well or badly. Knows no message.
"""

from __future__ import annotations

import datetime
import random
import socketserver
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

import certificates
import request as http
from certificates import DAY, Pair
from checks import Log, Malformed, TooLarge, Verdict
from reply import Reply, page

PATH = "/ca.crl"
MODES = {"good": "a list that does not name the TLS certificate",
         "revoked": "a list that names it",
         "expired": "a list whose next update is past",
         "missing": "404",
         "garbage": "random bytes",
         "wrong-issuer": "a list signed by another CA of that name",
         "hanging": "no answer at all"}


def make(issuer: Pair, mode: str, leaf: x509.Certificate) -> bytes:
    """The DER of the list in that mode."""
    if mode == "garbage":
        return random.Random(11).randbytes(600)
    now = datetime.datetime.utcnow()
    end = now + 7 * DAY if mode != "expired" else now - DAY
    builder = (x509.CertificateRevocationListBuilder()
               .issuer_name(issuer.cert.subject)
               .last_update(now - 8 * DAY).next_update(end)
               .add_extension(x509.CRLNumber(1), False)
               .add_extension(
                   x509.AuthorityKeyIdentifier.from_issuer_public_key(
                       issuer.key.public_key()), False))
    serials = [x509.random_serial_number()]
    if mode == "revoked":
        serials.append(leaf.serial_number)
    for serial in serials:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(serial)
            .revocation_date(now - 2 * DAY).build())
    key = (certificates.authority("Test MP root").key
           if mode == "wrong-issuer" else issuer.key)
    return builder.sign(key, hashes.SHA256()).public_bytes(
        serialization.Encoding.DER)


class Connection(socketserver.StreamRequestHandler):
    """One request; a verdict is written of it, too."""
    server: Server
    timeout = 60

    def handle(self) -> None:
        verdict = Verdict()
        verdict.kind = "crl"
        try:
            request = http.read(self.rfile, None, 0)
        except (Malformed, TooLarge) as error:
            verdict.check("well_formed", False, str(error))
            self.server.log.write(verdict)
            return
        except OSError:
            return
        if request is None:
            return
        verdict.method, verdict.path = request.method, request.target
        verdict.equal("http.method", request.method, "GET")
        found = verdict.equal("http.path", request.path, PATH)
        verdict.notes["crl"] = self.server.mode
        reply = self.server.reply() if found else page(404)
        verdict.answered = {"status": reply.status, "what": reply.what,
                            "length": len(reply.body)}
        self.server.log.write(verdict)
        if reply.hang:
            self.server.ending.wait()
            return
        self.wfile.write(reply.head(True) + reply.body)


class Server(socketserver.ThreadingTCPServer):
    """Bound before the TLS certificate is made, which names its port."""
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, mode: str, log: Log):
        super().__init__(("127.0.0.1", port), Connection)
        self.mode = mode
        self.log = log
        self.list = b""
        self.ending = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{PATH}"

    def reply(self) -> Reply:
        if self.mode == "missing":
            return page(404)
        return Reply(200, "application/pkix-crl", self.list, what="crl",
                     hang=self.mode == "hanging")

    def begin(self, issuer: Pair, leaf: x509.Certificate) -> None:
        """Makes the list and answers from now on."""
        self.list = make(issuer, self.mode, leaf)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def end(self) -> None:
        self.ending.set()
        self.shutdown()
        self.server_close()

"""A client of the agent that speaks the protocol by itself, so that a test
sees each answer, and each that comes twice. Knows docs/PROTOCOL.md, and none
of our code."""
import hashlib
import struct
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, utils

from packet import connect

SIGN = 6
BUSY, TIMEOUT, DEVICE = 9, 10, 11
RSA_PKCS1, SHA256 = 1, 2


class Identity:
    """A certificate with an RSA key, and what is needed to name and prove
    it."""

    def __init__(self, pem):
        certificate = x509.load_pem_x509_certificate(pem)
        self.der = certificate.public_bytes(serialization.Encoding.DER)
        self.name = hashlib.sha256(self.der).digest()
        self.public = certificate.public_key()

    def check(self, digest, signature):
        """Raises unless the signature is this key's."""
        self.public.verify(signature, digest, padding.PKCS1v15(),
                           utils.Prehashed(hashes.SHA256()))


class Answer:
    """A reply to SIGN, taken apart."""

    def __init__(self, packet):
        version, kind, self.status, self.id = struct.unpack_from(
            ">BBHI", packet)
        assert (version, kind) == (1, SIGN | 0x80), packet[:8]
        self.at = time.monotonic()
        self.signature = self.text = None
        self.after_ms = self.retry = 0
        if self.status == 0:
            size = struct.unpack_from(">H", packet, 8)[0]
            self.signature = packet[10:]
            assert len(self.signature) == size, packet
            return
        self.ckr, self.retry, self.after_ms, size = struct.unpack_from(
            ">IBIH", packet, 8)
        self.text = packet[19:].decode()
        assert len(packet) == 19 + size, packet


class Caller:
    """One connection."""

    def __init__(self, path, identity, seconds=60):
        self.identity = identity
        self.digests = {}
        self.socket = connect(path, seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self):
        """Sends a SIGN of a digest of its own; the id."""
        number = len(self.digests) + 1
        digest = hashlib.sha256(f"{id(self)} {number}".encode()).digest()
        self.digests[number] = digest
        self.socket.send(struct.pack(
            ">BBHI32sBBBHH", 1, SIGN, 0, number, self.identity.name,
            RSA_PKCS1, SHA256, 1, 0, len(digest)) + digest)
        return number

    def answer(self):
        """The next reply; a signature is verified."""
        answer = Answer(self.socket.recv(65536))
        if answer.signature is not None:
            self.identity.check(self.digests[answer.id], answer.signature)
        return answer

    def sign(self):
        """Asks, and waits for that one; a late answer to an earlier one is
        passed over, as the protocol says."""
        number = self.ask()
        while True:
            answer = self.answer()
            if answer.id == number:
                return answer


class Crowd:
    """Callers that sign as fast as they can, one request at a time each, until
    told to stop."""

    def __init__(self, path, identity, count):
        self.done, self.failures, self.errors = 0, [], []
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.threads = [
            threading.Thread(target=self.work, args=(path, identity))
            for _ in range(count)]

    def work(self, path, identity):
        try:
            with Caller(path, identity) as caller:
                while not self.stopped.is_set():
                    answer = caller.sign()
                    with self.lock:
                        self.done += 1
                        if answer.status:
                            self.failures.append((answer.status, answer.text))
        except Exception as error:  # pylint: disable=broad-except
            self.errors.append(repr(error))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

"""One connection to the agent, packet by packet. Knows docs/PROTOCOL.md, and
none of our code."""
import hashlib
import itertools
import socket
import struct

HELLO, PING, LIST, FIND, CERTIFICATE, SIGN, DECRYPT, STATUS = range(1, 9)
RSA_PKCS1, RSA_PSS, RSA_OAEP, ECDSA = 1, 2, 3, 4
HASHES = {"sha1": 1, "sha256": 2, "sha384": 3, "sha512": 4}
LONGEST = 65536


def header(kind, number):
    return struct.pack(">BBHI", 1, kind, 0, number)


def blob(data):
    return struct.pack(">H", len(data)) + data


def connect(path, seconds):
    """A socket to the agent. While others wait to be let in, connect() is to
    wait, as our client's does: that of a Python socket with a time-out would
    be refused."""
    one = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO,
                       struct.pack("ll", seconds, 0))
        one.connect(str(path))
        one.settimeout(seconds)
    except OSError:
        one.close()
        raise
    return one


class Line:
    """Closes with its block."""

    def __init__(self, path, seconds=60):
        self.numbers = itertools.count(1)
        self.socket = connect(path, seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, kind, body=b""):
        number = next(self.numbers)
        self.socket.send(header(kind, number) + body)
        return number

    def receive(self):
        """(kind, status, number, body), or None at the end."""
        packet = self.socket.recv(LONGEST)
        if not packet:
            return None
        version, kind, status, number = struct.unpack_from(">BBHI", packet)
        assert version == 1, packet[:8]
        return kind & 0x7f, status, number, packet[8:]

    def ask(self, kind, body=b""):
        """(status, body) of the answer."""
        number = self.send(kind, body)
        answer = self.receive()
        assert answer is not None, "the agent hung up"
        assert answer[0] == kind and answer[2] == number, answer
        return answer[1], answer[3]

    def bytes_of(self, kind, body):
        """(status, what the blob of the answer holds, or the sentence)."""
        status, answer = self.ask(kind, body)
        if status:
            return status, answer[11:].decode()
        assert struct.unpack_from(">H", answer)[0] == len(answer) - 2
        return status, answer[2:]

    def sign(self, key, scheme, name, data, digest=True, salt=0):
        return self.bytes_of(SIGN, key + struct.pack(
            ">BBBH", scheme, HASHES[name], digest, salt) + blob(data))

    def decrypt(self, key, scheme, data, name=None):
        return self.bytes_of(DECRYPT, key + struct.pack(
            ">BB", scheme, HASHES[name] if name else 0) + blob(data))


def name_of(der):
    """What a certificate's key is called in requests."""
    return hashlib.sha256(der).digest()

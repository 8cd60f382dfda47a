"""The agent's packets, by hand: for what the client library would not do. As a
program: does what its standard input says, a word a line, over a connection of
its own or an inherited one (packets.py SOCKET|fd:N KEY), and answers each with
a line: status, after_ms, text."""
import socket
import struct
import sys

HELLO, PING, LIST, FIND, SIGN = 1, 2, 3, 4, 6
OK, DENIED, NOKEY, BUSY, PROTO = 0, 2, 3, 9, 14
PKCS1, PSS, ECDSA = 1, 2, 4
SHA1, SHA256 = 1, 2


class Connection:
    def __init__(self, where):
        if isinstance(where, int):
            self.socket = socket.socket(fileno=where)
        else:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.socket.connect(str(where))
        self.socket.settimeout(30)
        self.id = 0

    def close(self):
        self.socket.close()

    def send(self, kind, body=b""):
        self.id += 1
        self.socket.send(struct.pack(">BBHI", 1, kind, 0, self.id) + body)

    def receive(self):
        """Status, ms to wait, text or body."""
        reply = self.socket.recv(65536)
        if not reply:
            raise ConnectionError("the agent hung up")
        status = struct.unpack(">BBHI", reply[:8])[2]
        if status == 0:
            return 0, 0, reply[8:]
        after, size = struct.unpack(">xxxxxIH", reply[8:19])
        return status, after, reply[19:19 + size].decode()

    def ask(self, kind, body=b""):
        self.send(kind, body)
        return self.receive()

    def hello(self):
        return self.ask(HELLO, b"\1")

    @staticmethod
    def signing(key, scheme=PKCS1, hashed=SHA256, digest=True, data=bytes(32)):
        return (bytes.fromhex(key) + struct.pack(
            ">BBBHH", scheme, hashed, digest, 32 if scheme == PSS else 0,
            len(data)) + data)

    def sign(self, key, **how):
        return self.ask(SIGN, self.signing(key, **how))

    def keys(self):
        status, _, body = self.ask(LIST, bytes(4))
        assert status == 0, body
        return struct.unpack(">H", body[:2])[0]


def main():
    where, key = sys.argv[1:]
    c = None
    for line in sys.stdin:
        word = line.strip()
        if word == "connect":
            c = Connection(int(where[3:]) if where.startswith("fd:")
                           else where)
            answer = (0, 0, "")
        elif word == "hello":
            answer = c.hello()
        elif word == "sign":
            answer = c.sign(key)
        else:
            break
        status, after, text = answer
        print(status, after, text if isinstance(text, str) else len(text),
              flush=True)


if __name__ == "__main__":
    main()

"""The listener: TCP, TLS that asks for a client certificate, HTTP/1.1 with
one thread per connection. Knows how to send a reply badly if it must.
"""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
import time
import traceback
from pathlib import Path
from typing import BinaryIO, Optional

from cryptography import x509

import request as http
from checks import Log, Malformed, TooLarge, Verdict
from point import Point
from reply import Reply, html, page
from request import Peer
from spool import PIECE

IDLE_S = 60
HANDSHAKE_S = 10


def context(cert: Path, key: Path, ca: Path, newest: Optional[str],
            required: bool = True) -> ssl.SSLContext:
    """TLS 1.2 and later; a client must show a certificate of that CA, or may
    show none if it is not required."""
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.minimum_version = ssl.TLSVersion.TLSv1_2
    if newest == "1.2":
        ctx.maximum_version = ssl.TLSVersion.TLSv1_2
    ctx.load_cert_chain(cert, key)
    ctx.load_verify_locations(ca)
    ctx.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    return ctx


def peer_of(sock: socket.socket) -> Peer:
    if not isinstance(sock, ssl.SSLSocket):
        return Peer()
    der = sock.getpeercert(binary_form=True)
    cipher = sock.cipher()
    return Peer(sock.version(), cipher[0] if cipher else None,
                x509.load_der_x509_certificate(der) if der else None)


class Connection(socketserver.BaseRequestHandler):
    """One client's connection."""
    server: Server

    def handle(self) -> None:
        self.request.settimeout(HANDSHAKE_S)
        try:
            if self.server.tls is not None:
                self.secure(self.server.tls)
            self.request.settimeout(IDLE_S)
            self.converse(self.request)
        except OSError:
            pass  # the client went away; there is nobody left to tell

    def secure(self, ctx: ssl.SSLContext) -> None:
        try:
            self.request = ctx.wrap_socket(self.request, server_side=True)
        except ssl.SSLError as error:
            self.server.report("tls-handshake", str(error))
            raise

    def finish(self) -> None:
        try:
            if isinstance(self.request, ssl.SSLSocket):
                self.request.settimeout(1)
                self.request.unwrap()
        except OSError:
            pass
        self.request.close()

    def converse(self, sock: socket.socket) -> None:
        peer = peer_of(sock)
        with sock.makefile("rb") as stream:
            while self.serve_one(sock, stream, peer):
                pass

    def serve_one(self, sock: socket.socket, stream: BinaryIO,
                  peer: Peer) -> bool:
        """Whether another request may follow."""
        def go_on() -> None:
            sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

        try:
            request = http.read(stream, go_on, self.server.max_body)
        except TooLarge as error:
            self.server.report("too-large", str(error), peer)
            sock.sendall(whole(page(413), True))
            drain(stream, error.unread)
            return False
        except Malformed as error:
            self.server.report("unparsable", str(error), peer)
            sock.sendall(whole(html(400, "400"), True))
            return False
        if request is None:
            return False
        reply, verdict = self.server.point.answer(request, peer)
        self.server.log.write(verdict)
        return self.send(sock, reply, not request.keep_alive())

    def send(self, sock: socket.socket, reply: Reply, close: bool) -> bool:
        """Whether the connection may be used again."""
        if reply.hang:
            self.server.ending.wait()
            return False
        if reply.send is not None:
            head = reply.head(close)
            sock.sendall(head + reply.body[:reply.send])
            return False
        if reply.drip_s:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for octet in whole(reply, close):
                sock.sendall(bytes([octet]))
                time.sleep(reply.drip_s)
            return not close
        sock.sendall(whole(reply, close))
        return not close


def drain(stream: BinaryIO, size: int) -> None:
    """Reads what the client is still sending, so that it gets to read why it
    was refused."""
    while size > 0:
        data = stream.read(min(size, PIECE))
        if not data:
            return
        size -= len(data)


def whole(reply: Reply, close: bool) -> bytes:
    return reply.head(close) + reply.body


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128
    block_on_close = False

    def __init__(self, port: int, point: Point, log: Log,
                 tls: Optional[ssl.SSLContext],
                 max_body: int = http.BODY_MAX):
        super().__init__(("127.0.0.1", port), Connection)
        self.point = point
        self.log = log
        self.tls = tls
        self.max_body = max_body
        self.ending = threading.Event()

    def report(self, kind: str, error: str,
               peer: Optional[Peer] = None) -> None:
        """A verdict where there was no request to judge."""
        verdict = Verdict()
        verdict.kind = kind
        verdict.tls = peer.described() if peer else None
        names = {"unparsable": "well_formed", "fault": "mpsim",
                 "too-large": "http.size",
                 "tls-handshake": "tls.handshake"}
        verdict.check(names[kind], False, error)
        self.log.write(verdict)

    def handle_error(self, request, client_address) -> None:
        """A fault of ours is a verdict, too: tests must see it."""
        self.report("fault", traceback.format_exc())

"""What the tests of messages stand on: a management point without a socket,
and senders that are registered with it in mixed mode.
"""

from __future__ import annotations

import io
import re
import tempfile
import unittest
import zlib
from pathlib import Path
from typing import Optional

import certificates
import clients
import request as http
import sender
from checks import Verdict
from misbehave import Misbehaviour
from point import Point
from reply import Reply


class Scene(unittest.TestCase):
    store: certificates.Store
    dir: Path
    me: sender.Sender
    other: sender.Sender

    @classmethod
    def setUpClass(cls) -> None:
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.dir = Path(temporary.name)
        cls.store = certificates.Store(cls.dir)
        cls.store.complete(second=True)
        cls.me = sender.Sender()
        cls.other = sender.Sender("PC2")

    def setUp(self) -> None:
        self.point = self.make()
        self.peer = http.Peer()
        for who in (self.me, self.other):
            who.smsid, who.source, who.tls = "", "", False

    def make(self, **options) -> Point:
        options.setdefault("pairs", [self.store.enc])
        modes = options.pop("modes", ())
        return Point(self.store, clients.Registry(),
                     misbehaviour=Misbehaviour(modes), **options)

    def native(self, who: sender.Sender) -> None:
        """From now on, what is sent came over TLS."""
        self.peer = http.Peer("TLSv1.3", "TLS_AES_256_GCM_SHA384", who.cert)
        who.tls = True

    def send(self, raw: bytes) -> tuple[Reply, Verdict]:
        request = http.read(io.BytesIO(raw))
        assert request is not None
        return self.point.answer(request, self.peer)

    def sound(self, raw: bytes) -> tuple[Reply, Verdict]:
        reply, verdict = self.send(raw)
        self.assertEqual(verdict.errors, [])
        return reply, verdict

    def fails(self, raw: bytes, *checks: str) -> tuple[Reply, Verdict]:
        """These checks are false, and no other."""
        reply, verdict = self.send(raw)
        self.assertEqual(set(verdict.failed()), set(checks), verdict.errors)
        return reply, verdict

    def xml(self, reply: Reply) -> str:
        """What a message reply says."""
        payload = reply.body.split(b"\r\n\r\n", 2)[2]
        payload = payload[:payload.rindex(b"\r\n--")]
        return zlib.decompress(payload).decode("utf-16").rstrip("\0")

    def enrolled(self, who: Optional[sender.Sender] = None,
                 **options) -> str:
        """Registers; the SMSID."""
        who = who or self.me
        reply, _ = self.sound(who.registration(**options))
        found = re.search(r'SMSID="([^"]*)"', self.xml(reply))
        assert found is not None
        who.smsid = found[1]
        return who.smsid

"""Who is let in: tickets of a Kerberos realm of this test's own, given to the
management point by a GSS-API client that can do wrong what libcurl does not;
and URLs of alternate authentication, where TLS has no client certificate.
"""

from __future__ import annotations

import base64
import os
import tempfile
import unittest
from pathlib import Path
from typing import Optional
from unittest import mock

import gssapi

import kerberos
import realm
import request as http
import samples
import scene
import sender
from windows import Windows

FLAG = gssapi.RequirementFlag
PLAIN, ALT = "/ccm_system/", "/CCM_System_AltAuth/"
SPNEGO = gssapi.OID.from_int_seq("1.3.6.1.5.5.2")
KRB5 = gssapi.MechType.kerberos


def to(raw: bytes, path: str, authorization: str = "") -> bytes:
    """The request, to other URLs."""
    line = f"\r\nAuthorization: {authorization}" if authorization else ""
    head, _, body = raw.partition(b"\r\n\r\n")
    head = head.replace(PLAIN.encode(), path.encode())
    return head + line.encode("ascii") + b"\r\n\r\n" + body


class Tickets(scene.Scene):
    realm: realm.Realm
    tickets: kerberos.Tickets

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.realm = realm.Realm(Path(temporary.name))
        cls.addClassCleanup(cls.realm.end)
        cls.enterClassContext(
            mock.patch.dict(os.environ, cls.realm.environment()))
        cls.realm.log_in()
        cls.tickets = kerberos.Tickets(cls.realm.keytab, cls.realm.service)

    def setUp(self) -> None:
        super().setUp()
        self.point = self.make(windows=Windows(True, tickets=self.tickets))

    def context(self, flags=FLAG.mutual_authentication, mech=SPNEGO,
                service: str = realm.SERVICE) -> gssapi.SecurityContext:
        name = gssapi.Name(f"{service}@{realm.NAME}",
                           gssapi.NameType.kerberos_principal)
        return gssapi.SecurityContext(name=name, mech=mech, flags=flags,
                                      usage="initiate")

    def asked(self, token: Optional[bytes],
              scheme: str = "Negotiate") -> bytes:
        text = base64.b64encode(token or b"").decode("ascii")
        return to(self.me.registration(), "/ccm_system_windowsauth/",
                  f"{scheme} {text}")

    def test_a_ticket_is_believed_and_answered(self) -> None:
        context = self.context()
        reply, verdict = self.sound(self.asked(context.step()))
        self.assertEqual(verdict.kind, "registration")
        self.assertEqual(verdict.notes["user"], self.realm.user)
        name, value = reply.fields[-1]
        self.assertEqual(name, "WWW-Authenticate")
        context.step(base64.b64decode(value.removeprefix("Negotiate ")))
        self.assertTrue(context.complete)
        _, verdict = self.sound(self.me.registration().replace(
            PLAIN.encode(), b"/ccm_system_windowsauth/"))
        self.assertEqual(verdict.notes["user"], self.realm.user)

    def test_nobody_is_asked_to_come_back_with_a_ticket(self) -> None:
        reply, verdict = self.sound(to(self.me.registration(),
                                       "/ccm_system_windowsauth/"))
        self.assertEqual((reply.status, verdict.kind),
                         (401, "authentication"))
        self.assertEqual(reply.fields, [("WWW-Authenticate", "Negotiate")])

    def test_a_ticket_counts_once(self) -> None:
        raw = self.asked(self.context().step())
        self.sound(raw)
        self.peer = http.Peer()
        reply, _ = self.fails(raw, "negotiate.ticket")
        self.assertEqual((reply.status, self.peer.user), (401, ""))

    def test_wrong_tickets_are_refused(self) -> None:
        good = self.context().step()
        ntlm = b"NTLMSSP\0\1\0\0\0" + bytes(24)
        for token, checks in (
                (self.context(service=realm.OTHER).step(),
                 "negotiate.ticket"),
                (good[:-40] + bytes(40), "negotiate.ticket"),
                (good[:100], "negotiate.ticket"),
                (b"", "negotiate.ticket"),
                (ntlm, "negotiate.ticket negotiate.spnego")):
            with self.subTest(token[:20]):
                self.peer.user = "an earlier one"
                reply, verdict = self.fails(self.asked(token),
                                            *checks.split())
                self.assertEqual((reply.status, verdict.kind),
                                 (401, "authentication"))
                self.assertEqual(self.peer.user, "")

    def test_a_password_is_no_ticket(self) -> None:
        for scheme in ("NTLM", "Basic"):
            reply, _ = self.fails(self.asked(b"joe:hunter2", scheme),
                                  "windows.scheme")
            self.assertEqual(reply.status, 401)

    def test_what_a_client_asks_of_its_ticket(self) -> None:
        both = FLAG.mutual_authentication | FLAG.delegate_to_peer
        for context, check in (
                (self.context(flags=FLAG.integrity), "negotiate.mutual"),
                (self.context(flags=both), "negotiate.no_delegation"),
                (self.context(mech=KRB5), "negotiate.spnego")):
            reply, _ = self.fails(self.asked(context.step()), check)
            self.assertEqual(reply.status, 200)

    def test_a_keytab_without_the_key_is_one_sentence(self) -> None:
        with self.assertRaisesRegex(ValueError, "--keytab .*empty"):
            kerberos.Tickets(self.realm.dir / "empty", self.realm.service)


class Alternate(scene.Scene):
    """Over TLS, the client without a certificate, unless a test says so."""

    def setUp(self) -> None:
        super().setUp()
        self.point = self.make(alternate=True)
        self.peer = http.Peer("TLSv1.3", "TLS_AES_256_GCM_SHA384")
        self.me.tls = True

    def test_the_alternate_urls_do_without_a_certificate(self) -> None:
        with mock.patch.object(self.me, "registration", lambda **_: to(
                sender.Sender.registration(self.me), ALT)):
            self.enrolled()
        _, verdict = self.sound(to(self.me.message(
            "MP_RelayEndpoint", samples.state(self.me.smsid), kind="SMX"),
            ALT))
        self.assertEqual(verdict.kind, "state")
        self.assertIsNone(verdict.checks["identity.tls_certificate"])
        reply, verdict = self.send(
            b"GET /SMS_MP_AltAuth/.sms_pol?x HTTP/1.1\r\n\r\n")
        self.assertEqual(verdict.kind, "policy")

    def test_a_signature_still_counts(self) -> None:
        with mock.patch.object(self.me, "registration", lambda **_: to(
                sender.Sender.registration(self.me), ALT)):
            self.enrolled()
        self.other.tls, self.other.smsid = True, self.me.smsid
        reply, _ = self.fails(to(self.other.message(
            "MP_RelayEndpoint", samples.state(self.me.smsid), kind="SMX"),
            ALT), "auth.public_key", "auth.client_id_signature")
        self.assertEqual(reply.what, "empty")

    def test_a_certificate_there_is_a_finding(self) -> None:
        self.peer.certificate = self.me.cert
        self.fails(to(self.me.registration(), ALT),
                   "alternate.no_certificate")

    def test_every_other_url_wants_one(self) -> None:
        for raw in (self.me.registration(),
                    to(self.me.registration(), "/ccm_system_windowsauth/"),
                    b"GET /sms_mp/.sms_aut?MPLIST HTTP/1.1\r\n\r\n",
                    b"GET /SMS_MP/.sms_pol?x HTTP/1.1\r\n\r\n"):
            reply, verdict = self.fails(raw, "tls.client_certificate")
            self.assertEqual((reply.status, verdict.kind), (403, "unknown"))

    def test_not_everybody_has_them(self) -> None:
        with mock.patch.object(self.point, "alternate", False):
            reply, _ = self.fails(to(self.me.registration(), ALT),
                                  "alternate.there")
            self.assertEqual(reply.status, 404)
        self.peer, self.me.tls = http.Peer(), False
        reply, _ = self.fails(to(self.me.registration(), ALT),
                              "alternate.there")
        self.assertEqual(reply.status, 404)


if __name__ == "__main__":
    unittest.main()

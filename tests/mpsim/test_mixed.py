"""Mixed mode: self-signed clients, ISV proxies and their clients, hints,
encrypted uploads; and what is for native mode only.
"""

from __future__ import annotations

import unittest
from typing import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

import certificates
import clients
import samples
import scene
import sender
from sender import report_file, wide

UNKNOWN = "GUID:AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE"


class Registration(scene.Scene):
    def test_a_self_signed_client_registers_over_http(self) -> None:
        smsid = self.enrolled()
        client = self.point.registry.find(smsid)
        assert client is not None
        self.assertEqual((client.netbios, client.agent), ("PC1", "0"))
        self.assertEqual(self.enrolled(), smsid)
        self.assertNotEqual(self.enrolled(self.other), smsid)

    def test_the_key_type_must_be_right(self) -> None:
        self.fails(self.me.registration(key_type="2"),
                   "registration.signing_key_type",
                   "registration.encryption_key_type")

    def test_internet_clients_are_discarded_in_mixed_mode(self) -> None:
        for flag in ("1", "2"):
            reply, _ = self.fails(self.me.registration(internet=flag),
                                  "registration.internet_mode")
            self.assertEqual((reply.status, reply.body), (200, b""))

    def test_a_native_internet_client_is_discarded_later_too(self) -> None:
        issued = self.issued()
        self.native(issued)
        self.enrolled(issued, internet="1", key_type="2")
        state = samples.state(issued.smsid)
        self.sound(issued.message("MP_RelayEndpoint", state, kind="SMX"))
        self.peer = type(self.peer)()
        issued.tls = False
        reply, _ = self.fails(issued.message(
            "MP_RelayEndpoint", state, kind="SMX"), "identity.internet")
        self.assertEqual(reply.body, b"")

    def issued(self) -> sender.Sender:
        """A client with a certificate of the CA."""
        csr = (x509.CertificateSigningRequestBuilder()
               .subject_name(certificates.name("pc3.example.test"))
               .sign(self.other.key, hashes.SHA256()))
        pem = certificates.issue(self.store.ca, csr.public_bytes(
            serialization.Encoding.PEM), 30, None)
        return sender.Sender("PC3", self.other.key,
                             x509.load_pem_x509_certificate(pem))

    def test_a_self_signed_certificate_is_not_for_native_mode(self) -> None:
        self.native(self.me)
        self.fails(self.me.registration(), "registration.native_certificate")

    def test_hardware_ids_have_a_form(self) -> None:
        prop = '<Property Name="HardwareID1" Value="{}" />'
        self.sound(self.me.registration(more=prop.format("2:" + "A1" * 20)))
        for value in ("A1" * 20, "2:xyz", "2:" + "A1" * 19):
            self.fails(self.me.registration(more=prop.format(value)),
                       "registration.hardware_id")

    def test_a_free_smsid_may_be_asked_for(self) -> None:
        self.assertEqual(self.enrolled(smsid=UNKNOWN), UNKNOWN)
        self.assertNotEqual(self.enrolled(self.other, smsid=UNKNOWN),
                            UNKNOWN)

    def test_the_encryption_certificate_is_optional(self) -> None:
        _, verdict = self.sound(self.me.registration(
            certificates=("Signing",)))
        client = self.point.registry.find(verdict.client_id or "")
        assert client is not None
        self.assertEqual(client.encryption, self.me.hex_cert())
        self.fails(self.other.registration(certificates=("Encryption",)),
                   "registration.signing_certificate")


class Hints(scene.Scene):
    """A client whose certificate changes says who it was."""

    def renewed(self) -> sender.Sender:
        return sender.Sender("PC1", self.other.key, self.other.cert)

    def lines(self, who: sender.Sender, smsid: str) -> str:
        now = sender.utc()
        return "\n".join((
            f"CCMClientID: {smsid}",
            f"CCMClientIDSignature: {who.sign(wide(smsid))}",
            f"CCMClientTimestamp: {now}",
            f"CCMClientTimeStampSignature{who.sign(wide(now))}",
            "CCMAuthHeaderType: 1;2",
            f"CCMAuthHeaderTypeSignature: {who.sign(wide('1;2'))}"))

    def test_the_lines_of_the_sdk_keep_the_smsid(self) -> None:
        smsid = self.enrolled()
        self.assertEqual(self.enrolled(
            self.renewed(), hint=self.lines(self.me, smsid)), smsid)

    def test_lines_of_another_key_are_a_finding_only(self) -> None:
        smsid = self.enrolled()
        raw = self.renewed().registration(hint=self.lines(self.other, smsid))
        reply, _ = self.fails(raw, "registration.hint")
        self.assertIn('Status="0"', self.xml(reply))
        self.assertNotIn(smsid, self.xml(reply))

    def test_the_documented_form_is_a_signature_of_the_smsid(self) -> None:
        smsid = self.enrolled()
        for text in (smsid, smsid + "\0"):
            for sha1 in (True, False):
                raw = self.renewed().registration(
                    smsid=smsid, hint=self.me.sign(wide(text), sha1))
                self.peer = type(self.peer)("TLSv1.3", "x",
                                            self.other.cert)
                reply, verdict = self.fails(
                    raw, "registration.native_certificate")
                self.assertIn(smsid, self.xml(reply))
                self.assertIn("sha1" if sha1 else "sha256",
                              verdict.notes["hint"])
                self.setUp()
                smsid = self.enrolled(smsid=smsid)


    def test_the_documented_form_is_for_native_mode(self) -> None:
        smsid = self.enrolled()
        self.fails(self.renewed().registration(
            smsid=smsid, hint=self.me.sign(wide(smsid))),
            "registration.hint", "registration.hint_mode")


class Proxy(scene.Scene):
    """One certificate signs for many clients."""

    def setUp(self) -> None:
        super().setUp()
        self.proxy = clients.import_proxy(self.point.registry, self.me.cert,
                                          "")

    def managed(self, name: str = "PC7", **options) -> sender.Sender:
        who = sender.Sender(name, self.me.key, self.me.cert)
        options = {"agent": "8", "proxy": self.proxy, **options}
        self.enrolled(who, **options)
        who.source = self.proxy
        return who

    def test_its_clients_get_ids_of_their_own(self) -> None:
        first, second = self.managed("PC7"), self.managed("PC8")
        self.assertEqual(len({first.smsid, second.smsid, self.proxy}), 3)
        self.assertEqual(self.managed("PC7").smsid, first.smsid)

    def test_a_proxy_may_register_itself(self) -> None:
        proxy = self.enrolled(self.other, agent="4")
        who = sender.Sender("PC9", self.other.key, self.other.cert)
        self.enrolled(who, agent="8", proxy=proxy)

    def test_who_is_no_proxy_cannot_have_clients(self) -> None:
        plain = self.enrolled(self.other)
        who = sender.Sender("PC9", self.other.key, self.other.cert)
        for proxy, checks in (
                (plain, {"registration.proxy"}),
                (UNKNOWN, {"identity.known"}),
                ("", {"registration.proxy"})):
            with self.subTest(proxy):
                reply, _ = self.fails(who.registration(
                    agent="8", proxy=proxy), *checks)
                self.assertEqual(reply.body, b"")
        self.fails(who.registration(proxy=self.proxy), "registration.proxy")

    def test_the_proxys_key_signs_and_its_certificate_is_sent(self) -> None:
        who = sender.Sender("PC9", self.other.key, self.other.cert)
        self.fails(who.registration(agent="8", proxy=self.proxy),
                   "registration.proxy_certificate",
                   "registration.signature")
        self.fails(who.registration(agent="8", proxy=self.proxy,
                                    signer=self.me),
                   "registration.proxy_certificate")

    def test_a_confirmation_is_signed_by_the_proxy(self) -> None:
        self.point.pending = 1
        name = "{0D5A4B1C-0000-4000-8000-000000000001}"
        who = self.managed(message_id=name)
        for proxy in (who.smsid, self.proxy):
            reply, _ = self.sound(who.registration(
                "Confirmation", agent="8", smsid=who.smsid, proxy=proxy,
                message_id=name))
        self.assertIn('Status="0"', self.xml(reply))
        self.fails(who.registration(
            "Confirmation", agent="8", smsid=who.smsid, proxy=UNKNOWN,
            message_id=name), "confirmation.signature_smsid")

    def test_it_sends_for_its_clients(self) -> None:
        who = self.managed()
        _, verdict = self.sound(who.message(
            "MP_RelayEndpoint", samples.state(who.smsid), kind="SMX"))
        self.assertEqual(verdict.client_id, who.smsid)
        self.assertEqual(verdict.notes["signed_by"], self.proxy)
        head = samples.hinv(who.smsid, False)
        self.sound(who.message("MP_HinvEndpoint", head, files=[
            report_file(samples.hinv(who.smsid))]))

    def test_it_does_not_send_for_others(self) -> None:
        other = self.enrolled(self.other)
        who = self.managed()
        for smsid in (other, UNKNOWN):
            reply, _ = self.fails(who.message(
                "MP_RelayEndpoint", samples.state(smsid), kind="SMX"),
                "identity.managed")
            self.assertEqual((reply.status, reply.body), (200, b""))
        self.other.source = ""
        self.fails(self.other.message(
            "MP_RelayEndpoint", samples.state(who.smsid), kind="SMX"),
            "identity.managed")

    def test_an_unknown_proxy_is_answered_with_silence(self) -> None:
        who = self.managed()
        who.source = UNKNOWN
        reply, _ = self.fails(who.message(
            "MP_RelayEndpoint", samples.state(who.smsid), kind="SMX"),
            "identity.known")
        self.assertEqual((reply.status, reply.body), (200, b""))

    def test_an_import_is_refused_where_it_makes_no_sense(self) -> None:
        registry = self.point.registry
        self.assertEqual(clients.import_proxy(registry, self.me.cert, ""),
                         self.proxy)
        for cert, smsid, word in (
                (self.me.cert, UNKNOWN, "belongs"),
                (self.other.cert, self.proxy, "another"),
                (self.other.cert, "GUID:abc", "upper-case")):
            with self.assertRaisesRegex(ValueError, word):
                clients.import_proxy(registry, cert, smsid)
        self.assertEqual(clients.import_proxy(registry, self.other.cert,
                                              UNKNOWN), UNKNOWN)


class Encrypted(scene.Scene):
    def setUp(self) -> None:
        super().setUp()
        self.enrolled()

    def raw(self, *arguments: str, endpoint: str = "MP_RelayEndpoint",
            compress: bool = True) -> bytes:
        if endpoint == "MP_RelayEndpoint":
            return self.me.message(endpoint, samples.state(self.me.smsid),
                                   kind="SMX", encrypt=arguments,
                                   compress=compress)
        return self.me.message(
            endpoint, samples.hinv(self.me.smsid, False),
            encrypt=arguments, compress=compress,
            files=[report_file(samples.hinv(self.me.smsid))])

    def to(self, *names: str) -> Sequence[str]:
        return [str(self.dir / f"{name}.pem") for name in names]

    def test_both_ciphers_and_both_names_of_a_recipient(self) -> None:
        for cipher, note in (("-des3", "3des"), ("-aes256", "aes-256")):
            for by, word in (([], "issuer"), (["-keyid"], "key id")):
                for endpoint in ("MP_RelayEndpoint", "MP_HinvEndpoint"):
                    with self.subTest(cipher, by=by, endpoint=endpoint):
                        _, verdict = self.sound(self.raw(
                            cipher, *by, *self.to("mp-enc"),
                            endpoint=endpoint))
                        self.assertEqual(verdict.notes["cipher"], note)
                        self.assertIn(word, verdict.notes["recipients"])

    def test_without_compression_it_is_the_clear_text(self) -> None:
        self.sound(self.raw("-aes256", *self.to("mp-enc"), compress=False))

    def test_somebody_elses_certificate_is_refused(self) -> None:
        reply, _ = self.fails(self.raw("-aes256", *self.to("mp-sign")),
                              "payload.recipients", "well_formed")
        self.assertEqual(reply.status, 400)

    def test_other_ciphers_and_key_transport_are_found(self) -> None:
        self.fails(self.raw("-aes128", *self.to("mp-enc")),
                   "payload.encryption", "well_formed")
        self.fails(self.raw("-aes256", "-recip", *self.to("mp-enc"),
                            "-keyopt", "rsa_padding_mode:oaep"),
                   "payload.key_transport")

    def test_a_second_management_point_is_listed(self) -> None:
        ask = (b"GET /SMS_MP/.sms_aut?MPLIST HTTP/1.1\r\nHost: localhost\r\n"
               b"User-Agent: ConfigMgr Messaging HTTP Sender")
        for pairs, wanted in (([self.store.enc], 1),
                              ([self.store.enc, self.store.enc2], 2)):
            self.point.pairs = pairs
            reply, _ = self.sound(ask + b"\r\n\r\n")
            self.assertEqual(reply.body.count(b"<MP "), wanted)

    def test_every_management_point_must_be_able_to_open_it(self) -> None:
        self.point.pairs = [self.store.enc, self.store.enc2]
        _, verdict = self.sound(self.raw("-des3", *self.to("mp2-enc",
                                                           "mp-enc")))
        self.assertIn("2, by", verdict.notes["recipients"])
        for one in ("mp-enc", "mp2-enc"):
            self.fails(self.raw("-des3", *self.to(one)),
                       "payload.recipients")
        self.point.pairs = [self.store.enc]
        for by in ([], ["-keyid"]):
            self.sound(self.raw("-des3", *by, *self.to("mp2-enc", "mp-enc")))

    def test_it_is_for_mixed_mode_and_for_inventory_and_state(self) -> None:
        arguments = ["-aes256", *self.to("mp-enc")]
        self.fails(self.me.message(
            "StatusReceiver", samples.status(self.me.smsid),
            encrypt=arguments), "payload.encryption_allowed")
        self.fails(self.me.message(
            "MP_LocationManager", '<AssignedSiteRequest SchemaVersion="1.00"'
            " />", encrypt=arguments, sign=False, named=False, reply="Sync"),
            "payload.encryption_allowed")
        self.native(self.me)
        self.fails(self.raw(*arguments), "payload.encryption_allowed")

    def test_the_signature_is_checked_after_decryption(self) -> None:
        raw = self.raw("-aes256", *self.to("mp-enc"))
        mark = wide('"PayloadSignature">')
        at = raw.index(mark) + len(mark) + 40
        octet = b"0" if raw[at:at + 1] != b"0" else b"1"
        raw = raw[:at] + octet + raw[at + 1:]
        _, verdict = self.fails(raw, "auth.payload_signature")
        self.assertEqual(verdict.notes["cipher"], "aes-256")

    def test_every_truncation_of_the_cms_is_refused(self) -> None:
        whole = self.raw("-aes256", *self.to("mp-enc"))
        head, _, body = whole.partition(b"\r\n\r\n")
        begin = body.index(b"octet-stream\r\n\r\n") + 16
        end = body.rindex(b"\r\n--")
        for size in range(begin, end, 5):
            cut = body[:size] + body[end:]
            raw = head.replace(str(len(body)).encode(),
                               str(len(cut)).encode()) + b"\r\n\r\n" + cut
            reply, verdict = self.send(raw)
            self.assertEqual(reply.status, 400, size)
            self.assertIn("well_formed", verdict.failed())


if __name__ == "__main__":
    unittest.main()

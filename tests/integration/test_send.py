"""Every kind of message in both modes: from the command line, by way of the
agent and a token's key, to the test management point, which finds nothing
wrong with it. docs/MESSAGES.md names a test of this module in every cell.
"""
import shutil
import sys
import unittest

import house

sys.path.append(str(house.ROOT / "tests/mpsim"))
import samples  # pylint: disable=wrong-import-position

SOURCE = "{A1B2C3D4-0000-4000-8000-000000000001}"


class Scene(house.Case):
    """A registered client, and how it talks to its management point."""

    point_options = ()
    flags = None  # of uploads; none: what the kind has
    more = ()     # options of every command

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.key = cls.client_key()
        cls.state = cls.dir / "client"
        cls.options = [*cls.point.options(cls.key, cls.state), *cls.more]
        cls.smsid = cls.enrol()["smsid"]

    @classmethod
    def client_key(cls):
        return cls.rsa

    @classmethod
    def enrol(cls, *options, state=None):
        return cls("setUp").asks("register", *cls.point.options(
            cls.key, state or cls.state), *cls.more, "--wait", "30", *options)

    def setUp(self):
        super().setUp()
        self.point.forget()

    def write(self, name, content):
        path = self.work / name
        path.write_bytes(content if isinstance(content, bytes)
                         else content.encode())
        return path

    def seen(self, kind):
        """The one verdict of that kind, without a fault in any."""
        self.verdicts_are_clean()
        found = [v for v in self.point.verdicts() if v["kind"] == kind]
        self.assertEqual(len(found), 1, self.point.verdicts())
        self.assertEqual(found[0]["answered"]["status"], 200)
        self.assertEqual(bool(found[0]["tls"]), self.point.tls)
        return found[0]

    def sends(self, kind, report, *options, flags=None):
        """Sends a report that must arrive; the verdict."""
        flags = flags or self.flags
        said = self.asks(
            "send", kind, self.write("report.xml", report), *self.options,
            *(["--flags", flags] if flags else []), *options)
        self.assertEqual((said["kind"], said["http_status"]), (kind, 200))
        verdict = self.seen(kind)
        if kind != "fsp":
            self.assertEqual(verdict["checks"]["payload.compressed"],
                             None if flags and "compress" not in flags
                             else True)
        return verdict

    def with_files(self, kind, report, **options):
        first = self.write("first", b"12345")
        second = self.write("second", b"\xff\xfe\0")
        return self.sends(kind, report, "--attach", f"1={first}",
                          "--attach", f"2={second}", **options)


class Encryptable:
    """The kinds that may be encrypted in mixed mode."""

    def test_ddr(self):
        self.sends("ddr", samples.ddr(self.smsid))

    def test_hinv(self):
        self.sends("hinv", samples.hinv(self.smsid))

    def test_sinv(self):
        self.sends("sinv", samples.sinv(self.smsid))

    def test_files(self):
        self.with_files("files", samples.files(self.smsid))

    def test_state(self):
        self.sends("state", samples.state(self.smsid))

    def test_idmif(self):
        self.with_files("idmif", samples.idmif(self.smsid))

    def test_metering(self):
        self.sends("metering", samples.metering(self.smsid))


class Others:
    """The kinds that are never encrypted."""

    def test_registration(self):
        said = self.enrol(state=self.work / "state")
        self.assertEqual(said["status"], "registered")
        self.assertEqual(said["proof"], "signature")
        self.seen("registration")

    def test_assignments(self):
        self.assertGreater(len(self.asks("policy", "list", *self.options)), 3)
        self.seen("assignments")

    def test_content(self):
        rows = self.asks("locate", "content", "PRI00001", "2", *self.options)
        self.assertTrue(rows[0]["urls"], rows)
        self.seen("location")

    def test_wsus(self):
        rows = self.asks("locate", "wsus", SOURCE, "3", *self.options)
        self.assertTrue(rows[0]["server"] or rows[0]["urls"], rows)
        self.seen("location")

    def test_local_mp(self):
        rows = self.asks("locate", "mp", *self.options)
        self.assertEqual(rows[0]["site"], "PRI")
        self.assertEqual([row["locality"] for row in rows],
                         ["Local", "Remote", "Fallback"])
        self.seen("location")

    def test_assigned_site(self):
        said = self.asks("locate", "site", *self.options)
        self.assertEqual(said["site"], "PRI")
        self.seen("location")

    def test_site(self):
        said = self.asks("locate", "site-info", "PRI", *self.options)
        self.assertEqual(said["site"], "PRI")
        self.seen("location")

    def test_status(self):
        self.sends("status", samples.status(self.smsid))


class Unwrapped:
    """What has no envelope, and so no flags."""

    def test_fallback(self):
        self.sends("fsp", samples.fsp(self.smsid))


class Native(Encryptable, Others, Unwrapped, Scene):
    """HTTPS with the certificate of a PKI, on the token."""

    def test_discovered_reports(self):
        for kind in ("ddr", "hinv"):
            self.point.forget()
            self.does("send", kind, "--discover", *self.options)
            self.seen(kind)

    def test_names_are_needed_once(self):
        options = [o for o in self.options if o not in house.NAMES]
        self.does("policy", "list", *options)
        self.does("send", "hinv", "--discover", *options)
        self.seen("hinv")

    def test_a_header_is_made_around_a_body(self):
        body = samples.hinv(self.smsid)
        start = body.index("<ReportBody>")
        path = self.write("body.xml", body[start:-len("</Report>")])
        self.does("send", "hinv", path, "--discover", "--type", "delta",
                  *self.options)
        self.seen("hinv")

    def test_text_in_utf_16_and_from_standard_input(self):
        text = ("\ufeff" + samples.hinv(self.smsid)).encode("utf-16-le")
        with open(self.write("wide", text), "rb") as report:
            self.does("send", "hinv", "-", *self.options, stdin=report)
        self.seen("hinv")

    def test_of_two_attachments_with_one_name_the_later_counts(self):
        self.with_files("files", samples.files(self.smsid, (5, 3)))
        self.point.forget()
        wrong = self.write("wrong", b"not it")
        right = self.write("right", b"12345")
        self.sends("files", samples.files(self.smsid, (5,)),
                   "--attach", f"1={wrong}", "--attach", f"1={right}")

    def test_raw_messages(self):
        path = self.write("ask.xml", '<SiteInformationRequest SchemaVersion='
                          '"1.00"><SiteCode>PRI</SiteCode>'
                          "</SiteInformationRequest>")
        said = self.asks("invoke", path, "--endpoint", "MP_LocationManager",
                         *self.options)
        self.assertIn("<SiteInformationReply", said["reply"])
        self.assertEqual(said["proof"], "signature")
        self.point.forget()
        path = self.write("state.xml", samples.state(self.smsid))
        said = self.asks("post", path, "--endpoint", "MP_RelayEndpoint",
                         "--property", "FileType=SMX", *self.options)
        self.assertEqual(said["http_status"], 200)
        self.seen("state")

    def test_a_report_of_many_megabytes(self):
        row = samples.instance("Win32_BIOS", ("Name", "x" * 200))
        report = samples.hinv(self.smsid).replace(
            "<ReportBody>", "<ReportBody>" + row * (36 * 2 ** 20 // len(row)))
        self.sends("hinv", report)


class Revocation(Encryptable, Others, Scene):
    """Native mode with revocation lists, and without compression."""

    point_options = ("--crl-port", "0")
    flags = "sign,crl"
    more = ("--crl",)

    def test_the_list_that_is_looked_at_is_told(self):
        done = self.sealpoint("-v", "locate", "site", *self.options)
        self.assertRegex(done.stderr, "revocation list http://.*/ca.crl")


class OverHttp(Scene):
    """A self-signed certificate, made on the token."""

    point_tls = False

    @classmethod
    def prepare(cls):
        cls.mixed = cls.token.self_signed("mixed", "10")

    @classmethod
    def client_key(cls):
        return cls.mixed


class Mixed(Encryptable, Others, Unwrapped, OverHttp):
    """HTTP; signed where it must be."""

    def test_signed_status(self):
        self.sends("status", samples.status(self.smsid), flags="sign")

    def test_discovered_reports(self):
        for kind in ("ddr", "hinv"):
            self.point.forget()
            self.does("send", kind, "--discover", *self.options)
            self.seen(kind)

    def test_a_proxy_and_its_client(self):
        """One certificate: the proxy registers, then a client of its, which
        sends state, and reads its policy."""
        state = self.work / "proxy"
        self.assertEqual(self.enrol("--as", "proxy", state=state)["status"],
                         "registered")
        names = ["--netbios", "VM1", "--fqdn", "vm1.example.com"]
        options = [o for o in self.point.options(self.key, state)
                   if o not in house.NAMES]
        client = self.asks("register", *options, *names, "--as",
                           "proxy-client", "--wait", "30")
        self.verdicts_are_clean()
        self.point.forget()
        self.refuses("send", "state",
                     self.write("other.xml", samples.state(self.smsid)),
                     "--client-id", client["smsid"], *options,
                     says=f"sent for {client['smsid']}")
        report = samples.state(client["smsid"]).replace(">PC1<", ">VM1<")
        self.does("send", "state", self.write("state.xml", report),
                  "--client", client["smsid"], *options)
        self.seen("state")
        self.does("policy", "list", "--client", client["smsid"], *options)
        self.verdicts_are_clean()


class Encrypted(Encryptable, OverHttp):
    """Mixed mode, uploads signed, compressed and encrypted, to each of two
    management points."""

    point_options = ("--second-mp",)
    flags = "sign,encrypt,compress"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        both = cls.dir / "both"
        both.mkdir()
        for name in ("mp-enc.pem", "mp2-enc.pem"):
            shutil.copy(cls.point.dir / name, both)
        cls.options += ["--encrypt-certs", both]

    def seen(self, kind):
        verdict = super().seen(kind)
        self.assertTrue(verdict["checks"]["payload.encryption"], verdict)
        self.assertRegex(verdict["notes"]["recipients"], "^2,")
        return verdict

    def test_aes(self):
        self.sends("hinv", samples.hinv(self.smsid), "--cipher", "aes256")

    def test_each_management_point_is_listed(self):
        rows = self.asks("mp", "list", *self.options)
        self.assertEqual([(row["name"], row["fqdn"]) for row in rows], [
            ("MP1", "localhost"), ("MP2", "mp2.example.test")])

    def test_one_certificate_is_for_one_management_point(self):
        """Whoever leaves one out has it seen there."""
        options = [*self.options]
        options[-1] = self.point.dir / "mp-enc.pem"
        path = self.write("state.xml", samples.state(self.smsid))
        self.asks("send", "state", path, *options, "--flags", self.flags)
        verdict = self.point.verdicts()[-1]
        self.assertIs(verdict["checks"]["payload.recipients"], False)


if __name__ == "__main__":
    unittest.main()

"""What is wrong is refused with one sentence before anything is sent; what a
management point answers amiss is said. And a dry run sends nothing.
"""
import base64
import http.client
import json
import re
import sys
import unittest

import house
import test_send

sys.path.append(str(house.ROOT / "tests/mpsim"))
import samples  # pylint: disable=wrong-import-position

ASK = ('<SiteInformationRequest SchemaVersion="1.00"><SiteCode>PRI</SiteCode>'
       "</SiteInformationRequest>")


class Refused(test_send.OverHttp):
    """In mixed mode, where more can be asked for."""

    def nothing(self, *words, says=(), status=1):
        """Refused, and nothing was sent."""
        said = self.refuses(*words, *self.options, says=says, status=status)
        self.assertEqual(self.point.verdicts(), [])
        return said

    def test_text_that_is_no_report(self):
        good = samples.hinv(self.smsid)
        deep = "<Instance>" * 99 + "</Instance>" * 99
        for text, says in (
                ("", "nothing"), ("hello", "hinv|body"),
                (good[:-3], "body"), (good + "<More/>", "body"),
                (good.replace("BIOS", "\x01", 1), "body"),
                (good.replace("<Version>", deep + "<Version>", 1), "deep"),
                ("<!DOCTYPE Report [<!ENTITY a 'b'>]>" + good, "body"),
                (good.replace("A&amp;B", "&x;"), "body"),
                (samples.status(self.smsid), "<status>.*<report>"),
                (samples.sinv(self.smsid), "hinv|hardware|report"),
                (b"<Report>\xff</Report>", "report.xml"),
                (good.encode("utf-16-be"), "high bytes first"),
                (b"\xfe\xff" + good.encode("utf-16-be"), "high bytes"),
                (b"\xff\xfe<\x00R", "report.xml|body")):
            with self.subTest(text[:40]):
                self.nothing("send", "hinv", self.write("report.xml", text),
                             says=says)

    def test_every_truncation_of_a_report(self):
        good = samples.state(self.smsid)
        for length in range(0, len(good), 173):
            self.nothing("send", "state",
                         self.write("report.xml", good[:length]))

    def test_a_long_report_that_is_none_at_its_end(self):
        """Nobody holds it as a whole, but it is read to its end."""
        row = samples.instance("Win32_BIOS", ("Name", "x" * 200))
        end = "</ReportBody></Report>"
        good = samples.hinv(self.smsid).replace(
            "<ReportBody>", "<ReportBody>" + row * (17 * 2 ** 20 // len(row)))
        self.assertTrue(good.endswith(end))
        for text, says in ((good[:-3], "well-formed"),
                           (good[:-len(end)] + "&x;" + end, "well-formed"),
                           (good + "<More/>", "well-formed")):
            self.nothing("send", "hinv", self.write("report.xml", text),
                         says=says)

    def test_files_that_are_not_there(self):
        report = self.write("report.xml", samples.files(self.smsid, (5,)))
        empty = self.write("empty", b"")
        self.nothing("send", "hinv", self.work / "missing",
                     says="missing.*no such file")
        self.nothing("send", "files", report, "--attach",
                     f"1={self.work / 'missing'}", says="no such file")
        self.nothing("send", "files", report, "--attach", f"1={empty}",
                     says="empty")
        self.nothing("send", "files", report, "--attach", f"1={self.work}",
                     says="no file")
        self.nothing("send", "files", report, says="1")
        five = self.write("five", b"12345")
        self.nothing("send", "files", report, "--attach", f"1={five}",
                     "--attach", f"7={five}", says="7")

    def test_flags_that_the_documentation_rules_out(self):
        for kind, report, flags in (
                ("hinv", samples.hinv, "none"),
                ("hinv", samples.hinv, "sign,crl"),
                ("status", samples.status, "sign,encrypt"),
                ("fsp", samples.fsp, "sign"),
                ("state", samples.state, "encrypt")):
            path = self.write("report.xml", report(self.smsid))
            done = self.sealpoint("send", kind, path, "--flags", flags,
                                  *self.options)
            self.assertIn(done.returncode, (1, 2))
            self.assertRegex(done.stderr, "flag|mode")
            self.assertEqual(self.point.verdicts(), [])

    def test_none_stands_alone_among_flags(self):
        path = self.write("report.xml", samples.state(self.smsid))
        self.nothing("send", "state", path, "--flags", "none,sign",
                     says="none stands alone", status=2)

    def test_nothing_goes_in_the_clear_when_it_is_told_whom_to_encrypt_to(
            self):
        path = self.write("report.xml", samples.state(self.smsid))
        for option in (("--encrypt-certs", self.point_dir / "mp-enc.pem"),
                       ("--cipher", "aes256")):
            for flags in ((), ("--flags", "sign")):
                self.nothing("send", "state", path, *option, *flags,
                             says="add encrypt to --flags", status=2)

    def test_a_report_about_another_client(self):
        other = "GUID:AAAAAAAA-0000-4000-8000-000000000001"
        theirs = self.write("theirs.xml", samples.hinv(other))
        self.nothing("send", "hinv", theirs, says=f"about {other.lower()}")

    def test_a_client_is_no_proxy(self):
        """What is registered already is not another thing by being asked."""
        self.nothing("register", "--as", "proxy", says="a client of its own")
        options = [o for o in self.options if o not in house.NAMES]
        self.refuses("register", "--as", "proxy-client", "--netbios", "VM1",
                     "--fqdn", "vm1.example.com", *options,
                     says="cannot speak for others")
        self.assertEqual(self.point.verdicts(), [])

    def test_other_names_of_a_registered_client_are_not_taken(self):
        options = [o for o in self.options if o not in house.NAMES]
        done = self.sealpoint("register", *options, "--netbios", "PC9")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, "registered as .*change nothing")

    def test_raw_messages_of_the_wrong_kind(self):
        ask = self.write("ask.xml", ASK)
        state = self.write("state.xml", samples.state(self.smsid))
        self.nothing("invoke", ask, "--endpoint", "MP_HinvEndpoint",
                     says="invalid_schema")
        self.nothing("invoke", self.write("foo.xml", "<Foo/>"),
                     "--endpoint", "MP_LocationManager",
                     says="<assignedsiterequest>.*<siteinformationrequest>")
        self.nothing("post", ask, "--endpoint", "MP_LocationManager",
                     says="invoke", status=2)
        self.nothing("post", state, "--endpoint", "MP_RelayEndpoint",
                     says="filetype", status=2)

    def test_encryption_to_nobody_that_is_known(self):
        path = self.write("report.xml", samples.hinv(self.smsid))
        self.refuses("send", "hinv", path, "--flags", "sign,encrypt",
                     *self.options, says="encrypt-certs")
        self.assertNotIn("hinv", [v["kind"] for v in self.point.verdicts()])

    def test_a_client_that_is_not_registered(self):
        path = self.write("report.xml", samples.hinv(self.smsid))
        options = self.point.options(self.key, self.work / "other")
        self.refuses("send", "hinv", path, *options, says="register")
        self.assertEqual(self.point.verdicts(), [])

    def test_a_dry_run_shows_all_and_sends_nothing(self):
        report = samples.hinv(self.smsid)
        said = self.asks("send", "hinv", self.write("report.xml", report),
                         "--dry-run", *self.options)
        self.assertTrue(said["envelope"].startswith("<Msg "))
        self.assertIn("<TargetEndpoint>MP_HinvEndpoint</TargetEndpoint>",
                      said["envelope"])
        self.assertIn("Hook2 Name=\"clientauth\"", said["envelope"])
        self.assertIn(report, said["payload"])
        text = self.does("send", "hinv", self.work / "report.xml",
                         "--dry-run", *self.options)
        self.assertIn(said["payload"], text)
        self.does("invoke", self.write("ask.xml", ASK), "--endpoint",
                  "MP_LocationManager", "--dry-run", *self.options)
        self.does("send", "fsp", self.write(
            "fsp.xml", samples.fsp(self.smsid)), "--dry-run", *self.options)
        self.assertEqual(self.point.verdicts(), [])

    def test_a_dry_run_shows_every_byte_of_an_attachment(self):
        data = bytes(range(256)) * 99
        (self.work / "data").write_bytes(data)
        path = self.write("report.xml", samples.files(self.smsid, (len(data),)))
        said = self.asks("send", "files", path, "--attach",
                         f"1={self.work / 'data'}", "--dry-run",
                         *self.options)
        found = re.search(r"\[attachment (\S+) in base64\]\n(.*)\n"
                          r"\[end of attachment \1, 25344 bytes\]\n",
                          said["payload"], re.DOTALL)
        self.assertEqual(base64.b64decode(found.group(2)), data)
        self.assertEqual(self.point.verdicts(), [])

    def test_the_bytes_of_a_dry_run_are_those_that_are_sent(self):
        out = self.work / "request"
        path = self.write("report.xml", samples.state(self.smsid))
        self.does("send", "state", path, "--dry-run", "-o", out,
                  *self.options)
        self.assertEqual(out.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.point.verdicts(), [])
        to = http.client.HTTPConnection("localhost", self.point.port)
        to.request("CCM_POST", "/ccm_system/request", out.read_bytes(), {
            "Content-Type": "multipart/mixed; "
                            'boundary="aAbBcCdDv1234567890VxXyYzZ"',
            "User-Agent": "ConfigMgr Messaging HTTP Sender"})
        self.assertEqual(to.getresponse().status, 200)
        to.close()
        verdict, = self.point.verdicts()
        self.assertEqual((verdict["kind"], verdict["errors"]), ("state", []))

    def test_output_without_a_dry_run_has_nothing_to_write(self):
        path = self.write("report.xml", samples.state(self.smsid))
        self.nothing("send", "state", path, "-o", self.work / "x",
                     says="--dry-run", status=2)
        self.nothing("send", "state", path, "--dry-run", "-o", "-",
                     says="names a file", status=2)

    def test_each_step_is_told_and_nothing_else_on_standard_output(self):
        path = self.write("report.xml", samples.hinv(self.smsid))
        done = self.sealpoint("-v", "--json", "send", "hinv", path,
                              *self.options)
        self.assertEqual(json.loads(done.stdout)["http_status"], 200)
        self.assertIn("MP_HinvEndpoint", done.stderr)
        for step in (f"sealed: compressed, signed by {self.key}",
                     f"CCM_POST {self.point.url}/ccm_system/request, ",
                     "HTTP status 200, 0 bytes"):
            self.assertIn(step, done.stderr)


class Answers(house.Case):
    """Replies that are none."""

    def test_http_errors_are_said(self):
        cases = [(f"http-{status}{body}", str(status))
                 for status in (401, 403, 404, 413, 500, 503)
                 for body in ("", "-body")]
        with house.Point(self.point_dir) as point:
            state = self.dir / "answers"
            options = point.options(self.rsa, state)
            smsid = self.asks("register", *options, "--wait", "9")["smsid"]
            port = point.port
        path = self.work / "report.xml"
        path.write_text(samples.hinv(smsid))
        for mode, says in cases:
            with self.subTest(mode), house.Point(
                    self.point_dir, "--misbehave", mode, port=port):
                self.refuses("send", "hinv", path, *options, says=says)


if __name__ == "__main__":
    unittest.main()

"""The main job: a token's key registers a client in native mode and reads its
policy, over TLS 1.2 and 1.3; the test management point checks every byte."""
import json
import unittest
import xml.etree.ElementTree

import house

REQUIRES_AUTH, SECRET, COMPRESSED, TASK_SEQUENCE = 2, 4, 64, 1


class Registration(house.Case):

    point_options = ("--pending", "1")

    def test_it_goes_through_pending_to_registered(self):
        state = self.work / "state"
        options = self.point.options(self.rsa, state)
        done = self.sealpoint("--json", "register", *options, "--wait", "0")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(json.loads(done.stdout)["status"], "pending")
        self.assertIn("pending", done.stderr)
        first = self.register(state)
        self.assertEqual(first["status"], "registered")
        self.assertEqual(first["smsid"], json.loads(done.stdout)["smsid"])
        self.assertRegex(first["smsid"], r"^GUID:[0-9A-F-]{36}$")
        self.assertEqual(first["proof"], "signature")
        self.verdicts_are_clean()
        self.assertGreaterEqual(len(self.point.verdicts()), 2)
        for verdict in self.point.verdicts():
            self.assertEqual(verdict["tls"]["sha1"], self.rsa)


class Messages(house.Case):

    point_options = ()

    def setUp(self):
        super().setUp()
        self.state = self.work / "state"
        self.point.forget()

    def test_registered_already_sends_nothing(self):
        first = self.register(self.state)
        self.point.forget()
        again = self.register(self.state)
        self.assertTrue(again["already"])
        self.assertEqual(again["smsid"], first["smsid"])
        self.assertEqual(self.point.verdicts(), [])

    def test_both_tls_versions_work_with_the_tokens_key(self):
        for version in ("1.2", "1.3"):
            with self.subTest(version):
                self.point.forget()
                self.asks("mp", "list", "--tls-max", version,
                          *self.point.options(self.rsa, self.state))
                seen = self.point.verdicts()
                self.assertEqual({v["tls"]["version"] for v in seen},
                                 {f"TLSv{version}"})
                self.assertEqual({v["tls"]["sha1"] for v in seen},
                                 {self.rsa})

    def test_sha1_serves_old_sites(self):
        self.register(self.state, "--hash", "sha1")
        self.asks("policy", "list", "--hash", "sha1",
                  *self.point.options(self.rsa, self.state))
        self.verdicts_are_clean()

    def test_mp_list_info_and_certificate_answer(self):
        options = self.point.options(self.rsa, self.state)
        self.assertEqual(self.asks("mp", "list", *options)[0]["fqdn"],
                         "localhost")
        self.assertTrue(self.asks("mp", "info", *options)["machine"])
        out = self.work / "mp.pem"
        self.does("mp", "certificate", *options, "-o", out)
        self.assertEqual(
            self.openssl("x509", "-in", out),
            self.openssl("x509", "-in", self.point_dir / "mp-sign.pem"))
        self.verdicts_are_clean()

    def test_every_policy_that_may_be_downloaded_is_read(self):
        self.register(self.state)
        options = self.point.options(self.rsa, self.state)
        policies = self.asks("policy", "list", *options)
        flags = [int(p["flags"]) for p in policies]
        for wanted in (SECRET, COMPRESSED, SECRET | COMPRESSED):
            self.assertTrue([f for f in flags if f & wanted == wanted])
        for policy in policies:
            if int(policy["flags"]) & TASK_SEQUENCE:
                continue
            with self.subTest(policy["category"], flags=policy["flags"]):
                out = self.work / "policy.xml"
                self.does("policy", "get", policy["id"], "-o", out, *options)
                text = out.read_text(encoding="utf-8")
                root = xml.etree.ElementTree.fromstring(text)
                self.assertEqual(root.tag, "Policy")
                self.assertEqual(out.stat().st_mode & 0o777, 0o600)
        self.verdicts_are_clean()

    def test_sync_writes_every_policy(self):
        self.register(self.state)
        options = self.point.options(self.rsa, self.state)
        out = self.work / "policies"
        rows = self.asks("policy", "sync", "-o", out, *options)
        written = [r for r in rows if r["result"] == "written"]
        self.assertEqual({r["result"] for r in rows} - {"skipped"},
                         {"written"})
        self.assertEqual(len(list(out.iterdir())), len(written))
        self.verdicts_are_clean()

    def test_an_unknown_policy_is_refused_with_the_next_step(self):
        self.register(self.state)
        self.refuses("policy", "get", "{no-such-policy}",
                     *self.point.options(self.rsa, self.state),
                     says=("no-such-policy", "policy list"))

    def test_policy_before_registration_says_register(self):
        self.refuses("policy", "list",
                     *self.point.options(self.rsa, self.state),
                     says="register")
        self.assertEqual(self.point.verdicts(), [])

    def test_a_report_above_the_limit_says_how_to_raise_it(self):
        self.register(self.state)
        options = self.point.options(self.rsa, self.state)
        conf = self.work / "sealpoint.conf"
        conf.write_text("[mp]\nmax-upload = 1K\n")
        self.point.forget()
        for limit in (("--max-upload", "1K"), ("--config", conf)):
            self.refuses("send", "hinv", "--discover", *limit, *options,
                         says=("1024 bytes", "--max-upload"))
        self.assertEqual(self.point.verdicts(), [])
        self.does("send", "hinv", "--discover", "--config", conf,
                  "--max-upload", "1M", *options)

    def test_an_ec_key_cannot_register_and_is_told_why(self):
        self.refuses("register", *self.point.options(self.ec, self.state),
                     says="rsa")
        self.assertEqual(self.point.verdicts(), [])


class Rejected(house.Case):

    point_options = ("--reject",)

    def test_a_rejection_is_one_sentence_and_is_not_taken_for_success(self):
        for _ in range(2):
            self.refuses(
                "register", *self.point.options(self.rsa, self.work / "s"),
                says="reject|refuse")


class Dates(house.Case):
    """Certificates out of their time: a warning, or refused on request."""

    point_options = ()

    @classmethod
    def prepare(cls):
        cls.token.identity("old", "03", "--days", "1",
                           "--not-before-days", "-10")
        cls.token.identity("young", "04", "--not-before-days", "10")

    def test_strict_dates_refuses_before_anything_is_sent(self):
        for name, word in (("old", "expired"), ("young", "not yet|not valid")):
            with self.subTest(name):
                key = self.token.thumbprint(name)
                self.refuses("mp", "list", "--strict-dates",
                             *self.point.options(key, self.work / "s"),
                             says=(word, key[:8]))
        self.assertEqual(self.point.verdicts(), [])

    def test_without_it_a_warning_names_the_certificate(self):
        for name in ("old", "young"):
            with self.subTest(name):
                key = self.token.thumbprint(name)
                done = self.sealpoint(
                    "mp", "list", *self.point.options(key, self.work / "s"))
                self.assertIn("warning", done.stderr)
                self.assertIn(key[:8].lower(), done.stderr.lower())


if __name__ == "__main__":
    unittest.main()

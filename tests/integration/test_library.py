"""The library's examples, as a stranger would run them: against the test
management point, with a token's key and with a key of the program's own."""
import pathlib
import subprocess
import unittest

import house


class Example(house.Case):
    """Runs one, for a client that has a directory of its own."""

    point_options = ()

    def setUp(self):
        super().setUp()
        self.state = self.work / "state"
        self.point.forget()

    def key(self):
        return self.rsa

    def options(self, key):
        return ["-m", self.point.url, "-s", "PRI", "-k", key,
                "-c", self.point.dir / "ca.pem",
                "-p", self.point.dir / "mp-sign.pem", "-d", self.state,
                "-n", "PC1", "-f", "pc1.example.com",
                *([] if self.point.tls else ["-x"])]

    def example(self, name, *arguments, key=None):
        done = subprocess.run(
            [house.program(f"example_{name}"),
             *(str(a) for a in self.options(key or self.key())),
             *(str(a) for a in arguments)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False, timeout=house.TIMEOUT,
            env={"SEALPOINT_AGENT": self.agent.socket, "LC_ALL": "C.UTF-8"})
        self.assertNotIn("Sanitizer", done.stderr)
        return done

    def does(self, name, *arguments, **options):
        done = self.example(name, *arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.verdicts_are_clean()
        return done.stdout

    def kinds(self):
        return [v["kind"] for v in self.point.verdicts()]

    def refuses(self, name, *arguments, says=(), **_):
        """The example must fail: a sentence, and nothing is sent."""
        done = self.example(name, *arguments)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, says)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertEqual(self.point.verdicts(), [])

    def posts(self, kind, *arguments):
        """An example that posts: the verdict on it."""
        said = self.does(*arguments)
        self.assertRegex(said, r"^\{[0-9A-F-]{36}\}\n$")
        verdict = self.point.verdicts()[-1]
        self.assertEqual(verdict["kind"], kind)
        return verdict

    def reads_secret_policies(self):
        self.does("register")
        rows = [line.split() for line in self.does("policy").splitlines()]
        self.assertGreater(len(rows), 3)
        secret = [row[0] for row in rows if int(row[3]) & 4
                  and not int(row[3]) & 1]
        self.assertTrue(secret, rows)
        for policy in secret:
            self.assertIn("<Policy", self.does("policy", policy))


class Examples(Example):
    """In native mode."""

    def test_register_prints_the_id_and_asks_once(self):
        first = self.does("register")
        self.assertRegex(first, r"^GUID:[0-9A-F-]{36}\n$")
        self.point.forget()
        self.assertEqual(self.does("register"), first)
        self.assertEqual(self.point.verdicts(), [])

    def test_policy_lists_and_decrypts(self):
        self.reads_secret_policies()

    def test_policy_of_an_unknown_id_is_out_of_range(self):
        self.does("register")
        done = self.example("policy", "{no-such-policy}")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^there is no policy .*\n$")

    def test_inventory_is_posted_once_registered(self):
        self.posts("hinv", "inventory")
        self.posts("hinv", "inventory")
        self.assertEqual(self.kinds(), ["registration", "hinv", "hinv"])

    def test_state_is_posted_and_refused_without_numbers(self):
        self.posts("state", "state", 7, 2)
        for numbers in ([7], ["7", "x"], ["7", "\"/>"]):
            self.assertEqual(self.example("state", *numbers).returncode, 2)

    def test_encryption_is_for_mixed_mode(self):
        self.refuses("inventory", "-e", self.point.dir / "mp-enc.pem",
                     says="native.*encrypt|encrypt.*mixed")

    def test_an_own_signer_registers_without_the_agent(self):
        pem = self.work / "own.pem"
        key, csr = self.work / "own.key", self.work / "own.csr"
        cert = self.work / "own.crt"
        self.openssl("req", "-new", "-newkey", "rsa:2048", "-nodes",
                     "-subj", "/CN=OWN1", "-keyout", key, "-out", csr)
        self.token.quietly(house.MPSIM, "--dir", self.point.dir, "--issue",
                           csr, "--out", cert)
        pem.write_text(cert.read_text() + key.read_text())
        said = self.openssl("x509", "-noout", "-fingerprint", "-sha1",
                            "-in", cert)
        thumbprint = said.partition("=")[2].strip()
        smsid = self.does("own_signer", pem, key=thumbprint)
        self.assertRegex(smsid, r"^GUID:[0-9A-F-]{36}\n$")
        tls = self.point.verdicts()[-1]["tls"]
        self.assertEqual(tls["sha1"], thumbprint.replace(":", ""))

    def test_a_key_that_the_agent_does_not_have_is_named(self):
        done = self.example("register", key="0" * 40)
        self.assertEqual(done.returncode, 1)
        self.assertIn("0" * 40, done.stderr)
        self.assertEqual(self.point.verdicts(), [])


class MixedExamples(Example):
    """Over HTTP, by a certificate that the token's key signed itself."""

    point_tls = False

    @classmethod
    def prepare(cls):
        cls.mixed = cls.token.self_signed("mixed", "10")

    def key(self):
        return self.mixed

    def to(self, name="mp-enc.pem"):
        return ["-e", self.point.dir / name]

    def test_a_client_registers_and_is_known_from_then_on(self):
        first = self.does("register")
        self.assertRegex(first, r"^GUID:[0-9A-F-]{36}\n$")
        self.assertEqual(self.kinds(), ["registration"])
        self.assertIsNone(self.point.verdicts()[0]["tls"])
        self.point.forget()
        self.assertEqual(self.does("register"), first)
        self.assertEqual(self.point.verdicts(), [])

    def test_its_secret_policies_are_read(self):
        self.reads_secret_policies()

    def test_inventory_and_state_go_encrypted(self):
        for kind, words in (("hinv", ["inventory"]),
                            ("state", ["state", 7, 2])):
            plain = self.posts(kind, *words)
            self.assertIsNone(plain["checks"].get("payload.encryption"))
            words[1:1] = self.to()
            verdict = self.posts(kind, *words)
            self.assertIs(verdict["checks"]["payload.encryption"], True)
            self.assertEqual(verdict["notes"]["cipher"], "3des")

    def test_nothing_goes_encrypted_to_nobody(self):
        self.does("register")
        self.point.forget()
        empty = self.work / "empty"
        empty.mkdir()
        for path in (empty, self.work / "none", self.point.dir / "ca.key"):
            with self.subTest(path):
                self.refuses("inventory", "-e", path, says="certificate")

    def test_the_url_must_not_promise_tls(self):
        self.refuses("register", "-m", self.point.url.replace(
            "http:", "https:"), says="https")


class Exports(unittest.TestCase):

    def test_every_example_is_run_here(self):
        source = pathlib.Path(__file__).read_text(encoding="utf-8")
        for path in (house.ROOT / "docs/examples").glob("*.c"):
            if path.stem != "setup":
                self.assertIn(f'"{path.stem}"', source)


if __name__ == "__main__":
    unittest.main()

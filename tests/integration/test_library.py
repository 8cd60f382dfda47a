"""The library's examples, as a stranger would run them: against the test
management point, with a token's key and with a key of the program's own."""
import pathlib
import subprocess
import unittest

import house


class Examples(house.Case):

    point_options = ()

    def setUp(self):
        super().setUp()
        self.state = self.work / "state"
        self.point.forget()

    def options(self, key):
        return ["-m", self.point.url, "-s", "PRI", "-k", key,
                "-c", self.point.dir / "ca.pem",
                "-p", self.point.dir / "mp-sign.pem", "-d", self.state,
                "-n", "PC1", "-f", "pc1.example.com"]

    def example(self, name, *arguments, key=None):
        done = subprocess.run(
            [house.program(f"example_{name}"),
             *(str(a) for a in self.options(key or self.rsa)),
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

    def test_register_prints_the_id_and_asks_once(self):
        first = self.does("register")
        self.assertRegex(first, r"^GUID:[0-9A-F-]{36}\n$")
        self.point.forget()
        self.assertEqual(self.does("register"), first)
        self.assertEqual(self.point.verdicts(), [])

    def test_policy_lists_and_decrypts(self):
        self.does("register")
        rows = [line.split() for line in self.does("policy").splitlines()]
        self.assertGreater(len(rows), 3)
        secret = [row[0] for row in rows if int(row[3]) & 4
                  and not int(row[3]) & 1]
        self.assertTrue(secret, rows)
        for policy in secret:
            self.assertIn("<Policy", self.does("policy", policy))

    def test_policy_of_an_unknown_id_is_out_of_range(self):
        self.does("register")
        done = self.example("policy", "{no-such-policy}")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^there is no policy .*\n$")

    def test_inventory_is_posted_once_registered(self):
        done = self.example("inventory")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^\{[0-9A-F-]{36}\}\n$")
        self.verdicts_are_clean()
        self.assertEqual(self.kinds()[-1], "hinv")

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


class Exports(unittest.TestCase):

    def test_every_example_is_run_here(self):
        source = pathlib.Path(__file__).read_text(encoding="utf-8")
        for path in (house.ROOT / "docs/examples").glob("*.c"):
            if path.stem != "setup":
                self.assertIn(f'"{path.stem}"', source)


if __name__ == "__main__":
    unittest.main()

"""Keys, signatures and decryption through the agent."""
import os
import subprocess
import unittest

import house


class Keys(house.Case):

    @classmethod
    def prepare(cls):
        """A key without a certificate, and a certificate without a key."""
        cls.token.p11tool("--generate-privkey=rsa", "--bits=2048",
                          "--label=lonely", "--id=0a", "--mark-private",
                          f"--outfile={cls.dir}/lonely.pub")
        cls.token.p11tool("--write", "--no-mark-private", "--label=orphan",
                          "--id=0b",
                          f"--load-certificate={cls.point_dir}/mp-enc.pem")

    def setUp(self):
        super().setUp()
        self.note = self.work / "note"
        self.note.write_bytes(os.urandom(100000))
        self.sig = self.work / "sig"

    def public(self, name):
        path = self.work / f"{name}.pub"
        self.openssl("x509", "-in", self.token.certificate(name), "-noout",
                     "-pubkey", "-out", path)
        return path

    def test_keys_tells_all_that_the_contract_names(self):
        keys = {k["thumbprint"]: k for k in self.asks("keys")}
        self.assertEqual(set(keys), {self.rsa, self.ec})
        rsa = keys[self.rsa]
        self.assertEqual(set(rsa) & {
            "thumbprint", "sha256", "subject", "issuer", "serial",
            "not_before", "not_after", "key", "token", "mechanisms", "uses"},
            {"thumbprint", "sha256", "subject", "issuer", "serial",
             "not_before", "not_after", "key", "token", "mechanisms",
             "uses"})
        self.assertEqual(rsa["key"], "rsa-2048")
        self.assertEqual(keys[self.ec]["key"], "ec-p256")
        self.assertEqual(rsa["sha256"], self.token.thumbprint("rsa",
                                                              "sha256"))
        self.assertEqual(set(rsa["uses"]), {"sign", "decrypt", "tls"})
        self.assertIn("sealpoint-rsa", rsa["subject"])

    def test_pss_is_the_tokens_own_mechanism(self):
        mechanisms = self.asks("keys")[0]["mechanisms"]
        mechanisms += self.asks("keys")[1]["mechanisms"]
        self.assertIn("rsa-pss", mechanisms)
        self.assertNotIn("rsa-pss-raw", mechanisms)

    def test_the_private_keys_are_sensitive_and_never_extractable(self):
        pin = (self.token.dir / "pin").read_text()
        listed = self.token.quietly(
            "pkcs11-tool", "--module", self.token.module, "--token-label",
            "sealpoint", "--login", "--pin", "env:PIN", "--list-objects",
            "--type", "privkey",
            env={**self.token.environment(), "PIN": pin})
        self.assertEqual(listed.count(
            "sensitive, always sensitive, never extractable, local"), 3)

    def test_cert_export_gives_the_certificate(self):
        out = self.work / "cert.pem"
        self.does("cert", "export", "-k", self.rsa, "-o", out)
        self.assertEqual(
            self.openssl("x509", "-in", out, "-outform", "PEM"),
            self.openssl("x509", "-in", self.token.certificate("rsa")))

    def test_openssl_verifies_every_rsa_signature(self):
        public = self.public("rsa")
        for digest in ("sha1", "sha256", "sha384", "sha512"):
            for pss in (False, True):
                with self.subTest(digest=digest, pss=pss):
                    self.does("sign", "-k", self.rsa, "-d", digest,
                              *(["--pss"] if pss else []), "-i", self.note,
                              "-o", self.sig)
                    padding = ["-sigopt", "rsa_padding_mode:pss", "-sigopt",
                               "rsa_pss_saltlen:digest"] if pss else []
                    self.assertIn("Verified OK", self.openssl(
                        "dgst", f"-{digest}", *padding, "-verify", public,
                        "-signature", self.sig, self.note))

    def test_openssl_verifies_every_ecdsa_signature(self):
        public = self.public("ec")
        for digest in ("sha1", "sha256", "sha384", "sha512"):
            with self.subTest(digest=digest):
                self.does("sign", "-k", self.ec, "-d", digest, "-i",
                          self.note, "-o", self.sig)
                self.assertIn("Verified OK", self.openssl(
                    "dgst", f"-{digest}", "-verify", public, "-signature",
                    self.sig, self.note))

    def test_standard_input_and_output_are_a_dash(self):
        with open(self.note, "rb") as note:
            done = self.sealpoint_bytes("sign", "-k", self.rsa, "-d",
                                        "sha256", "-i", "-", "-o", "-",
                                        stdin=note)
        self.assertEqual(len(done.stdout), 256)

    def encrypted(self, *options, to="rsa", form="DER"):
        out = self.work / "cms"
        self.openssl("cms", "-encrypt", "-binary", "-in", self.note, "-out",
                     out, "-outform", form, "-aes256", "-recip",
                     self.token.certificate(to), *options)
        return out

    def test_decrypt_opens_cms_of_every_kind(self):
        for name, options, form in (
                ("PKCS#1 v1.5", (), "DER"),
                ("3DES", ("-des3",), "DER"),
                ("PEM", (), "PEM"),
                ("key identifier", ("-keyid",), "DER"),
                ("OAEP", ("-keyopt", "rsa_padding_mode:oaep"), "DER")):
            with self.subTest(name):
                out = self.work / "clear"
                self.does("decrypt", "-k", self.rsa, "-i",
                          self.encrypted(*options, form=form), "-o", out)
                self.assertEqual(out.read_bytes(), self.note.read_bytes())

    def test_a_body_for_someone_else_is_refused_and_nothing_is_written(self):
        out = self.work / "clear"
        cms = self.work / "cms"
        self.openssl("cms", "-encrypt", "-binary", "-in", self.note, "-out",
                     cms, "-outform", "DER", "-aes256", "-recip",
                     self.point_dir / "mp-enc.pem")
        self.refuses("decrypt", "-k", self.rsa, "-i", cms, "-o", out,
                     says=("decrypt", self.rsa[:8]))
        self.assertFalse(out.exists())

    def test_garbage_is_refused_and_nothing_is_written(self):
        out = self.work / "clear"
        self.refuses("decrypt", "-k", self.rsa, "-i", self.note, "-o", out)
        self.assertFalse(out.exists())

    def test_an_unknown_thumbprint_is_refused_with_the_next_step(self):
        self.refuses("sign", "-k", "00" * 20, "-i", self.note, "-o",
                     self.sig, says=("no such key|no token has", "sealpoint keys"))
        self.assertFalse(self.sig.exists())

    def test_a_malformed_thumbprint_is_a_usage_error(self):
        for thumb in ("", "12", "zz" * 20, self.rsa[:-1], self.rsa + "0",
                      "1" * 10000):
            with self.subTest(thumb[:50]):
                self.refuses("sign", "-k", thumb, "-i", self.note, "-o",
                             self.sig, status=2)

    def test_every_customary_spelling_of_a_thumbprint_is_the_key(self):
        pairs = [self.rsa[i:i + 2] for i in range(0, 40, 2)]
        for thumb in (self.rsa.lower(), ":".join(pairs), " ".join(pairs),
                      "\u200e" + self.rsa,
                      self.token.thumbprint("rsa", "sha256")):
            with self.subTest(thumb):
                self.does("sign", "-k", thumb, "-i", self.note, "-o",
                          self.sig)

    def test_key_without_certificate_and_the_reverse_are_not_listed(self):
        subjects = [k["subject"] for k in self.asks("keys")]
        self.assertEqual(len(subjects), 2, subjects)
        orphan = self.openssl("x509", "-noout", "-fingerprint", "-sha1",
                              "-in", self.point_dir / "mp-enc.pem")
        self.refuses("sign", "-k", orphan.partition("=")[2].strip(), "-i",
                     self.note, "-o", self.sig, says="key")

    def test_no_login_and_no_search_in_the_steady_state(self):
        self.does("sign", "-k", self.rsa, "-i", self.note, "-o", self.sig)
        before, file_before = self.status(), self.token.logged_in()
        for _ in range(20):
            self.does("sign", "-k", self.rsa, "-i", self.note, "-o",
                      self.sig)
            self.does("sign", "-k", self.ec, "-i", self.note, "-o", self.sig)
        after = self.status()
        self.assertEqual(after["signatures"] - before["signatures"], 40)
        self.assertEqual(after["logins"], before["logins"])
        self.assertEqual(after["searches"], before["searches"])
        self.assertEqual(after["restarts"], before["restarts"])
        self.assertEqual(self.token.logged_in(), file_before)

    def test_a_killed_worker_comes_back(self):
        before = self.status()["restarts"]
        workers = self.agent.workers()
        self.assertEqual(len(workers), 1)
        os.kill(workers[0], 9)
        house.wait_for(lambda: self.sealpoint(
            "sign", "-k", self.rsa, "-i", self.note, "-o",
            self.sig).returncode == 0, "a signature after the worker's end")
        self.assertGreater(self.status()["restarts"], before)


class Command(house.Case):
    """sealpointd -- COMMAND"""

    want_agent = False

    def run_under(self, *command):
        return subprocess.run(
            [house.program("sealpointd"), "-c",
             self.token.dir / "sealpointd.conf", "--", *command],
            env=self.token.environment(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False)

    def test_the_command_finds_the_agent_and_its_status_is_ours(self):
        done = self.run_under(self.sealpoint_program, "keys")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(self.rsa, done.stdout)
        for status in (0, 1, 42):
            with self.subTest(status):
                done = self.run_under("sh", "-c", f"exit {status}")
                self.assertEqual(done.returncode, status, done.stderr)

    def test_nothing_is_left_of_the_agent_afterwards(self):
        done = self.run_under("sh", "-c", "echo $SEALPOINT_AGENT")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(os.path.exists(done.stdout.strip()))


if __name__ == "__main__":
    unittest.main()

"""Known answers through the real agent: keys of others' test vectors,
imported into a token, decrypt and sign as they must; and every kind of wrong
PKCS#1 v1.5 padding gets the status of a good one, the same answer twice, and
another for another ciphertext."""
import datetime
import unittest

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

import house
import packet
import vectors

HASHES = {"sha1": hashes.SHA1, "sha256": hashes.SHA256,
          "sha384": hashes.SHA384, "sha512": hashes.SHA512}
# Sizes of 1024 to 2048 bits, some of which are no whole number of bytes.
CHOSEN = (0, 6, 12, 13, 14)


def certificate(key, number):
    name = x509.Name([x509.NameAttribute(
        x509.NameOID.COMMON_NAME, f"vector {number}")])
    return x509.CertificateBuilder(
        name, name, key.public_key(), number, datetime.datetime(2026, 1, 1),
        datetime.datetime(2126, 1, 1)).sign(
            key, hashes.SHA256())


class Vectors(house.Case):

    @classmethod
    def prepare(cls):
        """All keys, each once: some files share theirs."""
        cls.names = {}
        crypt, sign, oaep, pss = (
            [sets[i] for i in CHOSEN if i < len(sets)] for sets in (
                vectors.rsa_sets("pkcs1v15crypt-vectors.txt",
                                 ("message", "encryption")),
                vectors.rsa_sets("pkcs1v15sign-vectors.txt",
                                 ("message to be signed", "signature")),
                vectors.rsa_sets("pkcs-1v2-1d2-vec/oaep-vect.txt",
                                 ("message", "encryption")),
                vectors.rsa_sets("pkcs-1v2-1d2-vec/pss-vect.txt",
                                 ("message to be signed", "signature"))))
        cls.crypt, cls.signed, cls.oaep, cls.pss = crypt, sign, oaep, pss
        cls.ecdsa = vectors.ecdsa_sets()
        for key in (*(k for s in (crypt, sign, oaep, pss) for k, _ in s),
                    *(k for k, _, _ in cls.ecdsa)):
            cls.bring(key)

    @classmethod
    def bring(cls, key):
        public = key.public_key().public_numbers()
        if public in cls.names:
            return
        number = len(cls.names) + 100
        made = certificate(key, number)
        cls.names[public] = packet.name_of(
            made.public_bytes(serialization.Encoding.DER))
        pem = cls.dir / "vector.key"
        pem.write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
        (cls.dir / "vector.pem").write_bytes(
            made.public_bytes(serialization.Encoding.PEM))
        who = ("--label", f"vector{number}", "--id", f"{number:04x}")
        usage = () if isinstance(key, ec.EllipticCurvePrivateKey) else (
            "--mark-decrypt",)
        cls.token.p11tool("--write", "--load-privkey", pem, "--mark-private",
                          "--mark-sign", *usage, *who)
        cls.token.p11tool("--write", "--load-certificate",
                          cls.dir / "vector.pem", "--no-mark-private", *who)

    def setUp(self):
        super().setUp()
        self.does("keys")  # now the agent knows its token
        self.line = self.enterContext(packet.Line(self.agent.socket))

    def name(self, key):
        return self.names[key.public_key().public_numbers()]

    def test_pkcs1_decrypts_to_the_known_message(self):
        count = 0
        for key, cases in self.crypt:
            for message, encrypted in cases:
                with self.subTest(key.key_size, number=count):
                    self.assertEqual(self.line.decrypt(
                        self.name(key), packet.RSA_PKCS1, encrypted),
                        (0, message))
                count += 1
        self.assertEqual(count, 20 * len(CHOSEN))

    def test_oaep_decrypts_to_the_known_message(self):
        count = 0
        for key, cases in self.oaep:
            for message, encrypted in cases:
                with self.subTest(key.key_size, number=count):
                    self.assertEqual(self.line.decrypt(
                        self.name(key), packet.RSA_OAEP, encrypted, "sha1"),
                        (0, message))
                    broken = encrypted[:-1] + bytes([encrypted[-1] ^ 1])
                    self.assertNotEqual(self.line.decrypt(
                        self.name(key), packet.RSA_OAEP, broken, "sha1")[0],
                        0)
                count += 1
        self.assertGreaterEqual(count, 12)

    def test_pkcs1_signs_to_the_known_signature(self):
        count = 0
        for key, cases in self.signed:
            for message, signature in cases:
                with self.subTest(key.key_size, number=count):
                    self.assertEqual(self.line.sign(
                        self.name(key), packet.RSA_PKCS1, "sha1", message,
                        digest=False), (0, signature))
                count += 1
        self.assertEqual(count, 20 * len(CHOSEN))

    def test_pss_signatures_verify(self):
        for key, cases in self.pss:
            public = key.public_key()
            for message, known in cases:
                for name in HASHES:
                    size = HASHES[name].digest_size
                    if key.key_size < 16 * size + 16:
                        continue
                    status, made = self.line.sign(
                        self.name(key), packet.RSA_PSS, name, message,
                        digest=False, salt=size)
                    self.assertEqual(status, 0, made)
                    how = padding.PSS(padding.MGF1(HASHES[name]()), size)
                    public.verify(made, message, how, HASHES[name]())
                public.verify(known, message, padding.PSS(padding.MGF1(
                    hashes.SHA1()), 20), hashes.SHA1())

    def test_ecdsa_signatures_verify(self):
        self.assertEqual(len(self.ecdsa), 9)
        for key, name, message in self.ecdsa:
            with self.subTest(key.curve.name, hash=name):
                status, made = self.line.sign(
                    self.name(key), packet.ECDSA, name, message, digest=False)
                self.assertEqual(status, 0, made)
                key.public_key().verify(made, message,
                                        ec.ECDSA(HASHES[name]()))
                r, s = utils.decode_dss_signature(made)
                self.assertEqual(utils.encode_dss_signature(r, s), made)

    def test_good_padding_at_its_edges_gives_the_message(self):
        for key, _ in self.crypt:
            size = (key.key_size + 7) // 8
            for what, block, message in vectors.good_blocks(size):
                with self.subTest(what, bits=key.key_size):
                    self.assertEqual(self.line.decrypt(
                        self.name(key), packet.RSA_PKCS1,
                        vectors.raw(key.public_key(), block)), (0, message))

    def test_every_wrong_padding_is_answered_like_a_good_one(self):
        for key, _ in self.crypt:
            size = (key.key_size + 7) // 8
            limit = key.private_numbers().public_numbers.n
            answers = []
            for what, block in vectors.bad_blocks(size):
                if int.from_bytes(block, "big") >= limit:
                    continue
                answers.append(self.rejected(
                    key, vectors.raw(key.public_key(), block), what))
            for more in (0, 1, 2):
                if (limit + more).bit_length() <= size * 8:
                    answers.append(self.rejected(key, (
                        limit + more).to_bytes(size, "big"), "too large"))
            self.assertGreater(len(answers), 22)
            self.assertEqual(len(set(answers)), len(answers))

    def rejected(self, key, encrypted, what):
        with self.subTest(what, bits=key.key_size):
            first, again = (self.line.decrypt(
                self.name(key), packet.RSA_PKCS1, encrypted)
                for _ in range(2))
            self.assertEqual(first[0], 0, first)
            self.assertEqual(first, again)
            self.assertLessEqual(len(first[1]), len(encrypted) - 11)
            self.assertNotIn(b"a content-encryption key", first[1])
            return first[1] or encrypted  # of length 0 there may be several


if __name__ == "__main__":
    unittest.main()

"""The agent's metrics: that Prometheus can read them, and that each number is
what was done, as the caller and the token counted it themselves."""
import datetime
import re
import struct
import subprocess
import time
import unittest
from collections import defaultdict

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding

import faulty
import faultmod  # found by faulty
import house
import packets

CERTIFICATE, DECRYPT = 5, 7
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\d+(?:\.\d+)?|\+Inf)$")
# What a TLS 1.3 client signs: RFC 8446 4.4.3.
HANDSHAKE = (b" " * 64 + b"TLS 1.3, client CertificateVerify\0" + bytes(32))


def labels(text):
    """{name: value} of what stands in the braces."""
    found, at = {}, 0
    while at < len(text):
        one = LABEL.match(text, at)
        assert one and one[1] not in found, text
        found[one[1]] = re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(
            m[1], m[1]), one[2])
        at = one.end()
    assert not text.endswith(","), text
    return found


def parse(text):
    """{name: (type, {labels as a sorted tuple: number})} of text in version
    0.0.4 of the format; anything that is not in it fails."""
    families, current, awaits = {}, None, None
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        if help_ := re.match(rf"# HELP ({NAME}) (\S.*)$", line):
            assert awaits is None and help_[1] not in families, line
            awaits = help_[1]
            continue
        if type_ := re.match(
                rf"# TYPE ({NAME}) (counter|gauge|histogram)$", line):
            assert type_[1] == awaits, line
            current, awaits = awaits, None
            families[current] = (type_[2], {})
            continue
        sample = SAMPLE.match(line)
        assert sample and awaits is None, line
        name, kind = sample[1], families[current][0]
        suffixes = ("_bucket", "_sum", "_count") if kind == "histogram" \
            else ("",)
        assert name in [current + s for s in suffixes], (current, line)
        place = tuple(sorted(labels(sample[2] or "").items()))
        key = (name[len(current):], *place) if kind == "histogram" else place
        assert key not in families[current][1], line
        families[current][1][key] = float(sample[3])
    for name, (kind, samples) in families.items():
        if kind == "histogram":
            histogram(name, samples)
    return families


def histogram(name, samples):
    """Buckets grow, end with +Inf, and that is the count."""
    parts = defaultdict(lambda: {"_bucket": []})
    for (suffix, *rest), number in samples.items():
        rest = dict(rest)
        edge = rest.pop("le", None)
        assert (edge is not None) == (suffix == "_bucket"), (name, rest)
        part = parts[tuple(rest.items())]
        if edge is None:
            part[suffix] = number
        else:
            part["_bucket"].append((float(edge), number))
    for where, part in parts.items():
        edges = [edge for edge, _ in part["_bucket"]]
        counts = [count for _, count in part["_bucket"]]
        assert edges == sorted(set(edges)), (name, where)
        assert edges[-1] == float("inf"), (name, where)
        assert counts == sorted(counts), (name, where)
        assert counts[-1] == part["_count"], (name, where)
        assert part["_sum"] >= 0, (name, where)


class Format(unittest.TestCase):
    """The witness is sound."""

    def test_what_prometheus_would_refuse_is_refused(self):
        head = "# HELP a b\n# TYPE a counter\n"
        tall = "# HELP h b\n# TYPE h histogram\n"
        parse(head + 'a{b="\\"\\n\\\\"} 1\n')
        parse(tall + 'h_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\n'
              "h_sum 1.5\nh_count 2\n")
        for text in (head + "a 1", head + 'a{b="\\x"} 1\n', head + "b 1\n",
                     head + 'a{b="c",} 1\n', head + "a 1\na 1\n",
                     head + head, "a 1\n", head + "a -\n", head + "\n",
                     "# TYPE a counter\na 1\n",
                     tall + 'h_bucket{le="1"} 3\nh_bucket{le="+Inf"} 2\n'
                     "h_sum 1\nh_count 2\n",
                     tall + 'h_bucket{le="+Inf"} 1\nh_sum 1\nh_count 2\n',
                     tall + 'h_bucket{le="1"} 2\nh_sum 1\nh_count 2\n'):
            with self.assertRaises((AssertionError, KeyError), msg=text):
                parse(text)


class Counted(faulty.Case):
    """One agent, asked in packets of our own, so that we know of each."""

    agent_settings = "deadline = 1"

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.control = cls.dir / "control.sock"
        cls.agent_settings += f"\ncontrol = {cls.control}"
        cls.token.configure(cls.faulty)
        cls.pin = (cls.token.dir / "pin").read_text().strip()

    def setUp(self):
        super().setUp()
        self.addCleanup(self.module.disarm)
        self.connection = packets.Connection(self.agent.socket)
        self.addCleanup(self.connection.close)
        self.name = {which: self.token.thumbprint(which, "sha256")
                     for which in ("rsa", "ec")}
        self.signs()
        self.before = self.metrics()
        self.calls = {name: self.module.calls[name]
                      for name in ("C_Login", "C_FindObjectsInit")}

    def metrics(self):
        self.text = self.does("status", "--metrics",
                              env={"SEALPOINT_CONTROL": str(self.control)})
        return parse(self.text)

    def value(self, families, name, **where):
        samples = families[f"sealpoint_{name}"][1]
        return samples.get(tuple(sorted(where.items())), 0)

    def grown(self, name, **where):
        """By how much since the test began."""
        return (self.value(self.metrics(), name, **where) -
                self.value(self.before, name, **where))

    def operations(self):
        """{(key, kind, result): how many} since the test began."""
        now = self.metrics()["sealpoint_operations_total"][1]
        then = self.before["sealpoint_operations_total"][1]
        return {tuple(value for _, value in where): number - then.get(where, 0)
                for where, number in now.items()
                if number != then.get(where, 0)}

    def becomes(self, expected):
        """A notice may come a little after the answer that it is about."""
        house.wait_for(lambda: self.operations() == expected,
                       f"{expected}, not {self.operations()}", 5)

    def observed(self, name, kind):
        """How many a histogram counted since the test began."""
        key = ("_count", ("kind", kind))
        return (self.metrics()[name][1].get(key, 0) -
                self.before[name][1].get(key, 0))

    def decrypt(self, data):
        body = (bytes.fromhex(self.name["rsa"]) +
                struct.pack(">BBH", packets.PKCS1, 0, len(data)) + data)
        return self.connection.ask(DECRYPT, body)

    def test_operations_are_those_that_were_done(self):
        rsa, ec, ask = self.name["rsa"], self.name["ec"], self.connection
        for _ in range(3):
            self.assertEqual(ask.sign(rsa)[0], 0)
        self.assertEqual(ask.sign(ec, scheme=packets.ECDSA)[0], 0)
        for _ in range(2):
            self.assertEqual(ask.sign(rsa, scheme=packets.PSS, digest=False,
                                      data=HANDSHAKE)[0], 0)
        public = x509.load_pem_x509_certificate(
            self.token.certificate("rsa").read_bytes()).public_key()
        status, _, body = self.decrypt(
            public.encrypt(b"secret words", padding.PKCS1v15()))
        self.assertEqual((status, body[2:]), (0, b"secret words"))
        for _ in range(4):
            self.assertEqual(ask.ask(
                CERTIFICATE, bytes.fromhex(ec) + b"\0")[0], 0)
        self.becomes({
            (self.rsa, "sign", "ok"): 3, (self.ec, "sign", "ok"): 1,
            (self.rsa, "tls", "ok"): 2, (self.rsa, "decrypt", "ok"): 1,
            (self.ec, "certificate", "ok"): 4})
        for kind, number in (("sign", 4), ("tls", 2), ("decrypt", 1),
                             ("certificate", 4)):
            for name in ("sealpoint_token_seconds", "sealpoint_total_seconds"):
                self.assertEqual(self.observed(name, kind), number, name)
        self.assertEqual(self.grown("token_served_total", token="sealpoint"),
                         7)

    def test_who_hangs_up_before_the_answer_is_counted_once(self):
        with self.module.fault("C_Sign", action=faultmod.DELAY, delay=0.2,
                               times=2):
            for _ in range(2):
                with faulty.Caller(self.agent.socket, self.identity) as one:
                    one.ask()
                    time.sleep(0.05)  # for the front to send it on
            self.becomes({(self.rsa, "sign", "ok"): 2})
        self.assertEqual(self.observed("sealpoint_total_seconds", "sign"), 2)

    def test_a_late_answer_was_counted_as_one_in_time_that_failed(self):
        served = self.value(self.before, "token_served_total",
                            token="sealpoint")
        with self.module.fault("C_Sign", action=faultmod.DELAY, delay=1.3,
                               times=1):
            self.assertEqual(self.connection.sign(self.name["rsa"])[0], 10)
            house.wait_for(lambda: self.value(
                self.metrics(), "token_served_total",
                token="sealpoint") > served or
                self.grown("token_restarts_total", token="sealpoint"),
                "the late answer", 5)
        self.becomes({(self.rsa, "sign", "timeout"): 1})

    def test_failures_have_the_class_that_the_caller_was_told(self):
        told = defaultdict(int)
        for value in ("CKR_DEVICE_ERROR", "CKR_KEY_FUNCTION_NOT_PERMITTED",
                      "CKR_DATA_LEN_RANGE", "CKR_PIN_INCORRECT"):
            with self.module.fault("C_Sign", value):
                status, _, text = self.connection.sign(self.name["rsa"])
            self.assertNotEqual(status, 0, value)
            self.assertIn(value, text)
            told[faulty.STATUSES[status].replace(" ", "_")] += 1
            self.signs()
            told["ok"] += 1
        operations = self.operations()
        # While the token recovers it may be asked more than once.
        for result, number in told.items():
            self.assertGreaterEqual(
                operations.get((self.rsa, "sign", result), 0), number, result)
        self.assertGreaterEqual(len(told), 3)

    def test_refusals_are_counted_by_their_reason(self):
        unknown = "42" * 32
        self.assertEqual(self.connection.sign(unknown)[0], packets.NOKEY)
        self.token.dir.chmod(0o711)
        request = struct.pack(">BBHI", 1, packets.SIGN, 0, 1) + \
            packets.Connection.signing(self.name["rsa"])
        code = ("import socket,sys\n"
                "s=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET)\n"
                "s.connect(sys.argv[1]); s.send(bytes.fromhex(sys.argv[2]))\n"
                "print(s.recv(65536)[3])\n")
        said = subprocess.run(
            ["/usr/bin/python3", "-c", code, self.agent.socket,
             request.hex()], user=house.NOBODY, capture_output=True,
            text=True, check=True, timeout=60)
        self.assertEqual(int(said.stdout), packets.DENIED)
        self.assertEqual(self.grown("refused_total", result="no_key"), 1)
        self.assertEqual(self.grown("refused_total", result="denied"), 1)
        self.assertEqual(self.operations(), {})

    def test_a_tokens_numbers_are_those_that_the_token_counted(self):
        self.module.drop_sessions()
        self.signs()
        with self.module.fault("C_Sign", "CKR_FUNCTION_FAILED", times=1):
            self.assertEqual(self.connection.sign(self.name["rsa"])[0], 0)
        now = self.metrics()
        count = {name: self.value(now, f"token_{name}", token="sealpoint")
                 for name in ("up", "locked", "logins", "searches",
                              "sessions", "recoveries", "retries",
                              "identities", "restarts_total", "waiting")}
        # One more holds the login.
        self.assertEqual(count["sessions"] + 1, self.module.sessions)
        self.assertEqual((count["up"], count["locked"], count["waiting"]),
                         (1, 0, 0))
        self.assertEqual(count["identities"], 2)
        grown = {name: count[name] - self.value(
            self.before, f"token_{name}", token="sealpoint")
            for name in ("logins", "searches", "recoveries", "retries",
                         "restarts_total")}
        for name, call in (("logins", "C_Login"),
                           ("searches", "C_FindObjectsInit")):
            self.assertEqual(
                grown[name], self.module.calls[call] - self.calls[call], name)
        self.assertEqual(grown["restarts_total"], 0)
        # Each of the two faults is mended once, and what it hit repeated.
        self.assertEqual((grown["recoveries"], grown["retries"]), (2, 2))
        status = self.status()
        for name in ("logins", "searches", "sessions", "recoveries",
                     "retries", "identities"):
            self.assertEqual(status[name], count[name], name)

    def test_it_says_when_each_certificate_expires(self):
        now = self.metrics()
        rows = {row["thumbprint"]: row for row in self.asks("keys")}
        for which, key in (("rsa", self.rsa), ("ec", self.ec)):
            certificate = x509.load_pem_x509_certificate(
                self.token.certificate(which).read_bytes())
            end = certificate.not_valid_after
            self.assertEqual(
                self.value(now, "certificate_not_after_seconds", key=key),
                end.replace(tzinfo=datetime.timezone.utc).timestamp())
            self.assertTrue(rows[key]["not_after"].startswith(
                end.strftime("%Y-%m-%d")), rows[key])

    def test_nothing_secret_is_in_it(self):
        self.assertNotIn(self.pin, self.text)
        allowed = {"key", "kind", "result", "token", "le", "version"}
        found = {name for _, samples in self.before.values()
                 for where in samples for name, _ in
                 (pair for pair in where if isinstance(pair, tuple))}
        self.assertLessEqual(found, allowed)
        told = self.agent.said()
        for pid in [self.agent.child.pid, *self.agent.descendants()]:
            for name in ("cmdline", "environ"):
                with open(f"/proc/{pid}/{name}", "rb") as file:
                    told += file.read().decode(errors="replace")
        self.assertNotIn(self.pin, told)


if __name__ == "__main__":
    unittest.main()

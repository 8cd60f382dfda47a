"""Policy without TLS: bodies come by plain GET, so that only the hash of a
signed assignment proves them. And a management point that falls silent."""
import unittest

import house

TASK_SEQUENCE, SECRET = 1, 4


class Mixed(house.Case):
    """HTTP, and a self-signed certificate that was made on the token."""

    point_tls = False

    @classmethod
    def prepare(cls):
        cls.mixed = cls.token.self_signed("mixed", "10")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.state = cls.dir / "registered"
        with house.Point(cls.point_dir, tls=False) as point:
            cls.point = point
            cls.port = point.port
            case = cls()
            case.register(cls.state, key=cls.mixed)
        cls.point = None

    def runTest(self):
        """For the one registration of the class."""

    def serving(self, *options):
        return house.Point(self.point_dir, *options, port=self.port,
                           tls=False)

    def policies(self, options):
        return [p for p in self.asks("policy", "list", *options)
                if not int(p["flags"]) & TASK_SEQUENCE]

    def test_every_body_fits_its_hash(self):
        out = self.work / "policies"
        with self.serving() as point:
            options = point.options(self.mixed, self.state)
            rows = self.asks("policy", "sync", "-o", out, *options)
        self.assertEqual({r["result"] for r in rows} - {"skipped"},
                         {"written"})

    def none_is_written(self, mode, says):
        out = self.work / "out"
        with self.serving("--misbehave", mode) as point:
            options = point.options(self.mixed, self.state)
            for policy in self.policies(options):
                if "SHA256:" in policy["location"]:
                    continue  # that hash is right still
                with self.subTest(policy["id"]):
                    said = self.refuses("policy", "get", policy["id"], "-o",
                                        out, *options, says=says)
                    self.assertIn(policy["policy"], said)
                    self.assertFalse(out.exists())

    def test_a_body_that_no_hash_fits_is_not_written(self):
        self.none_is_written("wrong-policy-hash", ("hash", "native mode"))

    def test_a_body_that_was_changed_is_not_written(self):
        self.none_is_written("tampered-payload:policy", "policy")

    def test_sync_fails_for_those_alone(self):
        out = self.work / "policies"
        with self.serving("--misbehave", "wrong-policy-hash") as point:
            done = self.sealpoint("policy", "sync", "-o", out,
                                  *point.options(self.mixed, self.state))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertLessEqual(len(list(out.iterdir())), 1)


class Silent(house.Case):
    """Bodies that never come, over TLS."""

    point_options = ("--misbehave", "hanging:policy")

    def test_sync_stops_after_three(self):
        self.register(self.work / "state")
        out = self.work / "policies"
        done = self.sealpoint(
            "policy", "sync", "-o", out, "--timeout", "1",
            *self.point.options(self.rsa, self.work / "state"))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("3 policies in a row", done.stderr)
        asked = [v for v in self.point.verdicts() if v["kind"] == "policy"]
        self.assertLessEqual(len(asked), 3)
        self.assertEqual(list(out.iterdir()), [])


if __name__ == "__main__":
    unittest.main()

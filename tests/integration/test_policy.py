"""Policy of machines and users, all of it or what changed. Without TLS bodies
come by plain GET, so that only the hash of a signed assignment proves them.
And a management point that falls silent."""
import contextlib
import unittest

import house

TASK_SEQUENCE, SECRET = 1, 4


USER = ("--user", "EXAMPLE\\anna", "--user-sid", "S-1-5-21-1-2-3-1104",
        "--group", "S-1-5-32-545", "--group", "S-1-1-0")


class Assigned:
    """Whose policy, and since when; for both modes."""

    def run_with(self, *command):
        """The rows of a policy command, all that the point noted clean."""
        with self.serving() as point:
            point.forget()
            rows = self.asks("policy", *command,
                             *point.options(self.key, self.state))
            self.noted = point.verdicts()
        for verdict in self.noted:
            self.assertEqual(verdict["errors"], [], verdict)
        return rows

    def test_a_users_policy_is_listed_and_read(self):
        rows = self.run_with("list", *USER)
        self.assertEqual({r["type"] for r in rows}, {"User"})
        secret = next(r for r in rows if int(r["flags"]) & SECRET)
        policy = self.run_with("get", secret["id"], *USER)
        self.assertIn("naa-user", policy["xml"])
        machine = self.run_with("list")
        self.assertEqual({r["type"] for r in machine}, {"Machine"})

    def test_after_the_first_run_only_changes_come(self):
        for whose in ((), USER):
            with self.subTest(whose):
                cookie = self.work / f"cookie{len(whose)}"
                everything = self.run_with("list", *whose)
                first = self.run_with("list", *whose, "--cookie", cookie)
                self.assertEqual(first, everything)
                kept = cookie.read_text()
                changes = self.run_with("list", *whose, "--cookie", cookie)
                self.assertEqual(len(changes), 1)
                self.assertIn(changes[0]["id"], [r["id"] for r in first])
                self.assertEqual(self.noted[-1]["notes"]["reply"], "Delta, 1")
                self.assertNotEqual(cookie.read_text(), kept)
                self.assertEqual(cookie.stat().st_mode & 0o777, 0o600)
                self.assertEqual(
                    self.run_with("list", *whose, "--cookie", cookie), [])

    def test_sync_writes_what_changed(self):
        cookie, out = self.work / "cookie", self.work / "policies"
        args = ("sync", "-o", out, "--cookie", cookie)
        first = self.run_with(*args)
        self.assertGreater(len(first), 5)
        for path in out.iterdir():
            path.unlink()
        changed = self.run_with(*args)
        self.assertEqual([r["result"] for r in changed], ["written"])
        self.assertEqual([p.name for p in out.iterdir()],
                         [changed[0]["file"]])

    def test_a_cookie_that_is_not_ours_is_refused(self):
        cookie = self.work / "cookie"
        with self.serving() as point:
            point.forget()
            args = ("policy", "list", "--cookie", cookie,
                    *point.options(self.key, self.state))
            for text, says in (("", "no policy cookie"),
                               ("nonsense\n", "no policy cookie"),
                               ("sealpoint policy cookie 1 x PRI machine\n",
                                "no policy cookie"),
                               ("sealpoint policy cookie 1 x PRI machine\nc\n",
                                ("x pri machine", "another file"))):
                with self.subTest(text):
                    cookie.write_text(text)
                    self.refuses(*args, says=says)
                    self.assertEqual(cookie.read_text(), text)
            cookie.unlink()
            self.does(*args)
            self.does(*("pri" if a == "PRI" else a for a in args))
            self.refuses(*args, *USER, says=("s-1-5-21", "another file"))
            self.assertEqual(len(point.verdicts()), 2)


class Native(Assigned, house.Case):

    point_options = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.key = cls.rsa
        cls.state = cls.dir / "registered"
        cls().register(cls.state)

    def runTest(self):
        """For the one registration of the class."""

    def serving(self, *options):
        assert not options
        return contextlib.nullcontext(self.point)

    def test_over_tls_a_hash_counts_when_told_so(self):
        out = self.work / "out"
        with house.Point(self.point_dir, "--misbehave",
                         "wrong-policy-hash") as point:
            options = point.options(self.rsa, self.work / "state")
            self.asks("register", *options)
            policy = next(p for p in self.asks("policy", "list", *options)
                          if p["flags"] == 16)
            self.does("policy", "get", policy["id"], "-o", out, *options)
            out.unlink()
            self.refuses("policy", "get", policy["id"], "-o", out, *options,
                         "--policy-hash", "always", says="hash")
            self.assertFalse(out.exists())


class Mixed(Assigned, house.Case):
    """HTTP, and a self-signed certificate that was made on the token."""

    point_tls = False

    @classmethod
    def prepare(cls):
        cls.mixed = cls.key = cls.token.self_signed("mixed", "10")

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

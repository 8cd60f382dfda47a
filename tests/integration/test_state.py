"""The client's state: read-only, locked, corrupt. Each is one sentence with
the file's name, and nothing is lost."""
import os
import shutil
import sqlite3
import unittest

import house


class State(house.Case):

    point_options = ()

    def setUp(self):
        super().setUp()
        self.state = self.work / "state"
        self.smsid = self.register(self.state)["smsid"]
        self.db = self.state / "client.db"
        self.point.forget()

    def refuses_state(self, *words, **options):
        """Before anything is sent, for every command that needs it."""
        for command in (("register",), ("policy", "list")):
            self.refuses(*command,
                         *self.point.options(self.rsa, self.state),
                         says=("client.db|state", *words), **options)
        self.assertEqual(self.point.verdicts(), [])

    def still_registered(self):
        again = self.register(self.state)
        self.assertTrue(again["already"])
        self.assertEqual(again["smsid"], self.smsid)

    def test_the_state_is_its_owners_alone(self):
        self.assertEqual(self.state.stat().st_mode & 0o777, 0o700)
        self.assertEqual(self.db.stat().st_mode & 0o777, 0o600)

    def test_a_locked_file_is_said_and_works_once_it_is_free(self):
        with sqlite3.connect(self.db, isolation_level=None) as other:
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            self.refuses_state("locked|another|in use")
            other.execute("ROLLBACK")
        other.close()
        self.still_registered()

    def test_a_corrupt_file_is_said_and_left_as_it_is(self):
        for what, damage in (
                ("garbage", b"garbage" * 1000),
                ("a header and no more", self.db.read_bytes()[:100] + b"x"),
                ("wrong pages", self.db.read_bytes()[:200]
                 + os.urandom(len(self.db.read_bytes()) - 200))):
            with self.subTest(what):
                for extra in self.state.glob("client.db-*"):
                    extra.unlink()
                self.db.write_bytes(damage)
                self.refuses_state("corrupt|damaged|not a|malformed")
                self.assertEqual(self.db.read_bytes(), damage)

    def test_a_directory_that_cannot_be_made_is_said(self):
        self.refuses("register",
                     *self.point.options(self.rsa, "/proc/nonexistent/s"),
                     says="/proc/nonexistent")

    @unittest.skipUnless(os.geteuid() == 0, "needs root to be another user")
    def test_a_file_that_may_not_be_written_is_said(self):
        """As nobody, whom the agent lets in for this test."""
        place = self.dir / "run"
        place.mkdir(mode=0o755, exist_ok=True)
        cls = type(self)
        cls.agent.stop()
        self.token.configure(lambda t: t.replace(
            f"socket = {self.token.dir}", f"socket = {place}").replace(
                "user = ", f"user = {house.NOBODY}, "))
        cls.agent = cls.start_agent()
        copy = self.dir / "sealpoint-copy"
        shutil.copy(self.sealpoint_program, copy)
        for path, mode in ((copy, 0o755), (self.state, 0o755),
                           (self.work, 0o755), (self.db, 0o644),
                           (self.point_dir, 0o755),
                           (self.point_dir / "ca.pem", 0o644),
                           (self.point_dir / "mp-sign.pem", 0o644)):
            path.chmod(mode)
        original = cls.sealpoint_program
        cls.sealpoint_program = copy
        try:
            self.refuses(
                "register", *self.point.options(self.rsa, self.state),
                says="client.db|state",
                before=["setpriv", f"--reuid={house.NOBODY}",
                        f"--regid={house.NOBODY}", "--clear-groups"])
        finally:
            cls.sealpoint_program = original
        self.assertEqual(self.point.verdicts(), [])


if __name__ == "__main__":
    unittest.main()

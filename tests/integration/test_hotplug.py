"""Tokens that come and go while the agent runs: seen without being asked for,
and let go for others."""
import pathlib
import time
import unittest

import faulty
import house

SLOTS = (7, 8)


def asleep(pid):
    """Whether all its threads wait for something."""
    return all(
        (task / "stat").read_text().rpartition(")")[2].split()[0] == "S"
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir())


def naps(pid):
    """How often the threads of a process went to sleep by themselves."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total


class Plugged(faulty.Case):
    settings = "poll = 200"

    def setUp(self):
        super().setUp()
        try:
            self.signs(20)
        except AssertionError as error:
            raise AssertionError(self.agent.said()) from error

    def lines(self, text):
        return [line for line in self.agent.said().splitlines()
                if text in line]

    def state(self):
        return self.status()["state"]

    def test_an_idle_worker_wakes_for_nothing(self):
        pid = self.agent.workers()[0]
        # On a busy machine a thread may come late to its rest.
        house.wait_for(lambda: asleep(pid), "rest")
        before, calls = naps(pid), self.module.calls.all()
        time.sleep(1)
        self.assertEqual(naps(pid), before)
        self.assertEqual(self.module.calls.all(), calls)

    def test_a_token_pulled_while_idle_and_put_back_costs_no_request(self):
        with self.module.removed(0.3):
            pass
        with self.caller() as one:
            self.assertEqual(one.sign().status, 0)
            self.assertEqual(one.sign().status, 0)

    def test_an_awaited_token_is_seen_without_a_request(self):
        with self.caller() as one, self.module.removed():
            self.assertEqual(one.sign().name, "absent")
            house.wait_for(lambda: self.state() == "absent", "absence", 5)
            logged = len(self.lines("is not ready"))
            time.sleep(1)
            # One line for a change of state, however many looks and requests.
            for _ in range(20):
                self.assertEqual(one.sign().name, "absent")
            self.assertEqual(len(self.lines("is not ready")), logged)
        signed = self.module.calls["C_Sign"]
        house.wait_for(lambda: self.state() == "ready", "presence", 2)
        self.assertEqual(self.module.calls["C_Sign"], signed)
        self.signs()

    def test_a_token_put_into_another_slot_is_found_there(self):
        label = "sealpoint"
        first, second = SLOTS
        self.addCleanup(self.no_readers)
        self.module.readers((first, label), (second, None))
        self.signs()
        for slot in (second, first, second):
            self.module.insert(label, slot)
            with self.caller() as one:
                self.assertEqual(one.sign().status, 0)

    def no_readers(self):
        self.module.nreaders = 0
        self.module.drop_sessions()


class Kept(faulty.Case):
    settings = "keepalive = 1\npoll = 100"

    def test_an_idle_token_that_is_used_is_missed_without_a_request(self):
        self.signs(20)
        with self.module.removed():
            house.wait_for(lambda: self.status()["state"] == "absent",
                           "absence", 5)
        house.wait_for(lambda: self.status()["state"] == "ready",
                       "presence", 5)


class Released(faulty.Case):
    settings = "release = 1"

    def test_an_idle_token_has_no_session_until_it_is_used(self):
        self.signs(20)
        self.assertGreater(self.module.sessions, 0)
        logins = self.module.logins_right
        house.wait_for(lambda: self.module.sessions == 0, "the release", 3)
        self.assertEqual(self.status()["state"], "ready")
        self.assertEqual(self.module.calls["C_Logout"], 1)
        with self.caller() as one:
            self.assertEqual(one.sign().status, 0)
        self.assertEqual(self.module.logins_right, logins + 1)
        house.wait_for(lambda: self.module.sessions == 0, "the release", 3)


class Brittle(faulty.Case):
    """A library that, once it has ended, never begins again in the same
    process; some do so after their device was away."""

    settings = "poll = 100\nstart = 2"

    def test_a_fresh_process_takes_the_place_of_a_dead_module(self):
        self.signs(20)
        self.module.brittle = "CKR_DEVICE_ERROR"
        old, logins = self.agent.workers(), self.module.logins_right
        with self.caller() as one, self.module.removed():
            self.assertEqual(one.sign().name, "device")
        self.signs(20)
        self.assertNotEqual(self.agent.workers(), old)
        self.assertEqual(self.status()["restarts"], 1)
        self.assertEqual(self.module.logins_right, logins + 1)
        self.assertEqual(self.module.logins_wrong, 0)
        self.assertIn("a new process loads it again", self.agent.said())


if __name__ == "__main__":
    unittest.main()

"""The agent on a token that fails on command (tests/faultmod): what reaches
the token, what callers are told, and how soon all is well again."""
import os
import signal
import subprocess
import time
import unittest

import faulty
import faultmod  # found by faulty
import house

RESTARTS = 50


def run_once(token, *command):
    """sealpointd for one command; what came of it."""
    return subprocess.run(
        [house.program("sealpointd"), "-c", token.dir / "sealpointd.conf",
         "--", *command], env=token.environment(), timeout=60,
        capture_output=True, text=True, check=False)


class WrongPin(faulty.Case):
    want_agent = False

    def test_fifty_restarts_with_a_wrong_pin_cost_one_try(self):
        """Of the daemon, and of the worker: the token counts its tries, and
        would be locked by the third."""
        self.module.tries_max = 3
        pin = self.token.dir / "pin"
        right = pin.read_text()
        pin.write_text("1" + right)
        command = [self.sealpoint_program, "keys"]
        for _ in range(RESTARTS // 2):
            done = run_once(self.token, *command)
            self.assertNotEqual(done.returncode, 0)
        self.assertEqual(self.module.logins_wrong, 1)
        agent = self.start_agent()
        try:
            for number in range(RESTARTS // 2):
                for pid in agent.workers():
                    os.kill(pid, signal.SIGKILL)
                if number % 5 == 0:
                    with faulty.Caller(agent.socket, self.identity) as one:
                        self.assertNotEqual(one.sign().status, 0)
        finally:
            agent.stop()
        self.assertEqual(self.module.logins_wrong, 1)
        self.assertEqual(self.module.tries_used, 1)
        self.assertEqual(self.module.logins_right, 0)
        pin.write_text(right)
        done = run_once(self.token, *command)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.module.logins_right, 1)
        self.assertEqual(self.module.tries_used, 0)


class FinalTry(faulty.Case):
    want_agent = False

    def test_a_token_with_one_try_left_or_none_is_never_tried(self):
        for flag in ("CKF_USER_PIN_FINAL_TRY", "CKF_USER_PIN_LOCKED"):
            self.module.flags_on = faultmod.CK[flag]
            done = run_once(self.token, self.sealpoint_program, "sign", "-k",
                                         self.rsa, "-i", "/etc/passwd")
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stderr, "(?i)pin")
            self.assertEqual(self.module.calls["C_Login"], 0)
        self.module.flags_on = 0
        done = run_once(self.token, self.sealpoint_program, "keys")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.module.calls["C_Login"], 1)


class Sessions(faulty.Case):
    agent_settings = "deadline = 2"
    settings = "sessions = 8"

    def setUp(self):
        super().setUp()
        self.addCleanup(self.free)
        self.signs(20)

    def free(self):
        self.module.limited = 0
        self.module.sessions_taken = 0

    def rush(self, seconds):
        crowd = self.crowd(8)
        time.sleep(seconds)
        crowd.stop()
        self.assertEqual(crowd.lost, 0)
        self.assertEqual(crowd.wrong, [])
        self.assertLess(crowd.slowest, 4)
        return crowd

    def test_any_number_of_free_sessions_hangs_no_caller(self):
        for most in (1, 2, 3):
            with self.subTest(sessions=most):
                self.module.limited = 1
                self.module.sessions_max = most
                self.module.drop_sessions()
                crowd = self.rush(0.7)
                self.assertGreater(crowd.good, 0)
                self.assertLessEqual(self.module.sessions, most)
                for answer in crowd.failures:
                    self.assertTrue(answer.retry, answer.text)
                self.free()
                self.signs()

    def test_with_none_free_each_caller_is_told_in_time(self):
        self.module.limited = 1
        self.module.sessions_max = self.module.sessions_taken = 4
        self.module.drop_sessions()
        crowd = self.rush(1)
        self.assertEqual(crowd.good, 0)
        self.assertGreater(len(crowd.failures), 0)
        for answer in crowd.failures:
            self.assertIn(answer.name, ("busy", "time-out"), answer.text)
            self.assertTrue(answer.retry)
        self.free()
        self.signs()


class Ends(faulty.Case):
    """A module that dies or hangs takes its worker with it, and nobody
    else."""
    agent_settings = "deadline = 2"

    def test_a_module_that_dies_in_any_call_is_survived(self):
        self.signs(20)
        for call in ("C_SignInit", "C_Sign"):
            for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT):
                with self.subTest(call=call, signal=number):
                    self.module.arm(call, faultmod.SIGNAL, number, times=1)
                    self.signs()
                    self.module.disarm()

    def test_ends_in_the_middle_of_logins_are_survived(self):
        """Nobody knows what the token said to the PIN; but it took it
        before, and this daemon remembers."""
        self.signs(20)
        self.module.arm("C_Login", faultmod.SIGNAL, signal.SIGKILL, times=4)
        os.kill(self.agent.workers()[0], signal.SIGKILL)
        self.signs(20)
        self.assertEqual(self.module.logins_wrong, 0)

    def test_a_module_that_hangs_is_answered_for_in_time(self):
        self.signs(20)
        for call in ("C_SignInit", "C_Sign"):
            with self.subTest(call=call):
                with self.module.fault(call, action=faultmod.HANG, times=1):
                    answer = self.caller().sign()
                    self.assertEqual(answer.name, "time-out", answer.text)
                    self.assertTrue(answer.retry)
                    self.assertLess(answer.seconds, 3)
                    # The hanging worker is ended: no need to let it go on.
                    self.signs()


class Told(faulty.Case):
    """What a caller is told of a token that fails, what it costs, and that
    status says what happened."""
    agent_settings = "deadline = 4"

    # Value, status once it lasts, retry. tests/faultmod/sweep.c has them all.
    VALUES = (("CKR_DEVICE_ERROR", "device", True),
              ("CKR_DEVICE_REMOVED", "absent", True),
              ("CKR_SESSION_HANDLE_INVALID", "device", True),
              ("CKR_USER_NOT_LOGGED_IN", "device", True),
              ("CKR_SESSION_COUNT", "busy", True),
              ("CKR_HOST_MEMORY", "memory", True),
              ("CKR_PIN_LOCKED", "pin locked", False))

    def processes(self):
        return [pid for pid, name in self.agent.descendants().items()
                if name.startswith("sealpoint-")]

    def used(self):
        return [(self.descriptors(pid), self.memory(pid))
                for pid in self.processes()]

    def one_cell(self, one, call, value, name, retry):
        if call != "C_Sign":
            self.module.drop_sessions()
        with self.module.fault(call, value, times=1):
            once = one.sign()
        self.assertIn(once.name, ("ok", name), once.text)
        self.signs()
        if call != "C_Sign":
            self.module.drop_sessions()
        with self.module.fault(call, value):
            for _ in range(2):
                answer = one.sign()
                self.assertEqual(answer.name, name, answer.text)
                self.assertEqual((answer.ckr, answer.retry == 1),
                                 (faultmod.CK[value], retry), answer.text)
                self.assertIn(value, answer.text)
                self.assertLess(answer.seconds, 4)
                time.sleep(answer.after_ms / 1000)
        self.signs()

    def test_each_failure_is_told_by_class_and_leaves_nothing_behind(self):
        self.signs(20)
        # As many threads as there will ever be; their stacks are locked.
        crowd = self.crowd(8)
        time.sleep(0.5)
        crowd.stop()
        one, before = self.caller(), None
        for call in ("C_Sign", "C_OpenSession"):
            for value, name, retry in self.VALUES:
                with self.subTest(call=call, value=value):
                    self.one_cell(one, call, value, name, retry)
            if before is None:
                before, pids = self.used(), self.processes()
        self.assertEqual(self.processes(), pids)
        # Who hung up may still be there for a moment.
        house.wait_for(
            lambda: all(now[0] <= then[0] + 1 for then, now in
                        zip(before, self.used())), "no more descriptors", 10)
        for (_, then), (_, now) in zip(before, self.used()):
            self.assertLess(now, then + (4 << 20))
        self.assertEqual(self.module.logins_wrong, 0)

    def test_status_says_what_the_token_saw(self):
        self.signs(20)
        started = self.status()
        signed, login = self.module.calls["C_Sign"], self.module.logins_right
        for _ in range(3):
            self.module.drop_sessions()
            self.signs()
        for _ in range(2):
            for pid in self.agent.workers():
                os.kill(pid, signal.SIGKILL)
            self.signs(5)
        now = self.status()
        self.assertEqual(now["state"], "ready")
        self.assertEqual(now["restarts"] - started["restarts"], 2)
        # These count since the worker's start: the last login is its own.
        self.assertEqual(now["logins"], 1)
        self.assertEqual(self.module.logins_right - login, 5)
        self.assertGreaterEqual(self.module.calls["C_Sign"] - signed, 5)
        self.module.drop_sessions()
        self.signs()
        self.assertEqual(self.status()["recoveries"] - now["recoveries"], 1)
        self.assertEqual(self.status()["logins"], 2)
        self.assertEqual(self.status()["sessions"], self.module.sessions - 1)
        self.assertEqual(self.agent.said().count("its worker ended"), 2)


if __name__ == "__main__":
    unittest.main()

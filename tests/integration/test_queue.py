"""A card that signs once in a while: who waits, in which order, and who is
told to come back."""
import sys
import time
import unittest

import caller
import house

sys.path.insert(0, str(house.ROOT / "tests/faultmod"))
import faultmod  # noqa: E402

STEP = 0.3  # seconds that the card takes
PLACES = 10  # callers that it can serve within the deadline


class Slow(house.Case):

    want_agent = False

    @classmethod
    def prepare(cls):
        cls.module = faultmod.Faultmod(cls.dir, cls.token.module, house.BUILD)
        cls.addClassCleanup(cls.module.close)
        cls.token.configure(
            lambda t: t.replace(cls.token.module, str(cls.module.path))
            .replace("sessions = 4", "sessions = 1\ndeadline = 3"))
        cls.identity = caller.Identity(
            cls.token.certificate("rsa").read_bytes())

    def setUp(self):
        super().setUp()
        type(self).agent = self.start_agent()
        self.addCleanup(self.drop)
        self.does("keys")

    def drop(self):
        self.module.disarm()
        self.agent.stop()
        type(self).agent = None

    def slow_down(self, seconds=STEP):
        """And lets the agent see how slow the card is."""
        self.module.arm("C_Sign", faultmod.DELAY, delay=seconds)
        for _ in range(4):
            self.assertEqual(self.caller().sign().status, 0)

    def caller(self):
        one = caller.Caller(self.agent.socket, self.identity)
        self.addCleanup(one.socket.close)
        return one

    def test_ten_callers_are_served_and_the_eleventh_is_told_when(self):
        self.slow_down()
        crowd = [self.caller() for _ in range(PLACES + 1)]
        began = time.monotonic()
        for one in crowd:
            one.ask()
        last = crowd[-1].answer()
        *sure, tenth = answers = [one.answer() for one in crowd[:-1]]
        # The tenth is on the edge: a machine that is slow itself may cost it
        # its place, and give that to the eleventh or to none.
        self.assertEqual([a.status for a in sure], [0] * len(sure),
                         [a.text for a in answers])
        self.assertIn(caller.BUSY, (tenth.status, last.status))
        self.assertLessEqual({tenth.status, last.status}, {0, caller.BUSY})
        if last.status:
            self.assertLess(last.at - began, STEP, "told late")
            self.assertTrue(last.retry)
            self.assertGreater(last.after_ms, 0)
            self.assertLess(last.after_ms, 3 * STEP * 1000)
            self.assertIn("try again in 1 s", last.text)
        times = [a.at for a in sure]
        self.assertEqual(times, sorted(times), "served out of turn")

    def test_one_caller_with_much_to_ask_does_not_keep_another_waiting(self):
        self.slow_down()
        greedy, modest = self.caller(), self.caller()
        for _ in range(32):
            greedy.ask()
        began = time.monotonic()
        self.assertEqual(modest.sign().status, 0)
        self.assertLess(time.monotonic() - began, 4 * STEP)
        answers = [greedy.answer() for _ in range(32)]
        self.assertLessEqual({a.status for a in answers}, {0, caller.BUSY})
        self.assertGreaterEqual(sum(a.status == 0 for a in answers),
                                PLACES - 2)

    def test_what_nobody_waits_for_costs_the_card_nothing(self):
        self.slow_down()
        before = self.module.calls["C_Sign"]
        for _ in range(5):
            gone = self.caller()
            gone.ask()
            gone.ask()
            gone.socket.close()
        self.assertEqual(self.caller().sign().status, 0)
        # Ours, and at most what was in the worker's hands.
        self.assertLessEqual(self.module.calls["C_Sign"] - before, 4)

    def test_a_card_that_is_quick_again_is_asked_again(self):
        self.slow_down(0.6)
        self.module.disarm()
        crowd = [self.caller() for _ in range(PLACES)]
        end = time.monotonic() + 20
        while True:
            for one in crowd:
                one.ask()
            if all(one.answer().status == 0 for one in crowd):
                break
            self.assertLess(time.monotonic(), end, "busy for ever")

    def test_the_client_library_comes_back_by_itself(self):
        self.slow_down()
        crowd = [self.caller() for _ in range(PLACES)]
        for one in crowd:
            one.ask()
        self.does("sign", "-k", self.rsa, "-i", "/etc/passwd", "-o",
                  self.work / "sig")
        statuses = [one.answer().status for one in crowd]
        self.assertEqual(set(statuses[:-1]), {0})
        self.assertIn(statuses[-1], (0, caller.BUSY))


if __name__ == "__main__":
    unittest.main()

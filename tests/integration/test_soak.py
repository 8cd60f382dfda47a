"""Clients sign without a pause while the worker is killed, the sessions are
taken away and the token is pulled, each once a second: no signature is wrong,
no reply is lost, and afterwards all is as fast as before."""
import os
import signal
import time
import unittest

import faulty

CLIENTS = 8
SETTLE_S = 2  # after the last fault; the figure
RATIO = 0.95
WINDOWS = 4


class Soak(faulty.Case):
    settings = "sessions = 8"

    def kill(self):
        for pid in self.agent.workers():
            os.kill(pid, signal.SIGKILL)

    def drop(self):
        self.module.drop_sessions()

    def pull(self):
        with self.module.removed(0.3):
            pass

    def torment(self, rounds):
        """Each fault once a second; returns when the last one is over."""
        for _ in range(rounds):
            began = time.monotonic()
            for at, fault in ((0, self.kill), (0.33, self.drop),
                              (0.66, self.pull)):
                time.sleep(max(0, began + at - time.monotonic()))
                fault()
            time.sleep(max(0, began + 1 - time.monotonic()))

    def fresh_rate(self, seconds):
        """Of an agent to which nothing happened: the machine is shared, and
        may be slower now than before."""
        self.agent.stop()
        type(self).agent = self.start_agent()
        self.signs(20)
        crowd = self.crowd(CLIENTS)
        try:
            return crowd.rate(seconds)
        finally:
            crowd.stop()

    def rate_after(self, crowd, before, window):
        """Another program may disturb a window, so there are a few; a loss
        that stays is in all of them."""
        rates = []
        while len(rates) < WINDOWS and max(rates, default=0) < RATIO * before:
            rates.append(crowd.rate(window))
        return max(rates)

    def soak(self, rounds, window):
        self.signs(20)
        crowd = self.crowd(CLIENTS)
        try:
            crowd.rate(0.5)
            before = crowd.rate(window)
            good, starts = crowd.good, self.module.calls["C_Initialize"]
            self.torment(rounds)
            during = (crowd.good - good) / rounds
            starts = self.module.calls["C_Initialize"] - starts
            time.sleep(SETTLE_S)
            after = self.rate_after(crowd, before, window)
        finally:
            crowd.stop()
        if after < RATIO * before:
            before = min(before, self.fresh_rate(window))
        told = crowd.told()
        print(f"\nsoak: {3 * rounds} faults; {crowd.good} signatures, "
              f"failures {told}, lost {crowd.lost}, answers too many "
              f"{crowd.strays}, slowest {crowd.slowest:.2f} s; "
              f"{before:.0f}/s before, {during:.0f}/s between faults, "
              f"{after:.0f}/s after "
              f"({after / before:.2f}); C_Login "
              f"{self.module.calls['C_Login']}, wrong PIN "
              f"{self.module.logins_wrong}")
        self.assertEqual(crowd.wrong, [])
        self.assertEqual(crowd.lost, 0)
        # docs/PROTOCOL.md, Transport: only a worker's death may cause one.
        self.assertLessEqual(crowd.strays, CLIENTS * rounds)
        self.assertEqual(
            [a.text for a in crowd.failures if not a.retry], [])
        self.assertNotIn("time-out", told)
        # Each death was followed by a start, within the second.
        self.assertGreaterEqual(starts, 0.8 * rounds)
        self.assertEqual(self.module.logins_wrong, 0)
        self.assertGreaterEqual(after, RATIO * before)


class Quick(Soak):

    def test_three_seconds_of_faults(self):
        self.soak(3, 1)


class Minute(Soak):

    def test_a_minute_of_faults(self):
        self.soak(60, 4)


del Soak

if __name__ == "__main__":
    unittest.main()

"""Clients sign without a pause while the worker is killed, the sessions are
taken away and the token is pulled, each once a second: no signature is wrong,
no reply is lost, and afterwards all is as fast as before. Or while the token
comes and goes many times in a second: the agent ends with what is true of it,
and nothing is left behind."""
import os
import random
import signal
import time
import unittest

import faulty
import house

CLIENTS = 8
SETTLE_S = 2  # after the last fault; the figure
RATIO = 0.95
WINDOWS = 4
FLICKER_MS = (1, 5, 20, 60)  # at most, that it is in, or out


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


class Flicker(faulty.Case):
    settings = "sessions = 4\npoll = 100"

    def flicker(self, times, chance):
        """Out and in, so that each step of a bringing-up is met."""
        for _ in range(times):
            for move in (self.module.remove, self.module.put_back):
                move()
                most = chance.choice(FLICKER_MS)
                time.sleep(chance.uniform(0, most) / 1000)

    def agrees(self):
        """With the token, of which it has just what it says."""
        house.wait_for(lambda: self.status()["state"] == "ready", "presence")
        self.assertEqual(self.status()["sessions"], self.module.sessions - 1)
        with self.module.removed(), self.caller() as one:
            self.assertEqual(one.sign().name, "absent")
            house.wait_for(lambda: self.status()["state"] == "absent",
                           "absence")
        house.wait_for(lambda: self.status()["state"] == "ready", "presence")

    def round(self, times, chance):
        """Used descriptors and memory of the worker after it."""
        crowd = self.crowd(4)
        try:
            self.flicker(times, chance)
            good = crowd.good
            house.wait_for(lambda: crowd.good > good + 8, "signatures")
        finally:
            crowd.stop()
        self.agrees()
        print(f"flicker: {times} times; {crowd.good} signatures, failures "
              f"{crowd.told()}, slowest {crowd.slowest:.2f} s")
        self.assertEqual((crowd.wrong, crowd.lost, crowd.strays), ([], 0, 0))
        self.assertEqual(
            [a.text for a in crowd.failures if not a.retry], [])
        pid = self.agent.workers()[0]
        return self.descriptors(pid), self.memory(pid)

    def soak(self, rounds, times):
        seed = random.randrange(2 ** 32)
        print(f"\nflicker: seed {seed}")
        chance = random.Random(seed)
        self.signs(20)
        workers = self.agent.workers()
        first = self.round(times, chance)
        for _ in range(rounds):
            files, memory = self.round(times, chance)
        self.assertEqual(self.agent.workers(), workers)
        self.assertEqual(files, first[0])
        self.assertLess(memory, first[1] + (2 << 20))
        self.assertEqual(self.module.logins_wrong, 0)
        self.assertLessEqual(self.module.sessions_peak, 5)


class Quick(Soak):

    def test_three_seconds_of_faults(self):
        self.soak(3, 1)


class Minute(Soak):

    def test_a_minute_of_faults(self):
        self.soak(60, 4)


class QuickFlicker(Flicker):

    def test_a_token_comes_and_goes_a_hundred_times(self):
        self.soak(1, 50)


class LongFlicker(Flicker):

    def test_a_token_comes_and_goes_two_thousand_times(self):
        self.soak(9, 200)


del Soak, Flicker

if __name__ == "__main__":
    unittest.main()

"""An agent on a token that fails on command: house.Case with the faulty module
(tests/faultmod) between the worker and SoftHSM2, and callers that keep account
of every answer."""
import pathlib
import re
import sys
import threading
import time

import caller
import house

sys.path.insert(0, str(house.ROOT / "tests/faultmod"))
import faultmod  # noqa: E402  pylint: disable=wrong-import-position

STATUSES = ("ok", "bad request", "denied", "no key", "ambiguous", "mechanism",
            "absent", "pin", "pin locked", "busy", "time-out", "device",
            "data", "agent", "protocol", "memory")


class Caller(caller.Caller):
    """Counts the answers that come twice, and the time of each."""

    strays = 0

    def sign(self):
        number, began = self.ask(), time.monotonic()
        while True:
            answer = self.answer()
            if answer.id == number:
                answer.name = STATUSES[answer.status]
                answer.seconds = answer.at - began
                return answer
            self.strays += 1


class Crowd:
    """Callers that sign without a pause, each in its own thread; one that is
    told to come back later does."""

    def __init__(self, path, identity, count):
        self.done, self.good, self.lost, self.strays = False, 0, 0, 0
        self.failures, self.wrong, self.slowest = [], [], 0.0
        self.lock = threading.Lock()
        self.threads = [
            threading.Thread(target=self.work, args=(path, identity))
            for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def work(self, path, identity):
        with Caller(path, identity) as one:
            try:
                while not self.done:
                    answer = one.sign()
                    self.note(answer)
                    if answer.status:
                        time.sleep(max(answer.after_ms / 1000, 0.02))
            except TimeoutError:
                self.lost += 1
            except Exception as error:  # pylint: disable=broad-except
                self.wrong.append(repr(error))
            with self.lock:
                self.strays += one.strays

    def note(self, answer):
        with self.lock:
            self.slowest = max(self.slowest, answer.seconds)
            if answer.status:
                self.failures.append(answer)
            else:
                self.good += 1

    def told(self):
        """How often each failure was told."""
        names = [answer.name for answer in self.failures]
        return {name: names.count(name) for name in sorted(set(names))}

    def rate(self, seconds):
        """Signatures in a second, over the next seconds."""
        began, good = time.monotonic(), self.good
        time.sleep(seconds)
        return (self.good - good) / (time.monotonic() - began)

    def stop(self):
        self.done = True
        for thread in self.threads:
            thread.join()


class Case(house.Case):
    """cls.module commands the token; cls.identity is its RSA key."""

    settings = ""  # lines for [token]
    agent_settings = ""  # lines for [agent]

    @classmethod
    def prepare(cls):
        cls.module = faultmod.Faultmod(cls.token.dir, cls.token.module,
                                       house.BUILD)
        cls.held.callback(cls.module.close)
        cls.token.configure(cls.faulty)
        cls.identity = caller.Identity(
            cls.token.certificate("rsa").read_bytes())

    @classmethod
    def faulty(cls, text):
        text = re.sub("(?m)^module = .*",
                      f"module = {cls.module.path}\n{cls.settings}", text)
        return text.replace("[agent]\n", f"[agent]\n{cls.agent_settings}\n")

    def caller(self):
        one = Caller(self.agent.socket, self.identity)
        self.addCleanup(one.socket.close)
        return one

    def crowd(self, count):
        return Crowd(self.agent.socket, self.identity, count)

    def signs(self, seconds=2):
        """There is a signature within so many seconds."""
        said, end = None, time.monotonic() + seconds
        with Caller(self.agent.socket, self.identity) as one:
            while said is None or said.status:
                if time.monotonic() > end:
                    self.fail(f"no signature within {seconds} s: {said.text}\n"
                              f"{self.agent.said()}")
                said = one.sign()
                # Or a busy machine does nothing but refuse.
                time.sleep(said.after_ms / 1000 or 0.02 * bool(said.status))

    def descriptors(self, pid):
        return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))

    def memory(self, pid):
        """Resident bytes."""
        text = pathlib.Path(f"/proc/{pid}/statm").read_text()
        return int(text.split()[1]) * 4096

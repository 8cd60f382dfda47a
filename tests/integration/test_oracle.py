"""Does the time of DECRYPT tell whether the padding was good? Through the real
agent, as a client that may ask measures it. SEALPOINT_TIMING: how many
samples; see tests/timing."""
import os
import subprocess
import unittest

import house


class Oracle(house.Case):

    def test_good_and_bad_padding_take_the_same_time(self):
        done = subprocess.run(
            [house.program("timing"), os.environ.get("SEALPOINT_TIMING", "500"),
             "agent", self.agent.socket, self.rsa],
            capture_output=True, text=True, check=False)
        print(done.stdout, flush=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()

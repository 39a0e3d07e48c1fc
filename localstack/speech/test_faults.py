"""Tests of the faults that tests plan."""

import socket
import threading
import unittest

from faults import Control, Fault


class ControlTest(unittest.TestCase):
    def setUp(self) -> None:
        self.control = Control()
        self.control.plan(Fault("slow", delay=600))
        self.call, self.fault = self.control.start("groq", "k")

    def test_a_reset_lets_go_who_waits(self) -> None:
        waiting = threading.Thread(target=self.control.hold, args=(self.call, self.fault.delay), daemon=True)
        waiting.start()
        self.control.reset()
        waiting.join(30)
        self.assertFalse(waiting.is_alive())

    def test_a_call_from_before_a_reset_is_not_held_up_after_it(self) -> None:
        self.control.reset()
        here, there = socket.socketpair()
        with here, there:
            held = [
                threading.Thread(target=self.control.hold, args=(self.call, self.fault.delay), daemon=True),
                threading.Thread(target=self.control.hang, args=(self.call, here), daemon=True),
            ]
            for thread in held:
                thread.start()
            for thread in held:
                thread.join(30)
            self.assertEqual([thread.is_alive() for thread in held], [False, False])


if __name__ == "__main__":
    unittest.main()

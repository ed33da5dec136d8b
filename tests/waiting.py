"""Tests wait on conditions."""

import time


def until(condition, seconds=15.0):
    """Wait until `condition()` is true, and return what it returned; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)
    return found

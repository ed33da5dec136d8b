"""A system that is never ready."""

import time


def prepare():
    while True:
        time.sleep(60)

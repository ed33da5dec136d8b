"""A process that takes a named lock: `python -m tests.integration.queue.hold_lock NAME WHAT [PATH]`.

`hold`: says "held", and holds it until a line comes in. `fork`: says the process id of a child, which would live
longer. `count`: in the block, in which nobody else may be, adds one to the number in the file PATH; 20 times.
"""

import os
import sys
from pathlib import Path

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

from django_tandem import lock

django.setup()


def count(path):
    number, inside = Path(path), Path(path + ".inside")
    for _ in range(20):
        with lock(sys.argv[1]):
            inside.touch(exist_ok=False)
            number.write_text(str(int(number.read_text()) + 1))
            inside.unlink()


def hold():
    with lock(sys.argv[1]):
        sys.stdout.write("held\n")
        sys.stdout.flush()
        sys.stdin.readline()


def fork():
    with lock(sys.argv[1]):
        if not (child := os.fork()):
            sys.stdin.read()
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        os.waitpid(child, 0)


{"count": count, "hold": hold, "fork": fork}[sys.argv[2]](*sys.argv[3:])

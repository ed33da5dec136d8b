"""A supervisor for tests to kill: `python supervised.py FILE OPTIONS-AS-JSON`. Its children write lines to FILE."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from django_tandem.processes.board import Board
from django_tandem.processes.child import RECYCLED, ChildSpec
from django_tandem.processes.supervisor import Supervisor

FILE = Path(sys.argv[1])
OPTIONS = json.loads(sys.argv[2])
TERM_CAME = threading.Event()


def note(*words):
    with FILE.open("a") as file:
        file.write(" ".join(str(word) for word in words) + "\n")


def begin(name):
    note("began", name, os.getpid())


def patient(name, row):
    """Ends on TERM, after the time that it needs."""
    signal.signal(signal.SIGTERM, lambda *_: TERM_CAME.set())
    row.tick()
    begin(name)
    while not TERM_CAME.wait(0.05):
        row.tick()
    time.sleep(OPTIONS.get("needs_s", 0))
    note("ended", name)
    return 0


def stubborn(name, row):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    begin(name)
    while True:
        time.sleep(60)


def short(name, row):
    begin(name)
    return 4


def recycled(name, row):
    """Has done its share at once."""
    begin(name)
    row.leave()
    return RECYCLED


def claims_to_be_recycled(name, row):
    """Ends with that code, and has not said that it leaves."""
    begin(name)
    return RECYCLED


def parent(name, row):
    """Has a child of its own, such as a program that a task runs."""
    note("grandchild", subprocess.Popen(["sleep", "600"]).pid)
    return patient(name, row)


BODIES = {body.__name__: body for body in (patient, stubborn, short, recycled, claims_to_be_recycled, parent)}


def spec(name, kind, row):
    return ChildSpec(
        name=name,
        body=lambda: BODIES[kind](name, row),
        silent_s=row.age_s,
        leaving=lambda: row.is_leaving,
        last=name == "last",
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    children = OPTIONS["children"]
    board = Board(len(children), 1)

    def on_death(death):
        note("died", death.name, death.pid, death.status)
        board.row(list(children).index(death.name)).clear()

    supervisor = Supervisor(
        [spec(name, kind, board.row(number)) for number, (name, kind) in enumerate(children.items())],
        on_death=on_death,
        on_stop=lambda: note("stopping"),
        **{"drain_s": 20, "silent_s": 60, **OPTIONS.get("supervisor", {})},
    )
    sys.exit(supervisor.run())

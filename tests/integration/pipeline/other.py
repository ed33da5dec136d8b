"""Another process of the pipeline, for tests: `begin POLICY COMMIT…` or `drive RUN LIMIT_S`. It prints JSON lines.

`begin` has a process for each commit and lets all go at once. `drive` takes the lock, keeps it with a
heartbeat, and writes a step for each line that it is told.
"""

import json
import os
import sys
from datetime import timedelta

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django
from django.db import connections

from django_tandem.errors import Refused
from django_tandem.pipeline import ledger, lock, stages
from django_tandem.queue.connect import connect


def say(**facts):
    # In one write, so that lines of several processes stay whole.
    os.write(sys.stdout.fileno(), f"{json.dumps(facts)}\n".encode())


def begin(policy, *commits):
    """In a process for each commit, forked so that they need not all start; let go in one moment."""
    closed, opened = os.pipe()
    children = []
    for commit in commits:
        if (child := os.fork()) == 0:
            os.close(opened)
            _begin(policy, commit, closed)
            os._exit(0)
        children.append(child)
    os.close(opened)
    for child in children:
        os.waitpid(child, 0)


def _begin(policy, commit, closed):
    with connect("default", purpose="begins") as connection:
        os.read(closed, 1)  # ends when the last has closed its end: the parent, which has started all
        try:
            begun = ledger.begin_run(connection, commit, ref="main", by="ada", via="there", policy=policy)
        except Refused as error:
            say(pid=os.getpid(), refused=str(error))
        else:
            say(pid=os.getpid(), run=begun.run.id, is_new=begun.is_new)


def drive(run, limit_s):
    with connect("default", purpose="drives") as connection:
        held = lock.acquire(connection, run=int(run), limit=timedelta(seconds=float(limit_s)))
        every_s = float(limit_s) / 10
        with lock.Heartbeat(lambda: connect("default", purpose="heartbeat"), held, every_s=every_s) as heartbeat:
            say(epoch=held.epoch, pid=os.getpid())
            for _ in sys.stdin:
                try:
                    row = ledger.began(connection, held, int(run), stages.BUILD)
                except Refused as error:
                    say(error=type(error).__name__, text=str(error), heartbeat_knows=heartbeat.lost is not None)
                else:
                    say(row=row)


if __name__ == "__main__":
    django.setup()
    connections["default"].settings_dict["NAME"] = os.environ["TEST_DATABASE"]
    {"begin": begin, "drive": drive}[sys.argv[1]](*sys.argv[2:])

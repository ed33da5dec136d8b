"""Jobs whose beginning and end can be seen from outside: each writes lines into one file."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import psycopg

from django_tandem.queue.priority import DEFAULT_PATIENCE, head_start
from django_tandem.queue.statements import statement
from tests.waiting import until

BEGINS_S = 30


class Work:
    """The jobs of one office. A job that is held ends when `open` is called."""

    def __init__(self, office):
        self.office = office
        self.path = office.folder / "lines"
        self.gate = office.folder / "gate"
        self.path.touch()

    def enqueue(self, task, *arguments, after_s=0, priority=0):
        """Enqueue a task of the office, as its pages do; returns the job's id. It is to run after so many seconds."""
        parameters = {
            "queue": "default",
            "task": f"office.tasks.{task}",
            "arguments": json.dumps([[str(self.path), *arguments], {}]),
            "backend": "default",
            "priority": priority,
            "head_start": head_start(priority, DEFAULT_PATIENCE),
            "id": None,
            "run_after": datetime.now(timezone.utc) + timedelta(seconds=after_s),
            **dict.fromkeys(("expires", "unique_key", "limit_key", "limit_most", "trace")),
        }
        how = statement("enqueue", "enqueue_as" if after_s else "enqueue")
        with psycopg.connect(self.office.database_url, autocommit=True) as connection:
            return connection.execute(how, parameters).fetchone()[0]

    def hold(self, line):
        """A job that says that it has begun, and goes on until `open`."""
        return self.enqueue("write_until", line, str(self.gate))

    def write(self, line, after_s=0, priority=0):
        """A job that takes no time."""
        return self.enqueue("write", line, after_s=after_s, priority=priority)

    def open(self):
        self.gate.touch()

    def lines(self, *words):
        """The lines that begin with `words`, split."""
        lines = [line.split() for line in self.path.read_text().splitlines()]
        return [line for line in lines if line[: len(words)] == list(words)]

    def begun(self, line, times=1):
        """Wait until the job `line` has begun for the `times`th time; the process in which it did."""
        return int(until(lambda: len(found := self.lines("begin", line)) >= times and found[times - 1][2], BEGINS_S))

    def results(self):
        """Of every finished job: id, state (3 successful, 4 failed), attempt and server."""
        return self.office.query("SELECT id, state, attempt, server FROM tandem_result ORDER BY id")

    def unfinished(self):
        """Of every other job: id, state (1 ready, 2 running), attempt and server."""
        return self.office.query("SELECT id, state, attempt, server FROM tandem_job ORDER BY id")

    def finished(self, count):
        """Wait until so many jobs have finished and none is left."""
        until(lambda: len(self.results()) >= count and not self.unfinished(), BEGINS_S)
        return self.results()

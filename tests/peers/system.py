"""A system as benchmarks.peers.driver runs one: a queue in a file of SQLite."""

import json
import os
import sqlite3
import sys
import time

from benchmarks.peers import jobs

connection = sqlite3.connect(os.environ["TANDEM_PEERS_ADDRESS"], isolation_level=None, timeout=60)
connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF")


def prepare():
    assert "DJANGO_SETTINGS_MODULE" not in os.environ, "that is Tandem's project, not this system's"
    connection.execute("CREATE TABLE job (id INTEGER PRIMARY KEY, urgent INTEGER, name TEXT, arguments TEXT)")


def enqueue(job, *arguments, urgent=False):
    connection.execute(
        "INSERT INTO job (urgent, name, arguments) VALUES (?, ?, ?)", (urgent, job, json.dumps(arguments))
    )


def unfinished():
    return connection.execute("SELECT count(*) FROM job").fetchone()[0]


def workers():
    return [[sys.executable, "-m", __name__]] * 2


def work():
    take = "DELETE FROM job WHERE id = (SELECT id FROM job ORDER BY urgent DESC, id LIMIT 1) RETURNING name, arguments"
    while True:
        taken = connection.execute(take).fetchall()
        for name, arguments in taken:
            getattr(jobs, name)(*json.loads(arguments))
        if not taken:
            time.sleep(0.001)


if __name__ == "__main__":
    work()

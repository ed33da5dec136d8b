"""A worker process for tests to kill: `python -m tests.integration.queue.run_worker OPTIONS-AS-JSON`.

With `supervised` it has a supervisor, which does for a dead worker what an Async Server does: it reads on the board
what had begun, and gives the jobs back.
"""

import json
import logging
import os
import sys
from pathlib import Path

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

from django_tandem.processes.board import Board
from django_tandem.processes.child import ChildSpec
from django_tandem.processes.supervisor import Supervisor
from django_tandem.queue import lease, worker
from django_tandem.queue.connect import connect
from django_tandem.queue.priority import NO_RESERVE, Reserve
from django_tandem.queue.worker import WorkerOptions, main
from django_tandem.queue.yielding import Yielding

DEFAULTS = {"alias": "default", "queues": ["default"], "threads": 2, "coroutines": 10, "drain": 10}


def supervise(options, board):
    row = board.row(0)

    def on_death(death):
        with connect(options.alias, purpose="keeper") as connection:
            lease.put_back(connection, options.server, death.pid, row.begun())
        row.clear()

    return Supervisor(
        [ChildSpec(name="worker", body=lambda: main(options, row))], drain_s=options.drain, on_death=on_death
    ).run()


def trace_into(path):
    """What the project of a worker does that wants its spans: they are sent a minute later, unless somebody flushes."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

    out = Path(path).open("a")  # noqa: SIM115 - open as long as the process lives
    exporter = ConsoleSpanExporter(out=out, formatter=lambda span: span.to_json(indent=None) + "\n")
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=60_000))
    trace.set_tracer_provider(provider)


if __name__ == "__main__":
    if "TANDEM_TEST_SPANS" in os.environ:
        trace_into(os.environ["TANDEM_TEST_SPANS"])
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    django.setup()
    given = {**DEFAULTS, **json.loads(sys.argv[1])}
    supervised = given.pop("supervised", False)
    given["reserve"] = Reserve(*given.get("reserve", NO_RESERVE))
    given["yielding"] = Yielding(*given["yielding"]) if "yielding" in given else None
    worker.RECONNECT_S = given.pop("reconnect_s", worker.RECONNECT_S)
    options = WorkerOptions(**{**given, "queues": tuple(given["queues"])})
    board = Board(1, options.threads + options.coroutines)
    sys.exit(supervise(options, board) if supervised else main(options, board.row(0)))

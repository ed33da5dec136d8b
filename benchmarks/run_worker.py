"""One worker process of the queue benchmark: `python -m benchmarks.run_worker SERVER THREADS`."""

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")

import django

from django_tandem.processes.board import Board
from django_tandem.queue.worker import WorkerOptions, main

if __name__ == "__main__":
    django.setup()
    server, threads = map(int, sys.argv[1:])
    options = WorkerOptions(
        alias="default",
        server=server,
        release="bench",
        queues=("default",),
        threads=threads,
        coroutines=100,
        drain=5,
    )
    sys.exit(main(options, Board(1, threads + 100).row(0)))

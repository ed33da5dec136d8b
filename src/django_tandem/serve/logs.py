"""Where Tandem's own words go when the project's LOGGING does not say."""

from __future__ import annotations

import io
import logging
import sys

from django_tandem.queue.tasks_api import TASKS_LOGGER


def prepare() -> None:
    """Show Tandem's events, and tasks that failed, on standard error, unless the project logs them somewhere itself."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what a task prints belongs in the log when it prints it
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    own = logging.getLogger("django_tandem")
    if not own.hasHandlers():
        own.addHandler(handler)
        own.setLevel(logging.INFO)
        own.propagate = False
    tasks = logging.getLogger(TASKS_LOGGER)
    if not tasks.handlers and tasks.level == logging.NOTSET and not logging.getLogger().handlers:
        # A line for each job that went well would be most of the log, and a good part of the work.
        tasks.addHandler(handler)
        tasks.setLevel(logging.WARNING)
        tasks.propagate = False

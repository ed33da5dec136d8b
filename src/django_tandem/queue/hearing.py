"""Whether anybody hears a signal: a task's result is only put together for somebody who looks at it."""

from __future__ import annotations

import logging
import weakref

from django.dispatch import Signal

from django_tandem.queue.tasks_api import TASKS_LOGGER

_logger = logging.getLogger(TASKS_LOGGER)


def is_heard(signal: Signal, level: int = logging.INFO) -> bool:
    """Whether `signal` has a receiver other than Django's own, which writes a log line of `level`, or whether that
    line would be written."""
    for entry in signal.receivers:
        reference = entry[1]
        receiver = reference() if isinstance(reference, weakref.ReferenceType) else reference
        if receiver is None:
            continue
        if getattr(receiver, "__module__", "") != f"{TASKS_LOGGER}.signals" or _logger.isEnabledFor(level):
            return True
    return False

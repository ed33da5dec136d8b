"""Django's connections of a slot's thread: closed when broken or old, as in a request."""

from __future__ import annotations

import threading
from contextlib import suppress

from django.db import close_old_connections, connections
from django.db.backends.signals import connection_created
from django.dispatch import receiver


class _Thread(threading.local):
    """Whether it ever opened one. To ask Django each time costs a job that needs none more than all else that is done
    for it in its slot."""

    has_opened = False


_thread = _Thread()


@receiver(connection_created)
def _opened(**_: object) -> None:
    _thread.has_opened = True


def close_old() -> None:
    """Before and after each job."""
    if _thread.has_opened:
        close_old_connections()


def close_all() -> None:
    """This thread's: it needs them no more, or what is on its way on them must not meet the next job's."""
    with suppress(Exception):
        connections.close_all()

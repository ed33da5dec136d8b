"""Looks: who looks at the fleet, after each of its rows, in the keeper that wrote it; in this order."""

from __future__ import annotations

from collections.abc import Callable

from django_tandem.queue.connect import Connection

Look = Callable[[Connection], object]

LOOKS: tuple[Look, ...] = ()

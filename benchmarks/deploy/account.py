"""The account of orders and of their tasks, from the database."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

import psycopg

from benchmarks.office import Refused

REST_WITHIN_S = 60.0


def count(connection: psycopg.Connection[Any], accepted: Iterable[int]) -> dict[str, int]:
    """`tasks`: one for each order, enqueued in its transaction; `tasks_lost`: those of orders that are in the database
    or that a page `accepted`, and were never confirmed; `tasks_doubled`: confirmations beyond the first."""
    orders = {number for (number,) in connection.execute("SELECT number FROM shop_order")} | set(accepted)
    times = Counter(number for (number,) in connection.execute("SELECT number FROM shop_confirmation"))
    return {
        "tasks": len(orders),
        "tasks_lost": len(orders - times.keys()),
        "tasks_doubled": sum(number - 1 for number in times.values()),
    }


def by_edition(connection: psycopg.Connection[Any]) -> dict[int, int]:
    """How many tasks the code of each edition ran."""
    rows = connection.execute("SELECT edition, count(*) FROM shop_confirmation GROUP BY edition")
    return dict(rows.fetchall())


def come_to_rest(connection: psycopg.Connection[Any], within_s: float = REST_WITHIN_S) -> None:
    """Wait until no job is unfinished. Raises Refused where some are after so long: what waits is not lost."""
    deadline = time.monotonic() + within_s
    while (left := connection.execute("SELECT count(*) FROM tandem_job").fetchone()) != (0,):
        if time.monotonic() > deadline:
            raise Refused(
                f"{left[0] if left else 0} tasks still wait after {within_s:.0f} s: the server cannot keep up"
            )
        time.sleep(0.1)

"""What the queue is to reach, and a table that tells what it did: for benchmarks.queue."""

from __future__ import annotations

from rich.table import Table

# By figure: the least, or of a time the most; as a share of another figure where one is named.
GOALS: dict[str, tuple[str | None, float]] = {
    "drain_per_s": ("limit_claim_finish_per_s", 0.28),
    "enqueue_per_s": ("limit_insert_per_s", 0.75),
    "enqueue_in_transaction_per_s": (None, 15_000),
    "enqueue_together_per_s": (None, 15_000),
    "bulk_per_s": (None, 150_000),
    "pickup_p50_ms": (None, 1.0),
    "urgent_p99_ms": (None, 6.0),
    "claim_ms_1m_ready": ("claim_ms_1k_ready", 1.3),
    "claim_ms_100k_blocked": ("claim_ms_1k_ready", 1.3),
    "killed_worker_again_ms": (None, 1_000),
    "killed_server_again_ms": (None, 17_000),
    "held_xmin_ratio": (None, 0.9),
    "four_servers_ratio": (None, 1.0),
}


def table(figures: dict[str, float]) -> Table:
    """A row a figure, in their order."""
    table = Table("figure", "measured", "goal", "reached")
    for name, value in figures.items():
        limit, goal = GOALS.get(name, (None, None))
        if goal is None:
            table.add_row(name, f"{value:,.2f}", "", "")
        elif limit is not None:
            share = value / figures[limit]
            table.add_row(name, f"{value:,.2f}", f"{goal} of {limit}", f"{share:.2f}")
        else:
            met = value <= goal if name.endswith("_ms") else value >= goal
            table.add_row(name, f"{value:,.2f}", f"{goal:,}", "yes" if met else "no")
    return table

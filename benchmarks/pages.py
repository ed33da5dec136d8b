"""How long the dashboard's pages take: `python -m benchmarks.pages [--json]`, figures as one JSON object.

A million results, 100,000 ready jobs, a day of samples of two servers. Each page is asked for in this process, through
all middleware, as a browser would be answered; its figure is the median of several, its limit 100 ms.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import click
import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks import crowd, database, office, overhead

RESULTS, READY = 1_000_000, 100_000
TIMES = 7
LIMIT_MS, LIMIT_US = 100.0, 50.0
RELEASE = "4c1d9e02ab77"
SPANS = ("3h", "24h", "30d")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Only the JSON object.")
@click.option("--results", default=RESULTS, show_default=True, type=click.IntRange(0))
@click.option("--ready", default=READY, show_default=True, type=click.IntRange(0))
@click.option("--profile", help="Of this page, by its address below the dashboard, show where the time goes.")
def main(as_json: bool, results: int, ready: int, profile: str | None) -> None:
    """Measure every page of the dashboard beside its limit."""
    console = Console(stderr=True, quiet=as_json)
    server = database.server()
    url = database.fresh(server, "tandem_bench_pages")
    with console.status(f"{results:,} results, {ready:,} ready jobs, a day of samples"):
        pages = prepare(url, results, ready)
    if profile is not None:
        pages.profile(profile)
        return
    took = {address: pages.ms(address) for address in pages.addresses()}
    slowest = max(took, key=lambda address: took[address])
    figures: dict[str, Any] = {
        "pages": {address: round(ms, 1) for address, ms in took.items()},
        "slowest": slowest,
        "slowest_ms": round(took[slowest], 1),
        "limit_ms": LIMIT_MS,
        "request_overhead_us": round(overhead.request_overhead_us(), 1),
        "limit_us": LIMIT_US,
        "results": results,
        "ready": ready,
    }
    if not as_json:
        console.print(_table(figures))
    click.echo(json.dumps({**figures, **database.describe(server), "cores": os.cpu_count()}))


def prepare(url: str, results: int, ready: int) -> Pages:
    """The tables in the new, empty database at `url`, and what they hold. Once in a process."""
    os.environ["TANDEM_BENCH_DATABASE_URL"] = url
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings_pages"
    os.environ["TANDEM_CONFIG"] = str(office.HOME / "tandem.toml")
    os.environ["TANDEM_RELEASE"] = RELEASE
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    fill(url, results, ready)
    return Pages()


def fill(url: str, results: int, ready: int) -> None:
    """A fleet with a past."""
    from django_tandem.queue import fence, lease, scheduler
    from django_tandem.queue.connect import connect

    now = datetime.now(timezone.utc)
    with connect("default", purpose="benchmark") as connection:
        scheduler.make_partitions(connection)
        fence.activate(connection, RELEASE)
        for role, host in (crowd.OFFICE, crowd.WORKER):
            lease.register(
                connection, role=role, host=host, pid=1, release=RELEASE, config_digest="0" * 64, state="active"
            )
    with psycopg.connect(url, autocommit=True) as plain:
        crowd.finished(plain, results)
        crowd.waiting(plain, ready)
        crowd.waiting(plain, ready // 20, state=0)
        crowd.released(plain, [(f"{number:012x}", now - timedelta(hours=3 * number)) for number in range(1, 9)])
        spans = ((5, timedelta(hours=3)), (60, timedelta(hours=24)), (3600, timedelta(days=30)))
        crowd.samples(plain, crowd.Story(now, RELEASE), spans)
        crowd.statistics(plain)
    with connect("default", purpose="benchmark") as connection:
        scheduler.make_partitions(connection)  # what finished yesterday moves to its day


class Pages:
    """The dashboard of benchmarks.settings_pages, as somebody who may everything sees it."""

    def __init__(self) -> None:
        from django.contrib.auth.models import User
        from django.test import Client

        self._client = Client()
        self._client.force_login(User.objects.create_superuser("ada", password=None))

    def cookies(self) -> dict[str, str]:
        """Those of who has logged in."""
        return {name: one.value for name, one in self._client.cookies.items()}

    def addresses(self) -> list[str]:
        """Of all pages: what needs no part in its address, and the Overview's longer spans."""
        from django.conf import settings

        from django_tandem.monitor.dashboard import urls

        found = []
        for one in urls.pages:
            route = str(one.pattern)
            if "<" not in route and one.name != "home" and self._answers(settings.TANDEM_DASHBOARD + route):
                found.append(settings.TANDEM_DASHBOARD + route)
        overview = [f"{address}?span={span}" for address in found if "overview" in address for span in SPANS]
        return found + overview

    def ms(self, address: str, times: int = TIMES) -> float:
        """Milliseconds that the server takes for a page: the median, after one that warms up."""
        self._get(address)
        return statistics.median(self._get(address) for _ in range(times)) * 1000

    def profile(self, route: str) -> None:
        """Print the functions in which a page spends most of its time, and its queries."""
        import cProfile

        from django.conf import settings
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        address = settings.TANDEM_DASHBOARD + route
        self._get(address)
        with CaptureQueriesContext(connection) as captured:
            took = self._get(address)
        print(f"{address}: {took * 1000:.1f} ms")
        for query in captured.captured_queries:
            print(f"{query['time']} s  {' '.join(query['sql'].split())[:160]}")
        with cProfile.Profile() as profiled:
            for _ in range(TIMES):
                self._get(address)
        import pstats

        pstats.Stats(profiled, stream=sys.stdout).sort_stats("cumulative").print_stats(45)

    def _answers(self, address: str) -> bool:
        return bool(self._client.get(address).status_code == 200)

    def _get(self, address: str) -> float:
        began = time.perf_counter()
        answer = self._client.get(address)
        took = time.perf_counter() - began
        assert answer.status_code == 200, (address, answer.status_code)
        return took


def _table(figures: dict[str, Any]) -> Table:
    table = Table("page", "ms", "limit", title=f"{figures['results']:,} results, {figures['ready']:,} ready jobs")
    for address, ms in figures["pages"].items():
        colour = "green" if ms <= LIMIT_MS else "red"
        table.add_row(address, f"[{colour}]{ms:.1f}[/]", f"{LIMIT_MS:.0f}")
    table.add_row("µs a request is counted in", f"{figures['request_overhead_us']:.1f}", f"{LIMIT_US:.0f}")
    return table


if __name__ == "__main__":
    main()

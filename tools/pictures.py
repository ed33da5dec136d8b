"""Take the README's pictures of the dashboard: `python -m tools.pictures [--out FOLDER] [PATH …]`.

They show a story and not a measurement: a release splits a monolith in two, and a flood of jobs comes. It needs
Chromium, as `make acceptance` does.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import click
import psycopg

from benchmarks import crowd, database
from benchmarks.pages import prepare

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
ONE, TWO = "0b7f31c5d2e9", "4c1d9e02ab77"
SIZES = {"": {"width": 1440, "height": 900}, "narrow": {"width": 380, "height": 800}}


class Split(crowd.Story):
    """One server drowns in its own tasks. Six minutes ago a release made it two: the flood is the second one's now."""

    def _is_split(self, at: datetime) -> bool:
        return self.now - at < timedelta(minutes=6)

    def _flooded(self, at: datetime) -> bool:
        return self.now - at < timedelta(minutes=11)

    def office(self, at: datetime, seconds: int) -> dict[str, Any]:
        """Slow under the flood, until it is alone."""
        suffers = self._flooded(at) and not self._is_split(at)
        load = self.random.uniform(6.2, 7.9) if suffers else self.random.uniform(0.4, 0.6)
        typical, failing = (1.1, 0.04) if suffers else (0.06, 0.0)
        return crowd.office_facts(
            self.random, seconds, load=load, per_s=self.random.uniform(8, 11), typical_s=typical, failing=failing
        )

    def worker(self, at: datetime, seconds: int) -> dict[str, Any]:
        """Has all it can do."""
        load = self.random.uniform(3.4, 3.9)
        return crowd.worker_facts(self.random, seconds, load=load, per_s=self.random.uniform(60, 75), running=8)

    def shared(self, at: datetime) -> dict[str, Any]:
        """A flood that is worked off once somebody has time for it."""
        into = (at - self.now).total_seconds()
        if not self._flooded(at):
            return crowd.shared_facts(ready=2, oldest_s=0.3, connections=14)
        if not self._is_split(at):
            return crowd.shared_facts(ready=16_000 + int(660 + into) * 8, oldest_s=660 + into, connections=41)
        return crowd.shared_facts(ready=int(-into * 46) + 2431, oldest_s=300 + into / 4, connections=27)

    def releases(self, at: datetime) -> tuple[str, str]:
        """The Async Server came with the second release."""
        return (TWO, TWO) if self._is_split(at) else (ONE, "")


@click.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=FOLDER, show_default=True)
@click.option("--crowded", is_flag=True, help="With a million results and 100,000 ready jobs.")
@click.argument("paths", nargs=-1)
def main(out: Path, crowded: bool, paths: tuple[str, ...]) -> None:
    """Take pictures of PATHS below the dashboard (overview/), light and dark; with --out also narrow ones."""
    url = database.fresh(database.server(), "tandem_pictures")
    pages = prepare(url, *((1_000_000, 100_000) if crowded else (400, 60)))
    now = datetime.now(timezone.utc)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DELETE FROM tandem_sample")
        connection.execute("UPDATE tandem_fence SET release = %s, changed_at = %s", [TWO, now - timedelta(minutes=6)])
        connection.execute("UPDATE tandem_release SET became_live_at = NULL")
        crowd.samples(connection, Split(now))
    out.mkdir(parents=True, exist_ok=True)
    with served() as address, browser() as chromium:
        for path in paths or ("overview/",):
            for scheme in ("light", "dark"):
                for name, size in SIZES.items() if out != FOLDER else [("", SIZES[""])]:
                    file = out / f"{'-'.join(filter(None, (path.strip('/').replace('/', '-'), name, scheme)))}.png"
                    take(chromium, f"{address}/tandem/{path}", pages.cookies(), file, scheme, size)
                    click.echo(f"{file}: {file.stat().st_size // 1024} kB")


def take(chromium: Any, address: str, cookies: dict[str, str], file: Path, scheme: str, size: dict[str, int]) -> None:
    """Of the whole page."""
    context = chromium.new_context(viewport=size, color_scheme=scheme, device_scale_factor=1)
    context.add_cookies([{"name": name, "value": value, "url": address} for name, value in cookies.items()])
    tab = context.new_page()
    tab.on("console", lambda message: click.echo(f"{message.type}: {message.text}", err=True))
    tab.goto(address)
    tab.wait_for_load_state("networkidle")
    tab.screenshot(path=file, full_page=True)
    context.close()


@contextmanager
def served() -> Iterator[str]:
    """The dashboard on a port of this process; its address."""
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.core.wsgi import get_wsgi_application

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.set_app(get_wsgi_application())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@contextmanager
def browser() -> Iterator[Any]:
    """Debian's Chromium, or another that is there."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        raise click.ClickException("no Chromium on this machine: make browser installs it")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=arguments)
        yield launched
        launched.close()


if __name__ == "__main__":
    main()

"""`tandem top`: both servers, what waits and what is wrong, again and again until somebody has seen enough."""

from __future__ import annotations

import json
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click
import psycopg

from django_tandem.cli.project import json_option, with_queue
from django_tandem.errors import DatabaseUnreachable, TandemError

if TYPE_CHECKING:
    from rich.console import Console

    from django_tandem.queue.connect import Connection

EVERY_S = 2.0

QUIT = b"qQ"


@click.command()
@click.option("--once", is_flag=True, help="Print it once, and all of it.")
@json_option
@with_queue
def top(once: bool, as_json: bool) -> None:
    """Show both servers, queues, database, runs and alarms, live; q or Ctrl-C ends it."""
    from django_tandem.cli.picture import Picture
    from django_tandem.cli.terminal import console

    with closing(_Eyes()) as eyes:
        if as_json:
            click.echo(json.dumps(eyes.look()))
            return
        drawn = console()
        if once or not drawn.is_interactive or not sys.stdin.isatty():
            drawn.print(Picture(eyes.look()))
            return
        with suppress(KeyboardInterrupt):
            _watch(drawn, eyes)


def _watch(drawn: Console, eyes: _Eyes) -> None:
    """Draw what there is to see every EVERY_S. What cannot be seen is said below what was seen last."""
    from rich.live import Live

    from django_tandem.cli.picture import Screenful

    facts, foot = eyes.look(), f"every {EVERY_S:g} s; q ends it"
    with _keys() as pressed, Live(console=drawn, screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        told = foot
        while True:
            live.update(Screenful(facts, told), refresh=True)
            try:
                if pressed(EVERY_S):
                    return
                facts, told = eyes.look(), foot
            except TandemError as error:
                told = f"trying again: {error}"


class _Eyes:
    """Look at the fleet, on a connection that is made anew when it broke."""

    def __init__(self) -> None:
        self._connection: Connection | None = None

    def look(self) -> dict[str, Any]:
        """As monitor.picture has it. Raises DatabaseUnreachable, NotMigrated."""
        from django.db import Error, connections

        from django_tandem.monitor.picture import picture
        from django_tandem.queue.connect import address, connect
        from django_tandem.queue.options import queue_database

        try:
            if self._connection is None:
                self._connection = connect(queue_database(), purpose="top")
            return picture(self._connection)
        except (psycopg.Error, Error) as error:
            self.close()
            connections.close_all()
            cause = " ".join(str(error).split())
            raise DatabaseUnreachable(f"the database {address(queue_database())} failed: {cause}") from error

    def close(self) -> None:
        """Until it looks again."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None


@contextmanager
def _keys() -> Iterator[Any]:
    """Keys are heard without Enter, and not shown; Ctrl-C stays what it is. Yields a function that waits so many
    seconds and tells whether it is to end."""
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)

    def pressed(seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([terminal], [], [], left)[0]:
                keys = os.read(terminal, 64)
                if not keys or any(key in QUIT for key in keys):
                    return True
        return False

    try:
        tty.setcbreak(terminal)
        yield pressed
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)

"""What a command does to the fleet is written into the audit, before it is done and after, like what pages do."""

from __future__ import annotations

import functools
import getpass
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import click

from django_tandem.errors import Refused, TandemError

Command = TypeVar("Command", bound=Callable[..., Any])

# What says how a command answers, and not what it does.
_ABOUT_THE_ANSWER = ("as_json", "yes", "config_path")


def audited(action: str) -> Callable[[Command], Command]:
    """Below the options of a command that has loaded Django: write it into the audit. `action`: as the dashboard calls
    it, such as "pause queue"."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def acting(*args: Any, **kwargs: Any) -> Any:
            with auditing(action, **kwargs):
                return command(*args, **kwargs)

        return acting  # type: ignore[return-value]

    return decorate


@contextmanager
def auditing(action: str, **asked: Any) -> Iterator[None]:
    """The same for a part of a command, once Django is loaded."""
    entry = _begin(action, asked)
    try:
        yield
    except (click.Abort, click.UsageError, Refused) as error:
        _end(entry, "refused", str(error) or "was not confirmed")
        raise
    except TandemError as error:
        _end(entry, "failed", str(error))
        raise
    except Exception as error:
        _end(entry, "failed", type(error).__name__)
        raise
    _end(entry, "done", "")


def person() -> str:
    """Who acts."""
    if (asked := _asked_by()) is not None:
        return asked[0]
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return f"user {os.getuid()}"


def signature() -> str:
    """What a job, a queue or a schedule keeps of who changed it."""
    return f"{person()} (command line)"


def place() -> str:
    """From where."""
    if (asked := _asked_by()) is not None:
        return asked[1]
    remote = os.environ.get("SSH_CONNECTION", "").split(" ")[0]
    return f"command line on {socket.gethostname()}" + (f", from {remote}" if remote else "")


def _asked_by() -> tuple[str, str] | None:
    """Who pressed a button in the dashboard, which started this command."""
    from django_tandem.pipeline.driver import ASKED_BY

    said = os.environ.get(ASKED_BY)
    return None if said is None else tuple(json.loads(said))


def _begin(action: str, asked: Mapping[str, Any]) -> int | None:
    """The entry; None where the monitor's tables are not made yet, or a disk is full: who ends a server then must not
    be kept from it."""
    from django.db import OperationalError, ProgrammingError
    from psycopg.errors import DiskFull

    from django_tandem.monitor import audit

    detail = {key: _plain(value) for key, value in asked.items() if value and key not in _ABOUT_THE_ANSWER}
    try:
        return audit.write(person(), place(), action, detail)
    except ProgrammingError:
        return None
    except OperationalError as error:
        if not isinstance(error.__cause__, DiskFull):
            raise
        reason = str(error).splitlines()[0]
        click.echo(f"tandem: warning: not written into the audit, the database has no room: {reason}", err=True)
        return None


def _end(entry: int | None, outcome: Any, text: str) -> None:
    from django.db import DatabaseError, InterfaceError

    from django_tandem.monitor import audit

    # The embedded database ends with the last server: then the entry says what began.
    with suppress(DatabaseError, InterfaceError):
        if entry is not None:
            audit.end(entry, outcome, text)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value

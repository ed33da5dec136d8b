"""Surroundings: what tasks may change of their process, and must not leave changed for the next."""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TextIO

from django_tandem.queue import events

STREAMS = {0: "standard input", 1: "standard output", 2: "standard error"}


class Surroundings:
    """What a worker process began with: its working directory, umask, locale and standard streams.

    Threads share them. The directory and the streams are put back after every job: what comes next needs them. The
    umask and the locale only when no other job runs, for libraries change them for a moment, and back.
    """

    def __init__(self) -> None:
        self._directory = _directory()
        self._umask = os.umask(0o077)
        os.umask(self._umask)
        self._locale = locale.setlocale(locale.LC_ALL)
        # Of what begins with them open, as it does unless somebody closed them. Ours are not inherited, theirs are:
        # by that a file that took the number of a closed one is known, without a look at what it is.
        self._streams = {number: os.dup(number) for number in STREAMS if _is_inherited(number)}
        self._told: set[tuple[str, str]] = set()
        for stream in (sys.stdout, sys.stderr):
            _keep_open(stream)

    def restore(self, task: str, *, alone: bool) -> None:
        """After a job of `task`: put back what is not as it was, and report it once a task. `alone`: no other runs."""
        # The streams first, and all of them: the log goes to one.
        if not self._has_streams():
            closed = [number for number in self._streams if not _is_inherited(number)]
            what = " and ".join(STREAMS[number] for number in closed)
            self._put_back(task, what, lambda: self._reopen(closed), alone=alone)
        if (here := _directory()) != self._directory:
            self._put_back(task, f"working directory ({here})", self._return, alone=alone)
        if alone:
            if (umask := os.umask(self._umask)) != self._umask:
                self._tell(task, f"umask ({umask:04o})", alone=alone)
            if (found := locale.setlocale(locale.LC_ALL)) != self._locale:
                self._put_back(task, f"locale ({found})", lambda: locale.setlocale(locale.LC_ALL, self._locale))

    def _has_streams(self) -> bool:
        """After each job: in one go, and as a rule without a closer look."""
        try:
            for number in self._streams:
                if not os.get_inheritable(number):
                    return False
        except OSError:
            return False
        return True

    def _reopen(self, closed: Sequence[int]) -> None:
        for number in closed:
            os.dup2(self._streams[number], number)

    def _return(self) -> None:
        try:
            os.chdir(self._directory)
        except OSError:
            self._directory = _directory()  # it was moved, and we with it; or it is gone
            raise

    def _put_back(self, task: str, what: str, how: Callable[[], object], *, alone: bool = True) -> None:
        try:
            how()
        except (OSError, locale.Error) as error:
            events.not_put_back(task, what, error)
        else:
            self._tell(task, what, alone=alone)

    def _tell(self, task: str, what: str, *, alone: bool) -> None:
        key = (task, what.partition(" (")[0])
        if key not in self._told:
            self._told.add(key)
            events.put_back(task, what, alone=alone)


def _directory() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - after each job: without a Path
    except OSError:
        return "one that is gone"


def _is_inherited(number: int) -> bool:
    try:
        return os.get_inheritable(number)
    except OSError:
        return False


def _keep_open(stream: TextIO | None) -> None:
    """Closing it empties it only: the log's handlers hold it, and none of them could write any more."""
    if stream is not None:
        with suppress(AttributeError):
            stream.close = stream.flush  # type: ignore[method-assign]

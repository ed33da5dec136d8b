"""Which servers live on this host: read from the processes themselves, whoever started them, and how one is ended."""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from django_tandem.errors import HostFailed
from django_tandem.release.hosts.places import Places

# Beyond its own drain deadline a server needs a moment to end.
HARD_STOP_S = 10.0
LOOK_EVERY_S = 0.05

# The beginning of a process, read twice, may differ by what a float loses.
SAME_S = 0.01

_PROGRAMS = ("tandem", "django_tandem")


class Identity(NamedTuple):
    """What a process says that it serves. `ours`: a release of this root; otherwise only its row in the database tells
    whose it is. `release` is None where its environment does not say."""

    role: str
    release: str | None
    ours: bool


def alive(root: Path) -> list[dict[str, Any]]:
    """A family of processes a server: `pid` of its first process, `members` as [pid, since], `role`, `release` (or
    None), `ours`, `age_s`, and `kept_by`, its parent."""
    known: dict[int, tuple[psutil.Process, Identity]] = {}
    parents: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            parents[process.pid] = process.ppid()
            children.setdefault(parents[process.pid], []).append(process.pid)
            found = identify(process, root)
            if found is not None and process.status() != psutil.STATUS_ZOMBIE:
                known[process.pid] = process, found
    families: dict[int, set[int]] = {}
    for pid, (_, identity) in known.items():
        first = pid
        while (parent := parents.get(first)) in known and known[parent][1] == identity:
            first = parent
        families.setdefault(first, set()).add(pid)
    told = (_family(known[first], members, children) for first, members in families.items())
    return [one for one in told if one is not None]


def identify(process: psutil.Process, root: Path) -> Identity | None:
    """What it serves; None: nothing. Its environment is that with which it began, so that a server which was started by
    hand is known by its words."""
    variables: Mapping[str, str] = {}
    with suppress(psutil.AccessDenied):
        variables = process.environ()
    role, release = variables.get("TANDEM_ROLE"), variables.get("TANDEM_RELEASE")
    if role and release and Path(variables.get("TANDEM_CONFIG", "/")).is_relative_to(Places(root).releases):
        return Identity(role, release, ours=True)
    served = _served(process.cmdline())
    return Identity(served, release, ours=False) if served else None


def end(root: Path, *, role: str, members: Sequence[Sequence[float]], drain_s: float, kill: bool) -> dict[str, Any]:
    """TERM to the first of `members`, and when `drain_s` and a moment are over, KILL to what is left, if `kill`. Only
    processes that still are what was seen: the same beginning, and of the first the same role. `left`: what lives."""
    family = [process for pid, since in members if (process := _same(int(pid), since)) is not None]
    if not family:
        return {"left": []}
    first = family[0]
    _must_serve(first, role, root)
    if drain_s > 0:
        _send([first], signal.SIGTERM)
        _send([first], signal.SIGCONT)  # a stopped process takes its signal only when it goes on
        _wait(family, drain_s + HARD_STOP_S)
    if kill:
        with suppress(psutil.Error):
            family += first.children(recursive=True)
        _send(family, signal.SIGKILL)
        _wait(family, HARD_STOP_S)
    return {"left": [one.pid for one in family if _lives(one)]}


def _family(
    first: tuple[psutil.Process, Identity], pids: set[int], children: Mapping[int, Sequence[int]]
) -> dict[str, Any] | None:
    process, identity = first
    try:
        since = process.create_time()
        family = {process.pid: since}
        for pid in _below(process.pid, children) | pids:
            with suppress(psutil.Error):
                family[pid] = psutil.Process(pid).create_time()
        return {
            "pid": process.pid,
            "role": identity.role,
            "release": identity.release,
            "ours": identity.ours,
            "age_s": time.time() - since,
            "members": [[pid, began] for pid, began in family.items()],
            "kept_by": _keeper_of(process),
        }
    except psutil.Error:  # it ended in between
        return None


def _below(pid: int, children: Mapping[int, Sequence[int]]) -> set[int]:
    """All that a process started, and they: from one look at all processes, where psutil takes one for each."""
    found: set[int] = set()
    left = list(children.get(pid, ()))
    while left:
        if (one := left.pop()) not in found:
            found.add(one)
            left += children.get(one, ())
    return found


def _keeper_of(process: psutil.Process) -> str | None:
    with suppress(psutil.Error):
        parent = process.parent()
        if parent is None:
            return None
        words = parent.cmdline()
        up = any(Path(before).name in _PROGRAMS and word == "up" for before, word in itertools.pairwise(words))
        return f"{'tandem up' if up else parent.name()} (pid {parent.pid})"
    return None


def _served(words: Sequence[str]) -> str | None:
    """The role in `… tandem serve [--config PATH] ROLE`."""
    for place in range(1, len(words) - 1):
        if words[place] == "serve" and Path(words[place - 1]).name in _PROGRAMS:
            rest = iter(words[place + 1 :])
            for word in rest:
                if word == "--config":
                    next(rest, None)
                elif not word.startswith("-"):
                    return word
    return None


def _same(pid: int, since: float) -> psutil.Process | None:
    """The process that was seen; None: it has ended, and another may have its id."""
    try:
        process = psutil.Process(pid)
        return process if abs(process.create_time() - since) < SAME_S and _lives(process) else None
    except psutil.Error:
        return None


def _must_serve(process: psutil.Process, role: str, root: Path) -> None:
    with suppress(psutil.NoSuchProcess):
        found = identify(process, root)
        if found is None or found.role != role:
            raise HostFailed(f"process {process.pid} is no server of {role}: nothing was sent to it")


def _wait(processes: Sequence[psutil.Process], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(_lives(one) for one in processes) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)


def _send(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)  # psutil compares the beginning again
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied:
            raise HostFailed(f"process {process.pid} is that of {process.username()}: end it as that user") from None


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False

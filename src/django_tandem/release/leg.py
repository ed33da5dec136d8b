"""A leg: one role's part of a release on one host, and what is done with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from django_tandem.errors import LegFailed
from django_tandem.release.hosts.host import Host

T = TypeVar("T")

# What a server is given to start and to import its project; and to hear that the fence has moved.
READY_S = 90.0
ACTIVE_S = 10.0
LOOK_EVERY_S = 0.02

# A server that died so often at its start will not run.
MOST_DEATHS = 3


class Expected(NamedTuple):
    """`digest`: that of the settings that a leg's server should have; `headers`: with what its pages are asked for."""

    digest: str
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Leg:
    """`address` is that of the role, `words` the command of its server, `environment` all that it gets, `folder` that
    of the release on the host, `drain_s` what it is given to end; `expect` finds out what it should say of itself;
    `embedded`: the folder of the database that the host is to keep running."""

    role: str
    host: Host
    release: str
    address: str
    words: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    folder: str
    drain_s: float
    expect: Callable[[], Expected] = field(repr=False, compare=False)
    embedded: str | None = None

    @cached_property
    def expected(self) -> Expected:
        """Found out when it is first wanted: of a release that only goes, it never is."""
        return self.expect()

    def __str__(self) -> str:
        return f"{self.role} on {self.host.name}"


def prepare(leg: Leg) -> dict[str, Any]:
    """Find out what the leg's server should say of itself, then have it stand by. Raises CannotBuild and
    ConfigurationError where its settings do not load, and what stand_by does."""
    told = leg.expected.digest
    return {**stand_by(leg), "config_digest": told}


def stand_by(leg: Leg) -> dict[str, Any]:
    """Have a server of the leg there, ready and on standby; what the agent says of it. One that runs is taken as it is.

    Raises LegFailed where it dies at its start or is not ready within READY_S.
    """
    started = leg.host.do(
        "start",
        within_s=READY_S,
        role=leg.role,
        release=leg.release,
        address=leg.address,
        words=list(leg.words),
        environment=dict(leg.environment),
        folder=leg.folder,
        drain_s=leg.drain_s,
        embedded=leg.embedded,
    )
    _wait(leg, READY_S, lambda standing: bool(standing["ready"]))
    return started


def wait_until_active(leg: Leg) -> float:
    """Wait until the leg's server knows that the fence names its release; the seconds it took. Raises LegFailed."""
    began = time.monotonic()
    _wait(leg, ACTIVE_S, lambda standing: standing.get("state") == "active")
    return time.monotonic() - began


def stop(leg: Leg) -> None:
    """Let the leg's server finish what it runs, and end it. None runs: nothing is done."""
    leg.host.do("stop", within_s=leg.drain_s + 60, role=leg.role, release=leg.release, drain_s=leg.drain_s)


def standing(leg: Leg) -> dict[str, Any]:
    """How its server stands: see on_host.standing."""
    return leg.host.do("standing", within_s=READY_S, role=leg.role, release=leg.release)


def each(legs: Sequence[Leg], do: Callable[[Leg], T]) -> list[T]:
    """`do` for all legs at once; what it returned, in their order. Raises what the first of them raised, after all have
    ended."""
    if not legs:
        return []
    pool = ThreadPoolExecutor(len(legs))
    try:
        doing = [pool.submit(do, leg) for leg in legs]
        wait(doing)
    except KeyboardInterrupt:
        pool.shutdown(wait=False)  # who interrupts does not wait for what a host has begun
        raise
    pool.shutdown()
    return [one.result() for one in doing]


def _wait(leg: Leg, seconds: float, is_so: Callable[[dict[str, Any]], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not is_so(seen := standing(leg)):
        deaths, said = _deaths(leg)
        if deaths >= MOST_DEATHS:
            raise LegFailed(f"{leg}: the server of {leg.release} died {deaths} times at its start: {said}")
        if time.monotonic() > deadline:
            why = seen.get("reason") or f"it is {seen.get('state')}"
            raise LegFailed(f"{leg}: the server of {leg.release} is not ready after {seconds:.0f} s: {why}")
        time.sleep(LOOK_EVERY_S)


def _deaths(leg: Leg) -> tuple[int, str]:
    """How often its server died at its start, and what it said last."""
    for server in leg.host.do("servers", within_s=READY_S)["servers"]:
        if (server["role"], server["release"]) == (leg.role, leg.release):
            return int(server["deaths"]), f"{server.get('said') or 'it said nothing'} (see {server.get('log')})"
    return 0, ""

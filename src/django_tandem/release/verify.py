"""Verify: every live process is what was shipped, nothing else runs, and pages are answered."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from django_tandem.errors import LegFailed
from django_tandem.processes import ask
from django_tandem.release import leg as legs_of
from django_tandem.release.hosts.host import Host
from django_tandem.release.leg import Leg

ASK_EVERY_S = 0.1
ASK_S = 10.0
HOST_S = 30.0

# What Django says to who names a host that is not allowed: to everybody, where ALLOWED_HOSTS is wrong.
BAD_REQUEST = 400


@dataclass(frozen=True, kw_only=True)
class Watch:
    """For how long to look at which pages; a page is to be answered, without a server's error, and 95 in 100 within
    `p95_s`."""

    seconds: float
    paths: Sequence[str]
    p95_s: float


def identity(legs: Sequence[Leg]) -> dict[str, Any]:
    """What each leg's server says of itself is what was shipped: role, release, settings. Raises LegFailed."""
    return {str(leg): told for leg, told in zip(legs, legs_of.each(legs, _identity), strict=True)}


def _identity(leg: Leg) -> dict[str, Any]:
    seen = legs_of.standing(leg)
    who = seen.get("who")
    if who is None:
        raise LegFailed(f"{leg}: the server of {leg.release} is gone: {seen['reason']}")
    expected = {"role": leg.role, "release": leg.release, "config_digest": leg.expected.digest, "state": "active"}
    for key, right in expected.items():
        if who.get(key) != right:
            shown = {name: str(value)[:12] for name, value in ((key, who.get(key)), ("right", right))}
            raise LegFailed(f"{leg}: its {key.replace('_', ' ')} is {shown[key]}, expected {shown['right']}")
    return {"pid": who["pid"], "config_digest": who["config_digest"]}


def alone(hosts: Sequence[Host], release: str) -> None:
    """No process of another release runs on these hosts. Raises LegFailed, which names those that do."""
    left = {host.name: host.do("survivors", within_s=HOST_S, keep=release)["survivors"] for host in hosts}
    told = [
        f"{one['role']} {one['release']} (pid {one['pid']}) on {name}" for name, found in left.items() for one in found
    ]
    if told:
        raise LegFailed(f"still running: {', '.join(told)}: end these processes, and ship again")


def pages(legs: Sequence[Leg], watch: Watch) -> dict[str, Any]:
    """Ask for the pages as a person would, for as long as the watch lasts. Raises LegFailed."""
    wanted = [(leg, path) for leg in legs for path in watch.paths]
    if not wanted:
        return {}
    with ThreadPoolExecutor(len(wanted)) as pool:
        watching = [pool.submit(_page, leg, path, watch) for leg, path in wanted]
    return {f"{leg} {path}": one.result() for (leg, path), one in zip(wanted, watching, strict=True)}


def _page(leg: Leg, path: str, watch: Watch) -> Mapping[str, float]:
    taken: list[float] = []
    deadline = time.monotonic() + watch.seconds
    while not taken or time.monotonic() < deadline:
        began = time.monotonic()
        answer = ask.get(leg.address, path, timeout_s=ASK_S, headers=leg.expected.headers)
        taken.append(time.monotonic() - began)
        if answer is None:
            raise LegFailed(f"{leg}: {path} was not answered within {ASK_S:.0f} s")
        if answer.status >= 500 or answer.status == BAD_REQUEST:
            host = (
                f" to Host {leg.expected.headers.get('Host')}: see ALLOWED_HOSTS"
                if answer.status == BAD_REQUEST
                else ""
            )
            raise LegFailed(f"{leg}: {path} was answered with status {answer.status}{host}")
        time.sleep(ASK_EVERY_S)
    p95 = statistics.quantiles(taken, n=20)[-1] if len(taken) > 1 else taken[0]
    if p95 > watch.p95_s:
        raise LegFailed(f"{leg}: p95 of {path} is {p95 * 1000:.0f} ms, expected at most {watch.p95_s * 1000:.0f} ms")
    return {"asked": len(taken), "p95_ms": round(p95 * 1000, 1)}

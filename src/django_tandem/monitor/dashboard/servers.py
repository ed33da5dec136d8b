"""The page of servers: all that runs, and what should not first; drain, stop, prove."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from django_tandem.errors import StillAlive
from django_tandem.monitor.dashboard import access, fleet, project
from django_tandem.monitor.dashboard.action import Declined, action
from django_tandem.monitor.dashboard.page import page
from django_tandem.pipeline import servers as of_hosts
from django_tandem.pipeline.look import Fleet
from django_tandem.pipeline.orphans import Judged, Verdict, stop_command

# What needs somebody comes first.
ORDER: tuple[Verdict, ...] = ("orphan", "silent", "starting", "draining", "stands by", "live")
LOOKS = {"orphan": "bad", "silent": "bad", "live": "good"}
LOG = "servers"


@page("servers")
def servers(request: HttpRequest) -> dict[str, Any]:
    """All servers, judged by their traces."""
    seen = fleet.newest()
    can_act = project.driver() is not None
    rows = [_row(one, seen, can_act=can_act) for one in sorted(seen.servers, key=lambda one: ORDER.index(one.verdict))]
    return {
        "servers": rows,
        "orphans": [one for one in rows if one["verdict"] == "orphan"],
        "here": seen.here,
        "live": seen.expected.live,
        "missing": sorted(set(seen.expected.roles) - {one.seen.role for one in seen.servers if one.verdict == "live"}),
    }


@action("stop server", needs=access.OPERATE)
def stop(request: HttpRequest, *, server: str) -> str:
    """Let it finish what it runs, within its role's drain, and end it."""
    return _end(request, "stop", server)


@action("drain server", needs=access.OPERATE)
def drain(request: HttpRequest, *, server: str) -> str:
    """Let it finish what it runs, and end; it is not killed."""
    return _end(request, "drain", server)


@action("prove servers", needs=access.OPERATE)
def prove(request: HttpRequest) -> str:
    """Look whether nothing of another release than the live one lives."""
    seen = fleet.now()
    fleet.forget()
    if seen.strangers:
        raise StillAlive("; ".join(f"{one.seen} lives: {stop_command(one.seen)}" for one in seen.strangers))
    live = seen.expected.live
    return f"nothing lives but {live}" if live else "nothing lives, and no release is live"


def _end(request: HttpRequest, what: str, server: str) -> str:
    """In a process of its own: it takes as long as what the server runs, and may end the one that answers here."""
    seen = fleet.now()
    (one,) = of_hosts.named(seen, [server])
    shown = request.POST.get("release")
    if shown is not None and shown != (one.seen.release or ""):
        raise Declined(f"{server} is {one.seen.role} of {one.seen.release} by now: look at the page again")
    of_hosts.must_be_here([one])
    if not one.seen.members:
        raise Declined(f"{one.seen} has no process any more")
    also_live = request.POST.get("live") == "yes"
    if not also_live and (why := of_hosts.why_needed(one, seen)) is not None:
        raise Declined(f"{one.seen}: {why}; tick “also what is live” to end it all the same")
    of_hosts.must_not_be_kept([one.seen])
    command = ["servers", what, one.seen.name, *(["--live"] if also_live else [])]
    if (driver := project.driver()) is None:
        raise Declined(f"it cannot be done from here: in the project's folder, tandem {' '.join(command)}")
    log = driver.start(command, LOG, asked_by=(access.person(request), access.place(request)))
    fleet.forget()
    within = " within its role's drain" if what == "stop" or one.seen.kept_by == "agent" else ""
    return f"{one.seen} is ending: it finishes what it runs{within}. Log: {log}"


def _row(one: Judged, seen: Fleet, *, can_act: bool) -> dict[str, Any]:
    here = one.seen
    needed = of_hosts.why_needed(one, seen)
    kept = bool(here.kept_by and here.kept_by.startswith("tandem up"))
    return {
        "name": here.name,
        "role": here.role,
        "release": here.release,
        "state": here.state,
        "digest": here.config_digest,
        "heartbeat_at": None if here.beats else here.heartbeat_at,
        "beats": here.beats,
        "registered": here.id is not None,
        "processes": len(here.members),
        "sessions": here.sessions,
        "kept_by": here.kept_by,
        "verdict": one.verdict,
        "looks": LOOKS.get(one.verdict, "warn"),
        "why": one.cause,
        "needed": needed,
        "can_end": can_act and here.here and bool(here.members) and not kept,
        "kept_by_up": kept,
        "command": stop_command(here) + (" --live" if needed else "") if here.lives else None,
        "is_here": here.here,
    }

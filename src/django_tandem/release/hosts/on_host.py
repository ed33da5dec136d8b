"""What is done on a host, by verb: plain values in, plain values out, so that it may be said from elsewhere.

Each may be repeated: a driver that took over from another does so.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from django_tandem.errors import HostFailed
from django_tandem.processes import ask
from django_tandem.release.hosts import alive, talk
from django_tandem.release.hosts.places import Places

ASK_S = 2.0

# An agent ends its servers by TERM, INT and KILL, each with its time.
AGENT_S = 90.0
LOOK_EVERY_S = 0.05


def do(root: Path, verb: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Do `verb` on this host, below `root`. Raises HostFailed."""
    if verb not in _VERBS:
        raise HostFailed(f"a host does not know {verb!r}; expected one of {', '.join(sorted(_VERBS))}")
    return _VERBS[verb](root, **facts)


def start(root: Path, *, within_s: float, **wanted: Any) -> dict[str, Any]:
    """Start a server, on standby, unless it runs (see served.Wanted)."""
    return talk.tell(root, "start", within_s=within_s, **wanted)


def standing(root: Path, *, role: str, release: str) -> dict[str, Any]:
    """How a server stands: `ready`, its `state`, the `reason` where it is not, and who it says it is."""
    at = f"unix:{Places(root).server(role, release)}"
    ready, who = ask.get(at, "/-/ready", timeout_s=ASK_S), ask.get(at, "/-/release", timeout_s=ASK_S)
    if ready is None or who is None:
        return {"ready": False, "reason": "it does not answer"}
    return {**json.loads(ready.body), "who": json.loads(who.body)}


def stop(root: Path, *, role: str, release: str, drain_s: float) -> dict[str, Any]:
    """Let a server finish what it runs, at most `drain_s`, and end it."""
    if not talk.is_there(root):
        return {"stopped": False}
    return talk.tell(root, "stop", within_s=drain_s + 60, role=role, release=release, drain_s=drain_s)


def servers(root: Path) -> dict[str, Any]:
    """What the agent runs."""
    return talk.tell(root, "servers", within_s=ASK_S) if talk.is_there(root) else {"servers": []}


def survivors(root: Path, *, keep: str | None = None) -> dict[str, Any]:
    """The processes that serve a release of this root, but for the release `keep`: read from the processes themselves,
    whoever started them."""
    found = []
    for process in psutil.process_iter(["pid", "ppid", "create_time", "status"]):
        try:
            variables = process.environ()
        except psutil.Error:  # another user's, or gone
            continue
        release, role = variables.get("TANDEM_RELEASE"), variables.get("TANDEM_ROLE")
        here = Path(variables.get("TANDEM_CONFIG", "/")).is_relative_to(Places(root).releases)
        if here and role and release != keep and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append({"pid": process.pid, "role": role, "release": release, "since": process.info["create_time"]})
    return {"survivors": found}


def running(root: Path) -> dict[str, Any]:
    """The servers that live here, whoever started them (see alive.alive), and the host's name; `by_agent` where its
    agent keeps one."""
    kept: set[int] = set()
    with suppress(HostFailed):  # an agent that does not answer keeps nothing
        kept = {one["pid"] for one in servers(root)["servers"]}
    found = alive.alive(root)
    return {"host": socket.gethostname(), "running": [{**one, "by_agent": one["pid"] in kept} for one in found]}


def end_server(root: Path, *, role: str, members: list[list[float]], drain_s: float, kill: bool) -> dict[str, Any]:
    """End a server that the agent does not keep: see alive.end."""
    return alive.end(root, role=role, members=members, drain_s=drain_s, kill=kill)


def end(root: Path) -> dict[str, Any]:
    """End all servers of this root, and its agent; when it is gone, its process id as `ended`."""
    if not talk.is_there(root):
        return {"ended": None}
    pid = talk.tell(root, "end", within_s=AGENT_S)["ended"]
    deadline = time.monotonic() + AGENT_S
    with suppress(psutil.NoSuchProcess):
        agent = psutil.Process(pid)
        while agent.is_running() and agent.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                raise HostFailed(f"the agent of {root} (pid {pid}) does not end within {AGENT_S:.0f} s")
            time.sleep(LOOK_EVERY_S)
    return {"ended": pid}


_VERBS: dict[str, Callable[..., dict[str, Any]]] = {
    "start": start,
    "standing": standing,
    "stop": stop,
    "servers": servers,
    "survivors": survivors,
    "running": running,
    "end_server": end_server,
    "end": end,
}

"""Talk to the agent of this host; start it where none runs."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from django_tandem.errors import HostFailed
from django_tandem.release.hosts.places import Places

# Where a release goes back, the machine may be busier than ever.
STARTS_S = 60.0
LOOK_EVERY_S = 0.02


def tell(root: Path, verb: str, *, within_s: float, **facts: Any) -> dict[str, Any]:
    """Have the agent of `root` do `verb`, and return its answer. It is started where none runs; where it dies
    before it has started a server, another is asked once more. Nothing else is a reason to begin one: it may be ended.

    Raises HostFailed where it does not answer `within_s` seconds, or says what went wrong.
    """
    places = Places(root)
    if not is_there(root):
        _start(places)
    try:
        return _converse(places, verb, facts, within_s)
    except _AgentDied:
        if verb != "start":
            raise
    if not is_there(root):
        _start(places)
    return _converse(places, verb, facts, within_s)


class _AgentDied(HostFailed):
    """Before it answered."""


def is_there(root: Path) -> bool:
    """Whether an agent of `root` answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(Places(root).agent)) == 0


def _converse(places: Places, verb: str, facts: dict[str, Any], within_s: float) -> dict[str, Any]:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
            wire.settimeout(within_s)
            wire.connect(str(places.agent))
            wire.sendall(json.dumps({"verb": verb, "facts": facts}).encode() + b"\n")
            with wire.makefile("rb") as lines:
                said = lines.readline()
    except OSError as error:
        kind = _AgentDied if isinstance(error, (ConnectionError, FileNotFoundError)) else HostFailed
        raise kind(f"the agent of {places.root} does not answer to {verb!r}: {error}") from None
    if not said:
        raise _AgentDied(f"the agent of {places.root} ended while it was to {verb}: see {places.log}/agent.log")
    answer: dict[str, Any] = json.loads(said)
    if "error" in answer:
        raise HostFailed(answer["error"])
    return answer


def _start(places: Places) -> None:
    """In a session of its own: it outlives who started it. Where two start one, one of them finds the lock taken."""
    try:
        places.make()
        with (places.log / "agent.log").open("ab") as log:
            subprocess.run(
                [sys.executable, "-m", "django_tandem.release.hosts.agent", str(places.root)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=places.root,
                timeout=STARTS_S,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HostFailed(f"no agent can be started in {places.root}: {error}") from None
    deadline = time.monotonic() + STARTS_S
    while not is_there(places.root):
        if time.monotonic() > deadline:
            raise HostFailed(f"the agent of {places.root} does not start: see {places.log}/agent.log")
        time.sleep(LOOK_EVERY_S)

"""`tandem pipeline watch`: what a log of it reads like, a line for each thing that happens."""

from __future__ import annotations

import json
import signal
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from django_tandem.cli.audited import person, place
from django_tandem.cli.project import config_option, json_option
from django_tandem.cli.timeline import took

if TYPE_CHECKING:
    from django_tandem.pipeline.driving import Event
    from django_tandem.pipeline.run import Begun, Run


@click.command()
@click.option(
    "--every",
    "every_s",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0.2, 86_400),
    help="Look at the repository after so many seconds; a hook makes it look at once.",
)
@json_option
@config_option
def watch(every_s: float, as_json: bool, config_path: Path | None) -> None:
    """Ship each commit that pipeline.ref comes to name, and go on with runs that nobody drives, until TERM or Ctrl-C.

    What is under way then is resumed by the next watch, or by `tandem pipeline resume`.
    """
    from django_tandem.config.read import read
    from django_tandem.pipeline.ground import ground
    from django_tandem.pipeline.ship import Caller
    from django_tandem.pipeline.watch import Watcher
    from django_tandem.pipeline.watch import watch as run

    # As Ctrl-C: what it started ends with it, and the lock is given back.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    log = _Log(as_json=as_json)
    try:
        tandem = read(config_path)
        stands = ground(tandem)
        pipeline = tandem.file.pipeline
        at = f"{pipeline.remote}/{pipeline.ref}" if pipeline.remote else pipeline.ref
        log.say(f"watching {at} of {tandem.root}, every {every_s:g} s")
        caller = Caller(by=person(), via=f"watch, {place()}", begun=log.begun, tell=log.tell)
        run(Watcher(ground=stands, caller=caller, stands=log.stands, say=log.say, every_s=every_s))
    except KeyboardInterrupt:
        log.say("stopped; what is under way is resumed by the next watch")


class _Log:
    """Lines with the time of day, or an object a line. Two threads write."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        # Django sets the process's time zone to the project's; who reads this has one of their own.
        self._zone = datetime.now().astimezone().tzinfo
        self._began: dict[tuple[int, str, str], float] = {}

    def say(self, text: str) -> None:
        """What is about no run."""
        self._line(text, {"what": "said", "text": text})

    def begun(self, begun: Begun) -> None:
        """A commit became a run."""
        run = begun.run
        gone = f", in place of run {', '.join(map(str, begun.superseded))}" if begun.superseded else ""
        facts = {"what": "run", "run": run.id, "commit": run.commit, "superseded": list(begun.superseded)}
        self._line(f"run {run.id}: {run.commit[:12]} of {run.ref}{gone}", facts)

    def tell(self, event: Event) -> None:
        """A step began, ended or failed; what happens within one is only in the JSON."""
        stage, name = event.step
        key = (event.run, stage, name)
        facts = {"what": event.what, "run": event.run, "stage": stage, "step": name, "leg": event.leg}
        text = None
        if event.leg is None and event.what == "began":
            self._began[key] = time.monotonic()
        elif event.leg is None and event.what in ("ended", "failed"):
            seconds = time.monotonic() - self._began.pop(key, time.monotonic())
            why = f": {event.detail.get('text', '')}" if event.what == "failed" else ""
            step = stage if stage == name else f"{stage} {name}"
            text = f"run {event.run}: {step} {event.what} after {took(seconds)}{why}"
        self._line(text, {**facts, "detail": dict(event.detail)})

    def stands(self, run: Run) -> None:
        """A run has ended, or waits for a person."""
        from django_tandem.pipeline.facts import plain

        more = f": {run.reason}" if run.reason else ""
        if run.state.value == "waiting for approval":
            more = f": tandem approve {run.id}, or tandem reject {run.id}"
        self._line(f"run {run.id} is {run.state.value}{more}", {"what": "stands", "run": plain(asdict(run))})

    def _line(self, text: str | None, facts: dict[str, Any]) -> None:
        if self._as_json:
            click.echo(json.dumps(facts))
        elif text is not None:
            click.echo(f"{datetime.now(self._zone):%H:%M:%S} {' '.join(text.split())}")

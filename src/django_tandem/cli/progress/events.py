"""A run as JSON: one event a line, the run as the last."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from django_tandem.cli.progress.base import Progress

if TYPE_CHECKING:
    from django_tandem.pipeline.driving import Event
    from django_tandem.pipeline.run import Begun, Run


class Events(Progress):
    """For programs."""

    def say_begun(self, begun: Begun) -> None:
        run = begun.run
        self._print({"what": "run", "run": run.id, "commit": run.commit, "is_new": begun.is_new})

    def tell(self, event: Event) -> None:
        step = event.step
        facts = {"what": event.what, "run": event.run, "stage": step.stage, "step": step.name, "leg": event.leg}
        self._print({**facts, "detail": dict(event.detail)})

    def say_end(self, run: Run) -> None:
        from django_tandem.pipeline.facts import plain

        self._print(plain(asdict(run)))

    def _print(self, facts: dict[str, Any]) -> None:
        click.echo(json.dumps(facts))
        sys.stdout.flush()

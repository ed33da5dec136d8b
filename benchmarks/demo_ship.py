"""The second half of the demo: two commits of the lending office go through the pipeline, the second under load."""

from __future__ import annotations

import os
import re
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text

from benchmarks import clients
from benchmarks.clients import Answer
from benchmarks.office import BASE, HOME, Office, Refused
from benchmarks.shipping import Pipeline, Repository, Said
from django_tandem.pipeline import approval, ledger, lock
from django_tandem.pipeline.stages import RunState

APPROVE = "TANDEM_DEMO_APPROVE"
CLIENTS, PAUSE_S = 8, 1.0
PAGES_A_PAYMENT = 8
LOOK_S = 0.2

HEADING, OLD, NEW = "office/templates/office/base.html", ">Lending office</a>", ">Lending office, second edition</a>"
_GATE = re.compile(r"tandem approve (\d+)")


class Shipping:
    """Ships what is committed in `folder`, a copy of the example, and asks whoever is there."""

    def __init__(self, console: Console, folder: Path) -> None:
        self._console = console
        self._folder = folder
        self._pipeline = Pipeline(folder, {})
        self._rejected = False

    @contextmanager
    def ended(self) -> Iterator[Shipping]:
        """The copy is there, and committed; of what is shipped inside nothing is left running, nor of a demo before."""
        self._pipeline.end()
        self._repository = Repository(self._folder, HOME)
        self._repository.commit("The lending office")
        try:
            yield self
        finally:
            self._pipeline.end()

    def first(self, office: Office) -> bool:
        """Ship the office as it is. False: nobody let it."""
        if not (self._approves or sys.stdin.isatty()):
            self._say(f"Nobody is here to approve a release: {APPROVE}=1 does, and lets two commits go live here.")
            return False
        _forget_open_runs(office)
        self._say("Both servers are one release: [bold]tandem ship[/] makes a commit live on both, or on none.")
        return self._ship(office, lambda: None)

    def second(self, office: Office, flood_loans: int) -> None:
        """Ship a change while people ask and tasks flood, and count what failed."""
        self._repository.edit(HEADING, OLD, NEW)
        self._repository.commit("A second edition")
        self._say(f"A second commit, while {CLIENTS} people go on asking and, from the approval on, tasks flood.")
        plan = clients.Plan(
            base=BASE,
            pages=office.pages(PAGES_A_PAYMENT),
            cookies=office.log_in(),
            clients=CLIENTS,
            pause_s=PAUSE_S,
        )
        with clients.asking(plan) as answers:
            is_live = self._ship(office, lambda: office.flood(flood_loans))
        self._tell(answers, is_live=is_live)

    @property
    def _approves(self) -> bool:
        return os.environ.get(APPROVE) == "1"

    def _ship(self, office: Office, approved: Callable[[], None]) -> bool:
        """Whether it is live. Raises Refused where it failed."""

        def hear(said: Said) -> None:
            self._console.print(Text(f"  {said.line}"), soft_wrap=True)
            if gate := _GATE.search(said.line):
                self._rejected = not self._decide(office, int(gate[1]))
                if not self._rejected:
                    approved()

        try:
            self._pipeline.follow("ship", hear=hear)
        except Refused:
            if not self._rejected:
                raise
            return False
        return True

    def _decide(self, office: Office, run: int) -> bool:
        """Approve or reject, as whoever is there says, who may do so elsewhere too."""
        if not self._approves:
            self._console.print(f"Let run {run} go live on both servers? \\[y/N] ", end="")
            said = self._line_unless(lambda: _decided(office, run) is not None)
            if said is None:
                self._console.print("decided elsewhere")
                return _decided(office, run) == "approved"
            if said.strip().lower() not in ("y", "yes"):
                self._pipeline.run("reject", str(run), "--reason", "the person at the terminal said no")
                return False
        self._pipeline.run("approve", str(run))
        return True

    def _line_unless(self, over: Callable[[], bool]) -> str | None:
        """What somebody types; None when it is over before."""
        while not over():
            if select.select([sys.stdin], [], [], LOOK_S)[0]:
                return sys.stdin.readline()
        return None

    def _tell(self, answers: list[Answer], *, is_live: bool) -> None:
        failed = [one for one in answers if one.failed]
        for one in failed[:5]:
            self._console.print(f"[red]{one.method} {one.path}: {one.error or f'status {one.status}'}[/]")
        colour = "red" if failed else "green"
        where = "both servers took the new release over" if is_live else "the release before stayed live"
        self._say(f"{len(answers):,} requests meanwhile, [bold {colour}]{len(failed)} failed[/]; {where}.")

    def _say(self, text: str) -> None:
        self._console.print(f"\n{text}\n", soft_wrap=True)


def _decided(office: Office, run: int) -> str | None:
    with office.connect() as connection:
        there = approval.read(connection, run)
    return there.decision if there else None


def _forget_open_runs(office: Office) -> None:
    """Those of a demo that was cut off: nobody goes on with them, and the next would wait for its turn."""
    with office.connect() as connection:
        if runs := ledger.newest_runs(connection, 100, only_open=True):
            held = lock.acquire(connection)
            for run in runs:
                ledger.move(connection, held, run.id, RunState.FAILED, reason="the demo that began it was cut off")
            lock.release(connection, held)

"""What a run looks like while it is driven: events in, lines and a board out."""

import io
import json
import re
from types import SimpleNamespace

import pytest
from rich.console import Console

from django_tandem.cli.progress.board import Board
from django_tandem.cli.progress.events import Events
from django_tandem.cli.progress.lines import Lines
from django_tandem.pipeline.driving import Event
from django_tandem.pipeline.run import Begun
from django_tandem.pipeline.stages import DRAIN, PREPARE, SWITCH, TRIAL, VERIFY, RunState
from tests.screen import draw
from tests.waiting import until

LEGS = ["backoffice on local", "async on local"]
CHECK = {
    "name": "deploy", "ok": True, "seconds": 0.4,
    "findings": [{"level": "warning", "what": "[one] " + "long " * 20, "instead": "mend it"},
                 {"level": "note", "what": "unsaid", "instead": ""}],
}  # fmt: skip
RUN = SimpleNamespace(
    id=7, kind="ship", commit="4f2a91c0b1d2" + "0" * 28, release="4f2a91c0b1d2", state=RunState.LIVE, seconds=3.0,
    reason=None,
)  # fmt: skip


class Screen:
    """A terminal that is as wide as said, and what it shows."""

    def __init__(self, columns, encoding="utf-8"):
        self.bytes = io.BytesIO()
        file = io.TextIOWrapper(self.bytes, encoding=encoding, errors="tandem_plain", write_through=True)
        self.console = Console(file=file, force_terminal=True, width=columns, highlight=False, _environ={})
        self.columns, self.encoding = columns, encoding

    def lines(self):
        return draw(self.bytes.getvalue().decode(self.encoding).replace("\n", "\r\n"), self.columns)


def went(shown, step, *, legs=True, **detail):
    """A step from its beginning to its end, with that of its legs."""
    shown.tell(Event(run=7, step=step, what="began"))
    for leg in LEGS if legs else ():
        shown.tell(Event(run=7, step=step, what="began", leg=leg))
        shown.tell(Event(run=7, step=step, what="ended", leg=leg, detail={"seconds": 1.0}))
    shown.tell(Event(run=7, step=step, what="ended", detail={"seconds": 2.0, **detail}))


def whole(shown):
    with shown:
        shown.begun(Begun(RUN, is_new=True))
        shown.tell(Event(run=7, step=TRIAL, what="began"))
        shown.tell(Event(run=7, step=TRIAL, what="told", detail=CHECK))
        shown.tell(Event(run=7, step=TRIAL, what="ended", detail={"seconds": 2.0}))
        shown.tell(Event(run=7, step=PREPARE, what="told", detail={"legs": LEGS}))
        went(shown, PREPARE)
        shown.tell(Event(run=7, step=SWITCH, what="began"))
        for leg in LEGS:
            shown.tell(Event(run=7, step=SWITCH, what="told", leg=leg, detail={"active_ms": 40.0}))
        shown.tell(Event(run=7, step=SWITCH, what="ended", detail={"seconds": 0.1, "switch_ms": 40.0}))
        went(shown, DRAIN)
        went(shown, VERIFY, legs=False, pages={"backoffice on local /": {"asked": 3, "p95_ms": 31.4}})
    shown.say_end(RUN)


@pytest.mark.parametrize("columns", [80, 140])
def test_the_board_has_the_steps_above_and_the_legs_side_by_side(columns):
    screen = Screen(columns)
    whole(Board(screen.console))
    lines = [" ".join(line.split()) for line in screen.lines()]
    assert max(map(len, screen.lines())) <= columns
    assert lines[:3] == ["run 7 4f2a91c0b1d2", "✓ trial 2.00 s", "✓ deploy 0.40 s"]
    assert "unsaid" not in "".join(lines)
    legs = lines.index("backoffice on local async on local")
    assert lines[legs + 1 : legs + 5] == [
        "✓ standing by 1.00 s ✓ standing by 1.00 s",
        "✓ active 40 ms ✓ active 40 ms",
        "✓ old one drained 1.00 s ✓ old one drained 1.00 s",
        "✓ verified p95 31 ms ✓ verified",
    ]
    assert lines[-2:] == ["live release 4f2a91c0b1d2 on both servers, 3.00 s", ""]


def test_while_a_leg_fails_the_board_says_which_and_in_what():
    screen = Screen(80)
    shown = Board(screen.console)
    with shown:
        shown.begun(Begun(RUN, is_new=True))
        shown.tell(Event(run=7, step=PREPARE, what="told", detail={"legs": LEGS}))
        for leg in (None, *LEGS):
            shown.tell(Event(run=7, step=PREPARE, what="began", leg=leg))
        until_drawn(screen, r"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] standing by .* s +[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] standing by")
        shown.tell(Event(run=7, step=PREPARE, what="ended", leg=LEGS[0], detail={"seconds": 1.0}))
        for leg in (LEGS[1], None):
            text = {"text": "async on local: it died", "seconds": 2.0}
            shown.tell(Event(run=7, step=PREPARE, what="failed", leg=leg, detail=text))
    text = "\n".join(screen.lines())
    assert re.search("✗ prepare both legs +2.00 s  async on local: it died", text)
    assert re.search("✓ standing by +1.00 s +✗ standing by", text)
    assert re.search("· verified +· verified", text)


def until_drawn(screen, pattern):
    until(lambda: re.search(pattern, "\n".join(screen.lines())))


def test_a_terminal_without_our_letters_gets_the_nearest():
    screen = Screen(80, encoding="ascii")
    whole(Board(screen.console))
    assert "  + trial" in screen.lines()[1]
    assert "?" not in "".join(screen.lines())


def test_where_nothing_can_be_drawn_twice_there_are_lines():
    file = io.StringIO()
    whole(Lines(Console(file=file, width=140, highlight=False)))
    said = file.getvalue()
    assert "\x1b" not in said
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert lines[0] == "run 7 4f2a91c0b1d2"
    at = lines.index("✓ prepare both legs 2.00 s")
    assert lines[at - 2 : at] == ["✓ backoffice on local 1.00 s", "✓ async on local 1.00 s"]
    assert "✓ switch 0.10 s 40 ms to the last leg" in lines


def test_as_json_each_event_is_a_line(capsys):
    shown = Events()
    with shown:
        shown.begun(Begun(RUN, is_new=True))
        shown.tell(Event(run=7, step=PREPARE, what="ended", leg=LEGS[0], detail={"seconds": 1.0}))
    run, event = map(json.loads, capsys.readouterr().out.splitlines())
    assert run == {"what": "run", "run": 7, "commit": RUN.commit, "is_new": True}
    assert event == {
        "what": "ended", "run": 7, "stage": "fork", "step": "prepare", "leg": LEGS[0], "detail": {"seconds": 1.0},
    }  # fmt: skip


def test_who_interrupts_is_told_how_to_go_on(capsys):
    shown = Lines(Console(file=io.StringIO(), width=140))
    shown.say_interrupted()
    assert "before a run had begun" in capsys.readouterr().err
    shown.begun(Begun(RUN, is_new=True))
    shown.say_interrupted()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "run 7 stays where it is; tandem pipeline resume 7 goes on with it" in said

"""A run as a person sees it who drives it in a terminal, and who presses Ctrl-C there."""

import re
import sys

import pytest

from django_tandem.cli.progress import base
from django_tandem.pipeline.stages import PREPARE
from tests.integration.pipeline.shop import LONG_S
from tests.screen import Terminal
from tests.waiting import until

pytestmark = pytest.mark.long

NAMES = list(base.NAMES.values())


def terminal(shop, *words, columns):
    command = [sys.executable, "-m", "django_tandem", *words]
    return Terminal(command, columns=columns, cwd=shop.folder, env={**shop.variables(), "TERM": "xterm-256color"})


def test_a_run_is_drawn_with_its_legs_side_by_side_and_an_interruption_leaves_terminal_and_run_sane(shop, second):
    one = terminal(shop, "rollback", second, columns=80)
    try:
        shop.began(PREPARE, one)
        until(lambda: any("prepare both legs" in line for line in one.screen()), LONG_S)
        one.press("\x03")
        assert one.wait(LONG_S) == 1
        assert one.after == one.before
        assert one.said.rindex("\x1b[?25h") > one.said.rindex("\x1b[?25l")  # the cursor is shown again
        (line,) = ["".join(one.screen()).partition("tandem: ")[2]]
        assert "stays where it is; tandem pipeline resume" in line
        assert "Traceback" not in one.said
    finally:
        one.close()
    two = terminal(shop, "pipeline", "resume", columns=140)
    try:
        both = "backoffice on local {5,}async on local"
        until(lambda: any(re.search(both, line) for line in two.screen()), LONG_S)
        assert two.wait(LONG_S) == 0
        screen = "\n".join(two.screen())
        assert re.search(rf"{both}\n +✓ standing by .* s +✓ standing by .* s\n +✓ active", screen), screen
        assert re.search(r"✓ verified +p95 .* ms +✓ verified", screen)
        for name in NAMES[4:]:
            assert screen.count(f"✓ {name} ") == 1, screen
        assert f"live  release {second} on both servers" in screen
        assert max(map(len, two.screen())) <= 140
    finally:
        two.close()
    assert shop.releases() == [second] * 2

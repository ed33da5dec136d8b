"""A fleet under fire for a minute, on a PostgreSQL of its own, which is crashed too; then the account balances."""

import json
import subprocess
import sys

from tests.office import ROOT


def test_the_account_balances_after_a_minute_of_faults():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.chaos", "--minutes", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=360,
    )
    figures = json.loads(done.stdout)
    account = {name: figures[name] for name in ("lost", "double_finished", "double_effects", "wrong_effects", "ghosts")}
    assert (account, figures["waiting"]) == (dict.fromkeys(account, 0), 0), done.stderr
    assert figures["jobs"] == figures["finished"] + figures["failed"] > 500
    assert figures["faults"] > 10, done.stderr
    assert done.returncode == 0

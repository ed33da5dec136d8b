"""A watch ships what somebody pushes: real repositories and hooks, watches that are killed, a database that fails."""

import os
import signal
import subprocess

import pytest

from tests import office as offices
from tests.integration.pipeline.shop import LONG_S, Shop
from tests.integration.release.conftest import IDENTITY
from tests.waiting import until

GATE = 'approval = "required"'


@pytest.fixture
def office(tmp_path, office_template):
    """The small project, with a gate, whose origin is a bare repository to which somebody pushes."""
    name = f"watched_{os.getpid()}_{tmp_path.name[-20:].replace('-', '_')}".lower()
    one = Shop(tmp_path / "office", offices.make_database(name, office_template))
    one.edit('approval = "none"', f'{GATE}\nremote = "origin"')
    one.repository.commit("a gate")
    one.bare = tmp_path / "bare.git"
    one.repository.git("clone", "--quiet", "--bare", ".", str(one.bare), at=None)
    one.repository.git("remote", "add", "origin", "../bare.git", at=None)
    yield one
    one.close()
    offices.drop_database(name)


def push(office, text="\n# changed\n", path="office/urls.py"):
    """By another person, from a clone of their own; the commit."""
    theirs = office.bare.parent / "theirs"

    def git(folder, *words):
        environment = {**os.environ, **IDENTITY}
        done = subprocess.run(
            ["git", *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=LONG_S, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    if not theirs.exists():
        git(office.bare.parent, "clone", "--quiet", str(office.bare), str(theirs))
    with (theirs / path).open("a") as file:
        file.write(text)
    git(theirs, "commit", "--quiet", "--all", "--message=change")
    git(theirs, "push", "--quiet", "origin", "main")
    return git(theirs, "rev-parse", "HEAD")


def runs(office):
    return office.query("SELECT state, commit FROM tandem_run ORDER BY id")


def states(office):
    return [state for state, _ in runs(office)]


def builds(office, run):
    """Wait until `run` is being built."""
    begun = "SELECT 1 FROM tandem_step WHERE run = %s AND step = 'build' AND what = 'began'"
    until(lambda: office.query(begun, run), LONG_S)


@pytest.mark.long
def test_a_push_wakes_a_watch_which_ships_it_when_somebody_lets_it(office):
    assert office.tandem("pipeline", "hook", "install", "../bare.git").returncode == 0
    watch = office.start("pipeline", "watch", "--every", "86400")
    watch.says(r"run 1 is waiting for approval: tandem approve 1", LONG_S)
    second = push(office)
    watch.says(r"run 2: \w+ of main, in place of run 1", LONG_S)
    watch.says(r"run 1 is superseded", LONG_S)
    watch.says(r"run 2 is waiting for approval", LONG_S)
    assert states(office) == ["superseded", "waiting for approval"]
    assert runs(office)[1][1] == second
    assert office.tandem("approve", "2").returncode == 0
    watch.says(r"run 2 is live", LONG_S)
    assert office.releases() == [second[:12]] * 2
    assert watch.stop(LONG_S) == 0

    # What was begun before is not begun again, also by one that starts anew; who says so gets another run.
    again = office.start("pipeline", "watch", "--every", "0.2", "--json")
    again.says(r'"what": "said", "text": "watching origin/main of', LONG_S)
    bad = push(office, "raise RuntimeError('broken')\n", "office/settings.py")
    again.says(r'"state": "failed"', LONG_S)
    assert runs(office)[2:] == [("failed", bad)]
    assert office.releases() == [second[:12]] * 2
    assert office.tandem("ship").returncode == 1
    assert runs(office)[2:] == [("failed", bad)] * 2
    assert again.stop(LONG_S) == 0


@pytest.mark.long
def test_of_two_watches_one_drives_and_what_one_leaves_the_other_ends(office):
    """Through a kill, a database that fails, a repository that is away, and an end that was wished."""
    watches = [office.start("pipeline", "watch", "--every", "0.2") for _ in range(2)]
    builds(office, 1)
    ((pid,),) = office.query("SELECT pid FROM tandem_lock")
    (killed,) = [one for one in watches if one.process.pid == pid]
    (other,) = [one for one in watches if one is not killed]
    killed.process.send_signal(signal.SIGKILL)
    other.says("run 1 is waiting for approval", LONG_S)
    assert states(office) == ["waiting for approval"]

    office.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'tandem pipeline' AND datname = current_database()"
    )
    other.says(r"the database failed, trying again: .*\n(.*\n)*.*the database works again", LONG_S)
    away = office.bare.rename(office.bare.with_name("away.git"))
    other.says(r"the repository failed, trying again: git fetch origin main in ", LONG_S)
    away.rename(office.bare)
    other.says(r"the repository works again", LONG_S)
    assert other.output.count("the database failed") == other.output.count("the repository failed") == 1
    assert "Traceback" not in other.output

    push(office)
    builds(office, 2)
    assert other.stop(LONG_S) == 0
    assert "stopped; what is under way is resumed by the next watch" in other.output
    assert office.query("SELECT owner FROM tandem_lock") == [(None,)]
    assert states(office) == ["superseded", "running"]
    third = office.start("pipeline", "watch")
    third.says("run 2 is waiting for approval", LONG_S)
    assert states(office) == ["superseded", "waiting for approval"]
    third.send(signal.SIGINT)
    assert third.wait(LONG_S) == 0

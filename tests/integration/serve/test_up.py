"""`tandem up`: all roles on one machine, from nothing to a clean end."""

import os
import re
import signal
import socket

import psutil
import pytest

from tests.integration.serve.servers import READY_S, lives
from tests.waiting import until

SUCCESSFUL = 3
READY = r"  stop +Ctrl-C\n"


def up(office, *words, **environment):
    """`tandem up`, when it has said that all servers are ready."""
    running = office.start("up", *words, **environment)
    says(running, READY)
    running.family()
    return running


def says(running, pattern):
    """Wait until its output matches, while it runs."""
    until(lambda: re.search(pattern, running.output) or running.process.poll() is not None, READY_S)
    assert re.search(pattern, running.output), running.output


def interrupt(running):
    """What Ctrl-C in a terminal does: it tells the whole group."""
    running.family()
    os.killpg(running.process.pid, signal.SIGINT)


def states(office):
    return dict(office.query("SELECT role, state FROM tandem_server ORDER BY id"))


def servers(running):
    """The servers' process ids by role."""
    started = {child.pid: child.cmdline() for child in psutil.Process(running.process.pid).children()}
    return {words[-1]: pid for pid, words in started.items() if words[-2:-1] == ["serve"]}


def plain(running):
    """Its output without the clock."""
    return [re.sub(r"^\d\d:\d\d:\d\d +", "", line.rstrip("\n")) for line in running.lines]


def test_from_nothing_to_a_clean_end(office, work):
    running = up(office)
    page, health = (f"http://127.0.0.1:{port}/" for port in (office.port, office.health_port))
    assert all(re.match(r"\d\d:\d\d:\d\d +(tandem|backoffice|async) │ ", line) for line in running.lines)
    said = "\n".join(plain(running))
    assert re.search(r"tandem │ database: office_\d+_\d+ on ", said)
    assert "migrated" not in said  # they were
    assert f"backoffice  {page}   1 × 4 threads" in said
    assert f"async       queues default, reports   2 × 2 threads   health {health}" in said
    assert "release     r1, which the fence names (epoch 1)" in said
    assert "async │ INFO active: the fence names this release, r1, at epoch 1" in said

    assert office.get(f"/enqueue?path={work.path}&line=hello")[0] == 200
    work.finished(1)
    facts = office.json("status")
    assert {one["role"]: one["pid"] for one in facts["servers"]} == servers(running)
    assert facts["fence"] == {"release": "r1", "epoch": 1}

    # A server that dies is restarted, and what it had begun begins again.
    work.hold("a")
    work.begun("a")
    old = servers(running)
    os.kill(old["async"], signal.SIGKILL)
    os.kill(old["backoffice"], signal.SIGKILL)
    running.says(rf"async \(pid {old['async']}\) died: killed by SIGKILL; pid \d+ replaces it")
    running.says(rf"backoffice \(pid {old['backoffice']}\) died: killed by SIGKILL; pid \d+ replaces it")
    work.begun("a", times=2)
    until(lambda: office.answers("/") and office.answers("/-/ready", office.health_port), READY_S)
    assert set(servers(running)) == {"backoffice", "async"}
    assert not set(servers(running).values()) & set(old.values())

    # Ctrl-C lets what runs finish.
    interrupt(running)
    running.says("tandem │ stopping: what runs is finished first; Ctrl-C again does not wait")
    work.open()
    assert running.wait() == 0
    assert plain(running)[-1] == "tandem │ stopped"
    assert running.nothing_is_left()
    assert [state for _, state, *_ in work.results()] == [SUCCESSFUL, SUCCESSFUL]
    assert work.unfinished() == []
    assert set(office.query("SELECT state FROM tandem_server")) == {("stopped",)}


def only(office, role):
    """Let the project have one role: it starts in half the time."""
    path = office.folder / "tandem.toml"
    head, backoffice, rest = path.read_text().partition("[roles.backoffice]")
    backoffice_table, async_table, rest = rest.partition("[roles.async]")
    path.write_text(head + (backoffice + backoffice_table if role == "backoffice" else async_table + rest))


def test_told_to_activate_it_moves_the_fence_and_a_second_interrupt_does_not_wait(office, work):
    office.query("UPDATE tandem_fence SET release = 'r0', epoch = 7")
    only(office, "async")
    job = work.hold("a")
    running = up(office, "--activate")
    running.says(r"release +r1, which the fence names \(epoch 8\)")
    assert states(office) == {"async": "active"}
    work.begun("a")
    interrupt(running)
    until(lambda: states(office)["async"] == "draining")
    interrupt(running)
    assert running.wait(20) == 0
    assert running.nothing_is_left()
    assert states(office) == {"async": "stopped"}
    assert work.unfinished() == [(job, 1, 1, None)]


def test_nothing_outlives_it_when_it_is_killed(office, work):
    running = up(office)
    job = work.hold("a")
    work.begun("a")
    work.open()
    running.send(signal.SIGKILL)
    until(running.nothing_is_left, 30)
    assert states(office) == {"backoffice": "stopped", "async": "stopped"}
    assert [(id_, state) for id_, state, *_ in work.results()] == [(job, SUCCESSFUL)]


def test_where_the_fence_names_another_release_it_says_so_and_claims_nothing(office, work):
    office.query("UPDATE tandem_fence SET release = 'r0', epoch = 7")
    only(office, "async")
    job = work.write("a")
    running = up(office)
    running.says("fence +names r0: standby, no task is claimed here; tandem up --activate moves it")
    running.says("async │ INFO standby: this is release r1, the fence names r0")
    assert office.query("SELECT release, epoch FROM tandem_fence") == [("r0", 7)]
    assert states(office) == {"async": "standby"}
    assert running.stop() == 0
    assert work.unfinished() == [(job, 1, 0, None)]


def fails(office, *words, **environment):
    """The exit code and the lines of a `tandem up` that cannot be, of which nothing may be left."""
    running = office.start("up", *words, **environment)
    running.family()
    code = running.wait(READY_S)
    until(running.nothing_is_left)
    assert "Traceback" not in running.output
    return code, plain(running)


def test_a_port_that_is_taken_is_told_in_one_line_with_who_holds_it(office):
    me = psutil.Process()
    for port, key in ((office.port, "roles.backoffice.bind"), (office.health_port, "roles.async.health")):
        with socket.create_server(("127.0.0.1", port)):
            assert fails(office) == (
                1,
                [f"tandem: {key}: 127.0.0.1:{port} is taken by {me.name()} (pid {me.pid}): stop it, or bind elsewhere"],
            )
    assert states(office) == {}


def test_a_database_that_does_not_answer_is_told_in_one_line(office, tmp_path):
    code, lines = fails(office, TANDEM_DATABASE_URL=f"host={tmp_path} dbname=office user=nobody password=secret")
    assert code == 1
    assert lines[-1].startswith("tandem: the database office on ")
    assert "does not answer: " in lines[-1]
    assert "secret" not in "".join(lines)
    assert len([line for line in lines if line.startswith("tandem: ")]) == 1


def test_settings_and_applications_that_do_not_import_are_told_in_one_line(office):
    code, lines = fails(office, OFFICE_BROKEN="1")
    assert (code, lines) == (
        2,
        ["tandem: office.settings does not import: RuntimeError: the office is closed (office/settings.py, line 15)"],
    )
    office.edit('settings = "office.settings"', 'settings = "office.settings"\nwsgi = "office.nowhere.application"')
    only(office, "backoffice")
    code, lines = fails(office)
    assert code != 0
    wrong = "office.nowhere.application does not import: ModuleNotFoundError: No module named 'office.nowhere'"
    assert len([line for line in lines if wrong in line]) == 1
    assert set(states(office).values()) <= {"stopped"}


MIGRATION = """
import time
from django.db import migrations, models

def populate(apps, schema_editor):
    {body}

class Migration(migrations.Migration):
    atomic = False
    dependencies = {dependencies}
    operations = [{operations}]
"""


def add_migration(office, number, body="pass", operations="migrations.RunPython(populate)"):
    folder = office.folder / "office" / "migrations"
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    dependencies = [] if number == 1 else [("office", f"{number - 1:04}_m")]
    text = MIGRATION.format(body=body, operations=operations, dependencies=dependencies)
    (folder / f"{number:04}_m.py").write_text(text)


@pytest.mark.parametrize(
    ("operation", "cause"),
    [
        ("migrations.RunPython(populate)", "the ledger has no page 7"),
        ("migrations.RunSQL('SELECT nothing')", 'column "nothing" does not exist'),
    ],
)
def test_a_migration_that_fails_is_told_in_one_line(office, operation, cause):
    add_migration(office, 1)
    add_migration(office, 2, "raise ValueError('the ledger has no page 7')", operation)
    code, lines = fails(office)
    assert code == 1
    assert re.match(r"tandem: migrating office_\d+_\d+ on .* failed at office.0002_m: ", lines[-1])
    assert cause in lines[-1]
    assert states(office) == {}
    assert office.query("SELECT name FROM django_migrations WHERE app = 'office'") == [("0001_m",)]


def test_of_two_that_migrate_at_once_the_second_waits(office):
    # One that cannot end while anybody else's older snapshot is open: whoever waits must not hold one.
    add_migration(
        office,
        1,
        operations="migrations.RunSQL('CREATE TABLE office_loan (id bigint)'),"
        " migrations.RunSQL('SELECT pg_sleep(2)'),"
        " migrations.RunSQL('CREATE INDEX CONCURRENTLY office_loan_id ON office_loan (id)')",
    )
    only(office, "backoffice")
    elsewhere = office.folder / "elsewhere.toml"
    elsewhere.write_text(
        (office.folder / "tandem.toml").read_text().replace(f":{office.port}", f":{office.health_port}")
    )
    both = [office.start("up"), office.start("up", TANDEM_CONFIG=str(elsewhere))]
    for running in both:
        says(running, READY)
    assert sum("migrated: 1 applied, the last is office.0001_m" in running.output for running in both) == 1
    assert office.query("SELECT count(*) FROM django_migrations WHERE app = 'office'") == [(1,)]
    assert office.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'office_loan_id'::regclass") == [(True,)]
    assert office.query("SELECT release, epoch FROM tandem_fence") == [("r1", 1)]
    assert office.query("SELECT role, state FROM tandem_server") == [("backoffice", "active")] * 2
    assert [running.stop() for running in both] == [0, 0]


def test_where_no_database_is_configured_it_brings_one_and_takes_it_along(bare_office):
    add_migration(bare_office, 1, "time.sleep(60)")
    postmaster = bare_office.folder / ".tandem" / "postgres" / "postmaster.pid"
    running = bare_office.start("up")
    says(running, "database: embedded PostgreSQL")
    postgres = psutil.Process(int(postmaster.read_text().splitlines()[0]))
    assert running.stop() == 1
    until(lambda: not lives(postgres))

    add_migration(bare_office, 1)
    running = up(bare_office)
    said = "\n".join(plain(running))
    assert "tandem │ database: embedded PostgreSQL in .tandem/postgres" in said
    assert re.search(r"tandem │ migrated: \d+ applied, the last is ", said)
    assert "database    embedded PostgreSQL in .tandem/postgres" in said
    assert bare_office.answers("/")
    # Commands beside it mean the same database.
    facts = bare_office.json("status")
    assert [one["role"] for one in facts["servers"]] == ["async", "backoffice"]
    assert running.stop() == 0
    assert running.nothing_is_left()
    assert not postmaster.exists()

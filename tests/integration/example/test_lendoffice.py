"""The example by its own tests, as the monolith and as a project of two servers, and its work done end to end."""

import os
import signal
import subprocess
import sys

from psycopg.conninfo import conninfo_to_dict

from tests.waiting import until

FIRST_LOANS = [("L000001", 19000, 24)]


def manage(office, *words, **environment):
    """The monolith's own manage.py: nothing of Tandem."""
    variables = {name: value for name, value in office.variables().items() if not name.startswith("TANDEM_")}
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=office.folder,
        env={**variables, "DATABASE_URL": office.database_url, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_its_own_tests_pass_as_the_monolith_that_it_was(lendoffice):
    done = manage(lendoffice, "test")
    assert done.returncode == 0, done.stderr
    assert "OK" in done.stderr


def test_its_own_tests_pass_with_tandems_settings(lendoffice):
    done = lendoffice.tandem("manage", "test")
    assert done.returncode == 0, done.stderr
    assert "OK" in done.stderr


def test_no_module_of_it_knows_tandem(lendoffice):
    named = [path for path in lendoffice.folder.rglob("*.py") if "tandem" in path.read_text().lower()]
    assert named == []


def test_the_seed_is_the_same_each_time_and_is_not_sown_twice(lendoffice):
    assert manage(lendoffice, "migrate", "--verbosity", "0").returncode == 0
    assert "40 loans. Log in as clerk" in manage(lendoffice, "seed", "--loans", "40").stdout
    assert "The office has 40 loans already; nothing was changed." in manage(lendoffice, "seed").stdout
    first = lendoffice.query("SELECT number, principal, months FROM loans_loan ORDER BY id LIMIT 1")
    assert [(number, int(principal), months) for number, principal, months in first] == FIRST_LOANS
    assert lendoffice.query("SELECT sum(amount) FROM payments_entry") == [(0,)]
    assert lendoffice.query("SELECT count(*) FROM loans_application WHERE status = 'new'") == [(60,)]


def test_a_worker_killed_in_the_middle_of_the_day_loses_nothing(lendoffice):
    assert lendoffice.tandem("manage", "migrate", "--verbosity", "0").returncode == 0
    assert lendoffice.tandem("manage", "seed", "--loans", "60").returncode == 0
    ids = [row[0] for row in lendoffice.query("SELECT id FROM borrowers_borrower")]
    server = lendoffice.start("serve", "async")
    server.says("active: the fence names this release")
    enqueue = f"from scoring.tasks import score_borrower as s; [s.enqueue(i) for i in {ids} * 8]"
    assert lendoffice.tandem("manage", "shell", "-c", enqueue).returncode == 0
    until(lambda: lendoffice.query("SELECT count(*) FROM tandem_result")[0][0] > 10)
    (worker,) = lendoffice.query("SELECT worker FROM tandem_job WHERE state = 2 LIMIT 1")[0]
    os.kill(worker, signal.SIGKILL)
    until(lambda: lendoffice.query("SELECT count(*) FROM tandem_job") == [(0,)], 60)
    assert lendoffice.query("SELECT count(*), count(DISTINCT id), max(state) FROM tandem_result") == [
        (len(ids) * 8, len(ids) * 8, 3)
    ]
    assert server.stop() == 0
    assert server.nothing_is_left()


def test_the_database_url_of_the_monolith_keeps_its_parts(lendoffice):
    shown = manage(
        lendoffice, "shell", "-c", "from django.db import connection; print(connection.settings_dict['NAME'])"
    )
    assert shown.stdout.splitlines()[-1] == conninfo_to_dict(lendoffice.database_url)["dbname"]

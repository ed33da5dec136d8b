"""The page of what runs."""

import re

from django_tandem.queue.states import State
from tests.integration.monitor.dashboard import made

PAGE = "/tandem/tasks/running/"


def row_of(text, job):
    return re.search(
        rf'<tr>\s*<th scope="row" class="number"><a href="/tandem/tasks/{job}/">.*?</tr>', text, re.DOTALL
    )[0]


def test_nothing_runs(ada):
    assert "Nothing runs." in ada.text(PAGE)


def test_what_began_first_stands_first_with_where_it_runs(ada, database):
    server = made.server(database)
    made.jobs(database, 1, state=State.RUNNING, server=server, worker=42, age="1 min")
    made.jobs(database, 2, state=State.RUNNING, server=server, worker=43, age="1 h")
    made.jobs(database, 3)
    text = ada.text(PAGE)
    assert re.findall(r'href="/tandem/tasks/(\d+)/"', text) == ["2", "1"]
    assert "async on here" in row_of(text, 1)
    assert "process 42" in row_of(text, 1)
    assert "silent" not in text


def test_an_attempt_is_held_against_its_tasks_timeout(ada, database):
    server, long = made.server(database), made.long.module_path
    for job, age in ((1, "10 min"), (2, "50 min"), (3, "61 min")):
        made.jobs(database, job, state=State.RUNNING, server=server, worker=1, age=age, task=long)
    made.jobs(database, 4, state=State.RUNNING, server=server, worker=1, age="9 h")
    text = ada.text(PAGE)
    badges = [re.findall(r'<span class="badge (?:warn|bad)">(\w+)', row_of(text, job)) for job in (1, 2, 3, 4)]
    assert badges == [[], ["close"], ["over"], []]
    assert "1 h" in row_of(text, 1)


def test_a_task_that_does_not_import_here_is_shown_all_the_same(ada, database):
    made.jobs(database, 1, state=State.RUNNING, server=1, worker=1, task="gone.tasks.export")
    assert "gone.tasks.export" in ada.text(PAGE)


def test_a_server_that_is_silent_is_told(ada, database):
    made.jobs(database, 1, state=State.RUNNING, server=made.server(database, silent="1 min"), worker=1)
    made.jobs(database, 2, state=State.RUNNING, server=99, worker=1)
    text = ada.text(PAGE)
    assert "silent" in row_of(text, 1)
    assert "server 99" in row_of(text, 2)


def test_one_is_cancelled_from_there(ada, database):
    made.jobs(database, 1, state=State.RUNNING, server=1, worker=1)
    assert ada.told(ada.act("/tandem/tasks/1/cancel", PAGE)) == (
        "done",
        "cancel job 1 runs, and is being interrupted",
    )
    assert "being cancelled by ada" in ada.text(PAGE)

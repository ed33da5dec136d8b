"""By what samples say roles are told to yield, and to yield no more."""

import pytest

from django_tandem.config.read import read
from django_tandem.monitor import histogram, pressure
from django_tandem.queue import pressure as told
from tests.integration.monitor.conftest import RELEASE
from tests.integration.queue.conftest import register


@pytest.fixture
def level(database):
    """How far a role yields."""
    return lambda role="async": told.read(database, role).level


@pytest.fixture
def later(database):
    """Let it have stood for so many seconds."""

    def later(seconds):
        database.execute("UPDATE tandem_pressure SET changed_at = changed_at - make_interval(secs => %s)", [seconds])

    return later


@pytest.fixture
def pages(sample, database):
    """All samples there are: pages of two Back Offices that took so long, sessions that wait."""

    def pages(seconds, waiting=0, count=20):
        database.execute("DELETE FROM tandem_sample")
        for number, took in enumerate((seconds, 0.05)):
            found = {"count": count, "seconds": histogram.of([took] * count)}
            sample({"pages": found}, 8, "backoffice", f"h{number}", number + 1)
        sample({"pages": {"count": 500, "seconds": histogram.of([60.0] * 500)}}, 40, "backoffice", "h0", 1)
        sample({"database": {"waiting": waiting}})

    return pages


def test_slow_pages_let_async_servers_yield_step_by_step_and_well_ones_let_them_stop(
    database, tandem, level, later, pages
):
    pages(3.0)
    pressure.look(database, tandem)
    assert level() == 1
    pressure.look(database, tandem)
    assert level() == 1
    later(pressure.UP_S)
    pressure.look(database, tandem)
    assert level() == 2
    assert "longer than" in told.read(database, "async").why
    pages(0.2)
    pressure.look(database, tandem)
    assert level() == 2
    for expected in (1, 0, 0):
        later(pressure.DOWN_S)
        pressure.look(database, tandem)
        assert level() == expected


def test_sessions_that_wait_do_so_too(database, tandem, level, pages):
    pages(0.1, waiting=21)
    pressure.look(database, tandem)
    assert told.read(database, "async") == (1, "21 sessions of the database wait, limit 20")


def test_where_all_is_well_or_nothing_is_known_nothing_is_written(database, tandem, pages):
    pressure.look(database, tandem)
    pages(0.1)
    pressure.look(database, tandem)
    assert told.standing(database) == {}


def test_each_role_has_limits_of_its_own_and_may_have_none(database, tmp_path, level, pages):
    path = tmp_path / "tandem.toml"
    path.write_text(
        '[app]\nname = "office"\nsettings = "office.settings"\n[monitor]\npage_promise = 10.0\n[roles.async]\n'
        '[roles.mails]\nkind = "async"\npressure = { page_p95 = 0.5 }\n'
        '[roles.never]\nkind = "async"\npressure = { page_p95 = 0, waiting = 0 }\n'
    )
    pages(3.0)
    pressure.look(database, read(path, {"TANDEM_RELEASE": RELEASE}))
    assert [level(role) for role in ("async", "mails", "never")] == [0, 1, 0]


def test_a_level_is_renewed_while_it_lasts(database, tandem, level, pages):
    pages(3.0)
    pressure.look(database, tandem)
    database.execute("UPDATE tandem_pressure SET expires_at = clock_timestamp() + interval '1 second'")
    pages(1.8)  # near the limit
    pressure.look(database, tandem)
    ((left,),) = database.execute("SELECT expires_at > clock_timestamp() + interval '10 seconds' FROM tandem_pressure")
    assert (left, level()) == (True, 1)


def test_another_release_does_not_judge_where_the_live_one_does(database, tandem, level, pages):
    register(database)
    pages(3.0)
    pressure.look(database, tandem.model_copy(update={"release": "r0"}))
    assert level() == 0

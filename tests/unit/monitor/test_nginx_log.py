"""Nginx's access log: who timed out is counted once, whatever is done with the file."""

import os

import pytest

from django_tandem.monitor import nginx_log
from django_tandem.monitor.nginx_log import NginxLog


def line(status, request="GET /loans HTTP/1.1", agent="curl"):
    return f'203.0.113.9 - - [26/Nov/2026:03:00:00 +0000] "{request}" {status} 123 "-" "{agent}"\n'


@pytest.fixture
def path(tmp_path):
    return tmp_path / "access.log"


@pytest.fixture
def log(path):
    """The log, which is there and read to its end."""
    path.touch()
    one = NginxLog(path)
    assert one.look() == 0
    yield one
    one.close()


def write(path, *statuses, **how):
    with path.open("a") as file:
        file.writelines(line(status, **how) for status in statuses)


def test_what_is_written_from_now_on_is_counted_once(path):
    write(path, 504)
    log = NginxLog(path)
    assert log.look() == 0
    write(path, 200, 499, 502, 504, 500, 404)
    assert (log.look(), log.look()) == (3, 0)
    log.close()


def test_half_a_line_is_counted_when_it_is_whole(path, log):
    whole = line(504) + line(499)
    for piece in (whole[:40], whole[40:-20], whole[-20:]):
        with path.open("a") as file:
            file.write(piece)
    assert log.look() == 2
    with path.open("a") as file:
        file.write(whole[:60])
    assert log.look() == 0
    with path.open("a") as file:
        file.write(whole[60:])
    assert log.look() == 2


def test_what_people_write_into_their_requests_is_not_a_status(path, log):
    write(path, 200, request="GET /\\x22 504 1 HTTP/1.1", agent="\\x22 504 1")
    write(path, 400, request="")
    assert log.look() == 0


def test_a_file_that_is_moved_away_is_read_to_its_end_and_the_next_from_its_beginning(path, log):
    write(path, 504)
    path.rename(path.with_suffix(".1"))
    write(path.with_suffix(".1"), 504)  # until Nginx is told, it writes there
    assert log.look() == 2
    write(path, 499, 200)
    write(path.with_suffix(".1"), 502)
    assert log.look() == 2
    write(path, 504)
    assert log.look() == 1


def test_a_file_that_is_cut_short_is_read_from_its_beginning(path, log):
    write(path, 504, 504, 504)
    assert log.look() == 3
    os.truncate(path, 0)
    write(path, 499)
    assert log.look() == 1


def test_of_more_than_can_be_read_the_newest_is(path, log, monkeypatch, caplog):
    write(path, *[504] * 100)
    monkeypatch.setattr(nginx_log, "MOST_BYTES", 10 * len(line(504)))
    assert 9 <= log.look() <= 10
    assert log.look() == 0
    assert "passed over" in caplog.text


def test_a_file_that_is_not_there_is_told_once_and_read_when_it_comes(path, caplog):
    log = NginxLog(path)
    assert (log.look(), log.look()) == (None, None)
    assert caplog.text.count(str(path)) == 1
    write(path, 504)
    assert log.look() == 0
    write(path, 504)
    assert log.look() == 1
    write(path, 504)
    log.skip()
    assert log.look() == 0
    log.close()

"""The lock: one drives; who is gone is replaced, who was frozen writes nothing after."""

import logging
import os
import signal
from datetime import timedelta

import psutil
import psycopg
import pytest

from django_tandem.errors import AnotherDrives, DriverReplaced
from django_tandem.pipeline import ledger, lock, stages
from django_tandem.pipeline.hear import heard, listen
from django_tandem.queue.connect import connect
from tests.integration.pipeline.conftest import told
from tests.waiting import until

# Of a holder that a test freezes: its heartbeat comes every tenth of it.
LIMIT_S = 3.0


def age(ledgers, seconds):
    ledgers.execute("UPDATE tandem_lock SET heartbeat_at = clock_timestamp() - make_interval(secs => %s)", [seconds])


def as_on(ledgers, machine):
    """As though the owner were on another machine, of which nothing is seen from here."""
    ledgers.execute("UPDATE tandem_lock SET machine = %s", [machine])


def test_one_has_it_and_a_second_is_told_who(ledgers, held, others):
    assert held.epoch == 1
    with pytest.raises(
        AnotherDrives, match=rf"^the lock deploy is held by process {os.getpid()} on .*, heard of \d"
    ) as held_by:
        lock.acquire(others())
    assert held_by.value.exit_code == 3


def test_one_that_was_given_back_is_free_and_who_waits_hears_of_it(ledgers, held, others):
    waits = others()
    listen(waits)
    assert lock.release(ledgers, held)
    assert heard(waits, 10) == ["lock deploy"]
    again = lock.acquire(waits)
    assert (again.epoch, again.took_from) == (2, None)
    assert not lock.release(ledgers, held)
    lock.renew(waits, again)


def test_locks_of_other_names_are_others(ledgers, held, others):
    lock.acquire(others(), name="run 7")
    with pytest.raises(AnotherDrives, match="the lock run 7 is held"):
        lock.acquire(ledgers, name="run 7")


def test_one_that_is_silent_for_longer_than_the_limit_is_taken_over(ledgers, held, others, caplog):
    as_on(ledgers, "another")
    age(ledgers, 29)
    with pytest.raises(AnotherDrives):
        lock.acquire(others())
    age(ledgers, 31)
    with caplog.at_level(logging.WARNING, "django_tandem.pipeline"):
        taken = lock.acquire(others())
    assert taken.epoch == 2
    assert taken.took_from is not None
    assert "took the lock deploy over from process" in caplog.text
    with pytest.raises(DriverReplaced):
        lock.renew(ledgers, held)


def test_one_that_renews_is_not_taken_over(ledgers, held, others):
    as_on(ledgers, "another")
    age(ledgers, 31)
    lock.renew(ledgers, held)
    with pytest.raises(AnotherDrives):
        lock.acquire(others())


def test_a_process_that_has_the_id_of_a_dead_owner_is_not_taken_for_it(ledgers, held, others):
    ledgers.execute("UPDATE tandem_lock SET started = started - 1")
    assert lock.acquire(others()).epoch == 2


def test_the_heartbeat_of_another_machine_with_the_same_process_id_is_believed(ledgers, held, others):
    ledgers.execute("UPDATE tandem_lock SET started = started - 1, machine = 'another'")
    with pytest.raises(AnotherDrives):
        lock.acquire(others())


def test_of_several_that_take_a_dead_one_s_lock_one_gets_it(ledgers, held, others):
    ledgers.execute("UPDATE tandem_lock SET pid = 4194304")  # the most that Linux gives is one less
    first = lock.acquire(others())
    with pytest.raises(AnotherDrives):
        lock.acquire(others())
    assert first.epoch == 2


def test_a_holder_that_is_killed_is_replaced_at_once(ledgers, process, begin):
    run = begin().run.id
    driver = process("drive", run, 600)
    assert told(driver)["epoch"] == 1
    with pytest.raises(AnotherDrives, match=rf"process {driver.pid} on .*, for run {run}, heard of"):
        lock.acquire(ledgers, limit=timedelta(minutes=10))
    driver.send_signal(signal.SIGKILL)
    until(lambda: psutil.Process(driver.pid).status() == psutil.STATUS_ZOMBIE)
    held = lock.acquire(ledgers, limit=timedelta(minutes=10))  # a zombie is gone, and so is what was reaped
    assert held.epoch == 2
    assert str(driver.pid) in (held.took_from or "")


def test_a_holder_that_is_frozen_is_replaced_after_the_limit_and_writes_nothing_when_it_wakes(ledgers, process, begin):
    run = begin().run.id
    driver = process("drive", run, LIMIT_S)
    assert told(driver)["epoch"] == 1
    driver.stdin.write("write\n")
    driver.stdin.flush()
    assert "row" in told(driver)

    driver.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(AnotherDrives):
            lock.acquire(ledgers, limit=timedelta(seconds=60))
        limit = timedelta(seconds=LIMIT_S)
        held = until(lambda: _taken(ledgers, limit), LIMIT_S * 10)
        rows = ledger.rows(ledgers, run)
    finally:
        driver.send_signal(signal.SIGCONT)

    driver.stdin.write("write\n")
    driver.stdin.flush()
    said = told(driver)
    assert said["error"] == "DriverReplaced"
    assert f"of epoch 1 is lost: process {os.getpid()} on " in said["text"]
    assert ledger.rows(ledgers, run) == rows
    assert ledger.began(ledgers, held, run, stages.BUILD)
    until(lambda: _knows(driver))


def _taken(ledgers, limit):
    try:
        return lock.acquire(ledgers, limit=limit)
    except AnotherDrives:
        return None


def _knows(driver):
    """Whether its heartbeat has heard of it too."""
    driver.stdin.write("write\n")
    driver.stdin.flush()
    return told(driver)["heartbeat_knows"]


def test_a_holder_that_is_frozen_inside_a_transaction_does_not_keep_the_lock_for_ever(ledgers, others):
    frozen = others()
    held = lock.acquire(frozen, limit=timedelta(seconds=1))
    frozen.execute("BEGIN")
    lock.keep(frozen, held)  # and then nothing: its process is stopped
    taker = others()
    assert until(lambda: _taken(taker, timedelta(seconds=1))).epoch == 2
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        frozen.execute("SELECT 1")


def test_who_keeps_the_lock_is_not_replaced_before_the_transaction_ends(ledgers, held, others):
    taker = others()
    taker.execute("SET lock_timeout = '100ms'")
    age(ledgers, 31)
    with ledgers.transaction():
        lock.keep(ledgers, held)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            lock.acquire(taker)
    assert lock.acquire(taker).epoch == 2
    with pytest.raises(DriverReplaced):
        lock.keep(ledgers, held)


def test_the_heartbeat_renews_and_says_once_when_the_lock_is_lost(ledgers, held, others):
    age(ledgers, 20)
    lost = []
    with lock.Heartbeat(
        lambda: connect("default", purpose="beat"), held, every_s=0.02, on_lost=lost.append
    ) as heartbeat:
        until(lambda: lock.read(ledgers).age_s < 10)
        assert heartbeat.lost is None
        ledgers.execute("UPDATE tandem_lock SET pid = 4194304")
        lock.acquire(others())
        until(lambda: heartbeat.lost)
    assert lost == [heartbeat.lost]


def test_the_heartbeat_survives_its_connection(ledgers, held):
    made = []

    def make():
        made.append(connect("default", purpose="beat"))
        return made[-1]

    with lock.Heartbeat(make, held, every_s=0.02) as heartbeat:
        until(lambda: made)
        ledgers.execute("SELECT pg_terminate_backend(%s::int)", [made[0].info.backend_pid])
        until(lambda: len(made) > 1)
        age(ledgers, 20)
        until(lambda: lock.read(ledgers).age_s < 10)
    assert heartbeat.lost is None

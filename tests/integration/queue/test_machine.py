"""All that may happen to jobs, in any order, on the real functions and a real database: after each step the tables are
what the model says. Hypothesis chooses the steps, and shrinks what fails to the shortest way there.

TANDEM_TEST_EXAMPLES lets it try so many ways, by chance, instead of the same few each time.
"""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.queue.machine import QUEUES, Machine

EXAMPLES = int(os.environ.get("TANDEM_TEST_EXAMPLES", "0"))
STEPS = 12


def enqueue(kind, minutes=0):
    return ("enqueue", kind, QUEUES[0], 0, minutes, 0)


def take(who, count=1):
    return ("claim", who, count, QUEUES), ("begin", who, count)


OK, FAILS = ("finish", 0, [True]), ("finish", 0, [False])
DIES = (*take(0), ("worker_dies", 0))

# Ways that chance finds seldom.
SCRIPTS = {
    "retried by hand": [enqueue("plain"), *take(0), FAILS, ("retry", 0), *take(0), OK],
    "retried, then by hand, then retried": [
        enqueue("retried"),
        *[*take(0), FAILS, ("time_passes", 60), ("scheduler_turns",), *take(0), FAILS, ("retry", 0)] * 2,
    ],
    "beside a job that kills": [*[enqueue("plain")] * 3, *DIES, *DIES, *take(0, 3), ("worker_dies", 0), *take(0, 2)],
    "a job that kills three times": [enqueue("plain"), *DIES, *DIES, *DIES, ("retry", 0), *DIES],
    "finished late": [
        enqueue("plain"), *take(0), ("server_is_silent", 0), ("rescue",), *take(1), OK, ("finish", 1, [True]),
    ],
    "finished late by who runs it again": [
        enqueue("plain"), *take(0), ("server_is_silent", 0), ("rescue",), *take(0), ("finish_late", 0), OK,
    ],
    "claimed by a server that has stopped": [
        *[enqueue("plain")] * 2, ("server_is_silent", 0), ("rescue",), *take(0), ("rescue",), ("renew", 0), OK,
    ],
    "limited, later": [
        *[enqueue("limited", 30)] * 4, ("time_passes", 30), ("scheduler_turns",), *take(0, 4), OK, *take(1, 4), FAILS,
        ("retry", 0), ("scheduler_turns",), *take(0),
    ],
    "paused and limited": [
        *[enqueue("limited")] * 4, ("pause_or_resume_task", "limited", False), *[enqueue("limited")] * 3, *take(0, 9),
        ("scheduler_turns",), ("pause_or_resume_task", "limited", True), ("scheduler_turns",), *take(1, 9),
    ],
    "cancelled while it runs, and its worker dies": [
        enqueue("plain"), *take(0), ("cancel", 0), ("hear", 0), ("worker_dies", 0), ("scheduler_turns",),
    ],
    "the fence": [
        enqueue("plain"), ("move_the_fence", "b"), *take(0), ("hear", 0), *take(0), ("move_the_fence", "a"), *take(0),
        ("hear", 0), *take(0), OK,
    ],
    "expired, also while it runs": [
        *[enqueue("expiring")] * 2, *take(0), ("time_passes", 60), ("scheduler_turns",), OK,
    ],
    "replaced, and not when it has been claimed": [
        *[enqueue("replaced")] * 2, *take(0), enqueue("replaced"), enqueue("replaced", 30), ("release", 0), OK,
    ],
    "retried while another has its key, and after it": [
        enqueue("unique"), *take(0), FAILS, enqueue("unique"), ("retry", 0), *take(0), OK, ("retry", 0),
        enqueue("unique"),
    ],
    "retried, and replaced then": [
        enqueue("replaced"), *take(0), FAILS, ("retry", 0), enqueue("replaced"), *take(0), FAILS, enqueue("replaced"),
        ("retry", 0),
    ],
    "unique, until it has ended": [*[enqueue("unique")] * 2, *take(0), enqueue("unique"), OK, enqueue("unique")],
}  # fmt: skip


@pytest.fixture
def nothing_left(database):
    yield
    database.execute("DELETE FROM tandem_pause")


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_chance_finds_seldom(database, nothing_left, script):
    machine = Machine(database)
    machine.do(SCRIPTS[script])
    assert len(machine.model.ended) + len(machine.model.jobs) > 0


def test_whatever_happens_in_whatever_order_the_tables_are_what_the_model_says(database, nothing_left):
    run_state_machine_as_test(
        lambda: Machine(database),
        settings=settings(
            max_examples=EXAMPLES or 100,
            stateful_step_count=STEPS,
            derandomize=not EXAMPLES,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

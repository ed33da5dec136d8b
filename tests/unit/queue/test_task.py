"""What a task may say of its jobs, and what is refused with the name of the option."""

from datetime import timedelta

import pytest

from django_tandem import Retry, TandemTask, task
from django_tandem.queue.tasks_api import InvalidTask, Task


def work(number: int) -> int:
    return number


async def awork(number: int) -> int:
    return number


def test_the_decorator_is_djangos_with_more():
    plain, full = task(work), task(priority=5, queue_name="q", takes_context=False, retry=Retry(), timeout=3)(work)
    assert isinstance(plain, Task)
    assert (plain.priority, plain.queue_name, plain.retry, plain.timeout, plain.expires) == (
        0,
        "default",
        None,
        None,
        None,
    )
    assert (full.priority, full.queue_name, full.timeout) == (5, "q", 3)
    assert full.retry == Retry(attempts=5)
    assert full.call(4) == 4
    assert full.module_path == f"{__name__}.work"


def test_a_changed_copy_keeps_what_was_not_changed():
    changed = task(timeout=3)(awork).using(priority=7, expires=timedelta(hours=1))
    assert isinstance(changed, TandemTask)
    assert (changed.priority, changed.timeout, changed.expires) == (7, 3, timedelta(hours=1))
    with pytest.raises(TypeError, match="retry"):
        changed.using(retry=Retry())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"retry": 3}, r"retry is 3; expected Retry\(attempts=…\)"),
        ({"timeout": 0}, "timeout is 0; expected seconds above 0"),
        ({"timeout": True}, "timeout is True"),
        ({"timeout": float("nan")}, "timeout is nan"),
        ({"expires": 5}, "expires is 5; expected a timedelta above 0"),
        ({"expires": timedelta(0)}, "expires is"),
        ({"priority": 101}, "priority"),
    ],
)
def test_what_makes_no_sense_is_refused(options, told):
    with pytest.raises(InvalidTask, match=told):
        task(**options)(work)

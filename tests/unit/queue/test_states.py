import json
import re
from importlib.resources import files

import pytest

from django_tandem.queue.states import PUBLIC_STATUS, State
from django_tandem.queue.tasks_api import TaskResultStatus

SQL = (files("django_tandem.queue") / "migrations" / "0001_initial.sql").read_text()


def test_django_sees_four_statuses():
    assert {state.name: str(status.value) for state, status in PUBLIC_STATUS.items()} == {
        "SCHEDULED": "READY",
        "READY": "READY",
        "RUNNING": "RUNNING",
        "SUCCESSFUL": "SUCCESSFUL",
        "FAILED": "FAILED",
        "LIMITED": "READY",
        "PAUSED": "READY",
    }
    assert set(PUBLIC_STATUS) == set(State)
    assert set(PUBLIC_STATUS.values()) == set(TaskResultStatus)


@pytest.mark.parametrize(
    ("index", "state"), [("scheduled", State.SCHEDULED), ("ready", State.READY), ("running", State.RUNNING)]
)
def test_the_numbers_are_those_of_the_indexes(index, state):
    (number,) = re.findall(rf"CREATE INDEX tandem_job_{index} .* WHERE state = (\d);", SQL)
    assert int(number) == state
    assert json.dumps(state) == number

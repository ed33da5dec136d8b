"""A task's result is put together only where somebody hears of it; whoever listens must be heard of."""

import gc
import logging

import pytest
from django.dispatch import Signal

from django_tandem.queue.hearing import is_heard
from django_tandem.queue.tasks_api import TASKS_LOGGER, task_finished


@pytest.fixture
def signal():
    return Signal()


@pytest.fixture
def quiet():
    """Django's own receivers have nothing to write."""
    logger = logging.getLogger(TASKS_LOGGER)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


class Listener:
    def hear(self, **kwargs):
        """A bound method: it lives as long as its object."""


def function(**kwargs):
    """A receiver at module level."""


def test_a_signal_without_receivers_is_not_heard(signal):
    assert not is_heard(signal)


@pytest.mark.parametrize("weak", [True, False])
def test_a_receiver_hears(signal, weak):
    signal.connect(function, weak=weak)
    assert is_heard(signal)
    signal.disconnect(function)
    assert not is_heard(signal)


def test_a_bound_method_hears_while_its_object_lives(signal):
    listener = Listener()
    signal.connect(listener.hear)
    assert is_heard(signal)
    del listener
    gc.collect()
    assert not is_heard(signal)


def test_a_receiver_that_is_gone_hides_no_other(signal):
    gone = Listener()
    signal.connect(gone.hear)
    signal.connect(function)
    del gone
    gc.collect()
    assert is_heard(signal)


def test_djangos_own_receiver_hears_only_what_its_logger_would_write(quiet):
    assert not is_heard(task_finished)
    logging.getLogger(TASKS_LOGGER).setLevel(logging.ERROR)
    assert not is_heard(task_finished, logging.INFO)
    assert is_heard(task_finished, logging.ERROR)


def test_beside_djangos_own_receiver_others_are_heard(quiet):
    task_finished.connect(function)
    try:
        assert is_heard(task_finished)
    finally:
        task_finished.disconnect(function)

"""The monitor's tables come and go with their migration, and Django's models are what they are."""

from io import StringIO

import pytest
from django.core.management import call_command

TABLES = {"tandem_alarm", "tandem_audit", "tandem_sample"}


@pytest.fixture
def migrate(database):
    yield lambda *words, **options: call_command("migrate", "tandem_monitor", *words, verbosity=0, **options)
    call_command("migrate", "tandem_monitor", verbosity=0)


def tables(database):
    found = database.execute("SELECT relname FROM pg_class WHERE relname LIKE 'tandem%' AND relkind IN ('r', 'p')")
    return {name for (name,) in found} & TABLES


def test_the_models_need_no_other_migration(database):
    told = StringIO()
    call_command("makemigrations", "tandem_monitor", check=True, dry_run=True, stdout=told)
    assert "No changes detected" in told.getvalue()


def test_it_goes_back_and_forth(migrate, database):
    assert tables(database) == TABLES
    migrate("zero")
    assert tables(database) == set()
    migrate()
    assert tables(database) == TABLES

"""Each change that a release which still runs cannot live with, and those with which it can, in one history."""

import pytest

from django_tandem.release import environment, safety
from django_tandem.release.build import configuration_of
from django_tandem.release.inside.migrations import _statements
from django_tandem.release.project import TRIAL_SETTINGS, Project
from tests.office import drop_database, make_database

CHAR = "models.CharField(max_length=50{})"
BY_HAND = "-- a reason\\nalter table office_loan\\n  drop column b;"

# Name, operations, and the codes of what is told: (level, code, table, column).
HISTORY = [
    ("0002_add_null", f'migrations.AddField("Loan", "a", {CHAR.format(", null=True")})', []),
    (
        "0003_add_not_null",
        f'migrations.AddField("Loan", "b", {CHAR.format(", default=chr(120)")})',
        [("ERROR", "NOT_NULL", "office_loan", "b")],
    ),
    (
        "0004_rename_column",
        'migrations.RenameField("Loan", "a", "c")',
        [("ERROR", "RENAME_COLUMN", "office_loan", "a")],
    ),
    ("0005_drop_column", 'migrations.RemoveField("Loan", "c")', [("ERROR", "DROP_COLUMN", "office_loan", "c")]),
    ("0006_add_table", 'migrations.CreateModel("Note", [("id", models.BigAutoField(primary_key=True))])', []),
    ("0007_rename_new_table", 'migrations.RenameModel("Note", "Remark")', []),
    ("0008_drop_new_table", 'migrations.DeleteModel("Remark")', []),
    (
        "0009_type",
        'migrations.AlterField("Loan", "note", models.TextField(null=True))',
        [("ERROR", "ALTER_COLUMN", "office_loan", "note")],
    ),
    (
        "0010_unique",
        f'migrations.AlterField("Loan", "name", {CHAR.format(", unique=True")})',
        [
            ("ERROR", "ADD_UNIQUE", None, None),
            ("WARNING", "CREATE_INDEX", None, None),
            ("WARNING", "CREATE_INDEX_EXCLUSIVE", None, None),
        ],
    ),
    (
        "0011_index",
        'migrations.AddIndex("Loan", models.Index(fields=["note"], name="by_note"))',
        [("WARNING", "CREATE_INDEX", None, None)],
    ),
    (
        "0012_by_hand",
        f'migrations.RunSQL("{BY_HAND}", "SELECT 1", state_operations=[migrations.RemoveField("Loan", "b")])',
        [("ERROR", "DROP_COLUMN", None, None)],
    ),
    ("0013_data", 'migrations.RunSQL("UPDATE office_loan SET note = \'DROP COLUMN x\'", "DROP TABLE nothing")', []),
    (
        "0014_intended",
        'IgnoreMigration(), migrations.RemoveField("Loan", "note")',
        [("INFO", "IGNORED", None, None)],
    ),
    (
        "0015_rename_table",
        'migrations.RenameModel("Loan", "Credit")',
        [("ERROR", "RENAME_TABLE", "office_loan", None)],
    ),
    ("0016_drop_table", 'migrations.RunSQL("drop table auth_group cascade")', [("ERROR", "DROP_TABLE", None, None)]),
]


@pytest.fixture
def asked(loans, tmp_path):
    """What is found in the migrations of the working tree that are not among `applied`, on a scratch database."""
    names = []

    def asked(applied):
        name = f"tandem_trial_{tmp_path.name}_{len(names)}"[-60:]
        names.append(name)
        tandem = configuration_of(loans.folder / "tandem.toml", "a" * 40, {})
        project = Project(tandem=tandem, environment=environment.shared(), variables={}, log=tmp_path / "log")
        variables = {"TANDEM_DATABASE_URL": make_database(name), "DJANGO_SETTINGS_MODULE": TRIAL_SETTINGS}
        return project.ask("migrations", {"applied": sorted(applied)}, tmp_path, **variables)

    yield asked
    for name in names:
        drop_database(name)


def applied_by(repository):
    return set(repository.build().manifest.migrations)


def told(said, name):
    return [
        (one["level"], one["code"], one["table"], one["column"])
        for one in said["found"]
        if one["migration"] == f"office.{name}"
    ]


def write_history(repository, history=HISTORY):
    before = "0001_initial"
    for name, operations, _ in history:
        repository.migrate(name, operations, after=before)
        repository.edit(
            f"office/migrations/{name}.py",
            "from django.db import",
            "from django_migration_linter import IgnoreMigration\nfrom django.db import",
        )
        before = name


def test_each_change_is_told_as_what_it_is_and_each_migration_is_applied_to_see_it(loans, asked):
    applied = applied_by(loans)
    write_history(loans)
    said = asked(applied)
    assert said["new"] == [f"office.{name}" for name, _, _ in HISTORY]
    assert said["gone"] == said["other"] == []
    assert {name: told(said, name) for name, _, _ in HISTORY} == {name: codes for name, _, codes in HISTORY}
    findings = safety.judge(said["found"], said["gone"], said["other"])
    stops = [one for one in findings if one.level == "error"]
    assert len(stops) == 8
    assert all(safety.INTENDED in one.instead for one in stops)
    assert all(one.instead for one in findings if one.level == "warning")


def test_a_history_that_does_not_apply_is_told_with_the_migration(loans, asked):
    applied = applied_by(loans)
    write_history(loans, [("0002_broken", 'migrations.RunSQL("ALTER TABLE nowhere ADD COLUMN a int")', [])])
    (found,) = [one for one in asked(applied)["found"] if one["level"] == "ERROR"]
    assert (found["migration"], found["code"]) == ("office.0002_broken", "NOT_APPLICABLE")
    (finding,) = safety.judge([found], [], [])
    assert finding.what.startswith("office.0002_broken: it does not apply to an empty database: ")
    assert 'relation "nowhere" does not exist' in finding.what


def test_a_squashed_migration_is_not_new_where_what_it_replaces_is_applied(loans, asked):
    write_history(loans, HISTORY[:1])
    loans.append("office/models.py", "    a = models.CharField(max_length=50, null=True)\n")
    loans.commit()
    applied = applied_by(loans)
    loans.write(
        "office/migrations/0001_squashed.py",
        "from django.db import migrations, models\n\n\nclass Migration(migrations.Migration):\n    initial = True\n"
        '    replaces = [("office", "0001_initial"), ("office", "0002_add_null")]\n    dependencies = []\n'
        '    operations = [migrations.CreateModel("Loan", [("id", models.BigAutoField(primary_key=True))])]\n',
    )
    assert asked(applied)["new"] == []
    for name in ("0001_initial", "0002_add_null"):
        (loans.folder / "office" / "migrations" / f"{name}.py").unlink()
    said = asked(applied)
    assert (said["new"], said["gone"]) == ([], [])


def test_a_migration_that_only_the_live_release_has_is_a_warning(loans, asked):
    applied = applied_by(loans)
    said = asked({*applied, "office.0002_later"})
    assert (said["new"], said["gone"]) == ([], ["office.0002_later"])
    (finding,) = safety.judge([], said["gone"], ["default"])[:1]
    assert (finding.level, finding.what) == (
        "warning",
        "office.0002_later is applied by the live release and not in this one",
    )


def test_tandems_own_migrations_are_no_danger_to_a_release_that_runs_on_the_first(loans, asked):
    """They only expand: whoever upgrades Tandem meets no finding that stops the release."""
    applied = {one for one in applied_by(loans) if not one.startswith("tandem_queue.")} | {"tandem_queue.0001_initial"}
    said = asked(applied)
    assert [one for one in said["new"] if one.startswith("tandem_queue.")]
    assert [one for one in said["found"] if one["level"] == "ERROR"] == []


def test_hand_written_sql_is_read_as_what_it_does_and_not_as_what_it_quotes():
    sql = '-- drop table a;\nalter table "Loan"\n drop column "Note";\nupdate x set y = \'drop table; b\';'
    assert _statements(sql) == ['ALTER TABLE "Loan" DROP COLUMN "Note";', "UPDATE X SET Y = '';"]
    assert _statements("alter table a add b int not null default 0") == ["ALTER TABLE A ADD B INT DEFAULT 0 NOT NULL"]


def test_a_default_of_one_column_does_not_stand_for_that_of_another(loans, asked):
    applied = applied_by(loans)
    two = "ALTER TABLE office_loan ADD x int NOT NULL; ALTER TABLE office_loan ADD COLUMN y int DEFAULT 0 NOT NULL"
    write_history(loans, [("0002_two", f'migrations.RunSQL("{two}")', [])])
    assert told(asked(applied), "0002_two") == [("ERROR", "NOT_NULL", "OFFICE_LOAN", "X")]

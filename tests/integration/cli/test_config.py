"""`tandem config`: what a role has, what differs between roles, and the digests; secrets are never told."""

import json
import re

OVERLAY = """
[roles.async.environment]
PGPASSWORD = { from_env = "TASKS_PASSWORD" }
FEATURES = "new"
[overlay]
allow = ["environment.FEATURES"]
"""
SETTINGS = """
SERVICE = "https://office:sesame-in-url@bureau.test/"
EMAIL_HOST_PASSWORD = "sesame-in-settings"
"""
DIFFERING = """
TIME_ZONE = "Europe/Berlin" if os.environ.get("FEATURES") else "UTC"
SECRET_KEY = "sesame-" + os.environ.get("FEATURES", "old")
"""


def test_show_tells_what_a_role_declares_and_changes(office):
    office.append(OVERLAY)
    office.append(SETTINGS, "office/settings.py")
    done = office.tandem("config", "show", "async", TASKS_PASSWORD="sesame-in-environment")
    assert (done.returncode, done.stderr) == (0, "")
    head, digest, *rest = done.stdout.splitlines()
    assert head == "async  release r1  "
    assert digest.startswith("sha256:")
    told = dict(re.findall(r"^  (\S+) +(.*?) *$", "\n".join(rest), re.MULTILINE))
    assert told == {
        "processes": "2",
        "threads": "2",
        "drain": "10.0",
        "statement_timeout": "60.0",
        "kind": "async",
        "health": f"127.0.0.1:{office.health_port}",
        "queues": '["default", "reports"]',
        "coroutines": "100",
        "PGPASSWORD": "********************",
        "FEATURES": "new",
        "DATABASES.default.CONN_MAX_AGE": "600",
    }


def test_show_all_tells_every_effective_setting_with_secrets_masked(office):
    office.append(OVERLAY)
    office.append(SETTINGS, "office/settings.py")
    secrets = {"TASKS_PASSWORD": "sesame-in-environment"}
    url = f"{office.database_url} password=sesame-of-database"
    done = office.tandem("config", "show", "async", "--all", **secrets, TANDEM_DATABASE_URL=url, COLUMNS="4000")
    assert (done.returncode, done.stderr) == (0, "")
    told = dict(re.findall(r"^  (\S+) +(.*?) *$", done.stdout, re.MULTILINE))
    assert told["SERVICE"] == "https://office:********@bureau.test/"
    assert told["EMAIL_HOST_PASSWORD"] == told["SECRET_KEY"] == "********************"
    assert json.loads(told["DATABASES"])["default"]["PASSWORD"] == "********************"
    assert told["ROOT_URLCONF"] == "office.urls"

    facts = office.json("config", "show", "async", **secrets, TANDEM_DATABASE_URL=url)
    assert set(facts) == {"role", "release", "digest", "declared", "environment", "settings"}
    assert (facts["role"], facts["release"]) == ("async", "r1")
    assert facts["declared"]["queues"] == ["default", "reports"]
    assert facts["environment"] == {"PGPASSWORD": "********************", "FEATURES": "new"}
    assert facts["settings"]["DATABASES"]["default"]["CONN_MAX_AGE"] == 600
    assert facts["settings"]["SERVICE"] == "https://office:********@bureau.test/"
    assert "sesame" not in done.stdout + json.dumps(facts)


def test_diff_of_what_the_overlay_permits_is_code_0(office):
    done = office.tandem("config", "diff")
    assert (done.returncode, done.stderr) == (0, "")
    title, _, *lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    assert title == ["key", "backoffice", "async"]
    assert lines[0] == ["DATABASES.default.CONN_MAX_AGE", "0", "600", "overlay"]
    assert lines[1][:2] == ["DATABASES.default.OPTIONS.options", "(absent)"]
    assert lines[1][-1] == "overlay"


def test_diff_of_what_must_be_shared_is_code_1(office):
    office.append(OVERLAY)
    office.append(DIFFERING, "office/settings.py")
    done = office.tandem("config", "diff", "async", "backoffice", "--json", TASKS_PASSWORD="sesame")
    assert (done.returncode, done.stderr) == (1, "")
    found = {one.pop("key"): one for one in json.loads(done.stdout)}
    masked = "********************"
    roles = {"roles": ["async", "backoffice"]}
    assert found["TIME_ZONE"] == {**roles, "left": "Europe/Berlin", "right": "UTC", "permitted": False}
    assert found["SECRET_KEY"] == {**roles, "left": masked, "right": masked, "permitted": False}
    assert found["environment.PGPASSWORD"] == {**roles, "left": masked, "right": "(absent)", "permitted": True}
    assert {key for key, one in found.items() if one["permitted"]} == {
        "DATABASES.default.CONN_MAX_AGE",
        "DATABASES.default.OPTIONS.options",
        "environment.FEATURES",
        "environment.PGPASSWORD",
    }
    assert "sesame" not in done.stdout


def test_diff_asks_for_two_roles_or_none(tandem):
    for words in (["async"], ["async", "async"], ["async", "backoffice", "async"]):
        done = tandem("config", "diff", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.endswith("Error: name two different roles, or none for all\n")


def test_digests_are_equal_where_settings_are(office):
    office.edit('statement_timeout = 60\n\n[roles.async.settings]\n"DATABASES.default.CONN_MAX_AGE" = 600\n', "")
    done = office.tandem("config", "digest")
    assert (done.returncode, done.stderr) == (0, "")
    digests = dict(line.split() for line in done.stdout.splitlines())
    assert list(digests) == ["backoffice", "async"]
    assert digests["backoffice"] == digests["async"]


def test_what_a_role_s_process_meets_is_one_line(office):
    broken = office.tandem("config", "show", "async", "--json", OFFICE_BROKEN="1")
    assert (broken.returncode, broken.stdout) == (2, "")
    assert broken.stderr == (
        "tandem: office.settings does not import: RuntimeError: the office is closed (office/settings.py, line 15)\n"
    )
    office.append('import sys\nif "TANDEM_ROLE" in os.environ:\n    sys.exit("closed")\n', "office/settings.py")
    closed = office.tandem("config", "show", "async")
    assert (closed.returncode, closed.stdout) == (2, "")
    assert closed.stderr == "tandem: role async: its settings do not load: closed\n"

"""What commands show of encrypted jobs, and that none of them ever shows a key."""

import json
import sys

import pytest

from django_tandem.queue import at_rest
from tests import jobs
from tests.keys import MARKER, NEW, OLD, OTHER

SOUND = """
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}}
"""
FROM_ENVIRONMENT = '\n[database]\nencrypt_keys = { from_env = "OFFICE_QUEUE_KEYS" }\n'
WRITTEN_BY_HAND = """
TASKS = {"mine": {"BACKEND": "django_tandem.queue.backend.TandemBackend", "OPTIONS": {"encrypt_keys": ["%s"]}}}
"""


@pytest.fixture
def two_jobs(hand, use_keys):
    """One that went well and one that failed, both given the marker; their ids."""
    use_keys(OLD)
    ids = [jobs.add.enqueue(MARKER, b=MARKER).id, jobs.fail.enqueue(MARKER).id]
    hand.work(2)
    return ids


def shown(tandem, *words):
    done = tandem("tasks", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_list_and_show_mask_what_a_job_was_given_and_told(tandem, two_jobs):
    well, failed = two_jobs
    for words in (["list"], ["list", "--json"], ["show", well], ["show", well, "--json"], ["show", failed]):
        assert MARKER not in shown(tandem, *words)
    facts = {line.split()[0]: line.split()[1:] for line in shown(tandem, "show", well).splitlines()[1:]}
    assert (facts["arguments"], facts["returned"]) == ([at_rest.MASKED], [at_rest.MASKED])
    assert shown(tandem, "show", failed).endswith(f"attempt 1: builtins.ValueError\n{at_rest.MASKED}\n")
    told = {str(one["id"]): one for one in json.loads(shown(tandem, "list", "--json"))}
    assert (told[well]["args"], told[well]["kwargs"], told[well]["return_value"]) == (
        [at_rest.MASKED], {}, at_rest.MASKED,
    )  # fmt: skip
    assert told[failed]["errors"] == [{"class": "builtins.ValueError", "traceback": at_rest.MASKED}]
    assert told[failed]["return_value"] is None


def test_show_reveals_what_is_asked_for(tandem, two_jobs):
    well, failed = two_jobs
    text = shown(tandem, "show", well, "--reveal")
    assert f'("{MARKER}", b="{MARKER}")' in text
    assert f'"{MARKER}{MARKER}"' in text
    assert shown(tandem, "show", failed, "--reveal").endswith(f"ValueError: {MARKER}\n")
    told = json.loads(shown(tandem, "show", well, "--reveal", "--json"))
    assert (told["args"], told["kwargs"], told["return_value"]) == ([MARKER], {"b": MARKER}, MARKER * 2)


def test_what_is_plain_from_before_is_masked_too(tandem, hand, use_keys):
    job = jobs.add.enqueue(MARKER, b=MARKER)
    use_keys(NEW)
    assert MARKER not in shown(tandem, "show", job.id)
    assert MARKER in shown(tandem, "show", job.id, "--reveal")


@pytest.mark.parametrize("keys", [[OTHER], []])
def test_what_cannot_be_opened_is_told_in_words(tandem, two_jobs, use_keys, keys):
    use_keys(*keys)
    well, failed = two_jobs
    for words in ([], ["--reveal"]):
        text = shown(tandem, "show", well, *words)
        assert text.count(at_rest.UNREADABLE) == 2
        assert shown(tandem, "show", failed, *words).endswith(f"builtins.ValueError\n{at_rest.UNREADABLE}\n")
    told = json.loads(shown(tandem, "show", well, "--json"))
    assert (told["args"], told["return_value"]) == ([at_rest.UNREADABLE], at_rest.UNREADABLE)
    assert len(json.loads(shown(tandem, "list", "--json"))) == 2


def test_reencrypt_says_what_it_did_and_whether_older_keys_are_needed(tandem, two_jobs, use_keys):
    use_keys(OTHER)
    lost = jobs.add.enqueue(1)
    use_keys(NEW, OLD)
    done = tandem("tasks", "reencrypt")
    assert done.returncode == 1
    assert done.stdout == "rewrote 0 unfinished and 2 finished jobs; 1 remain under older keys: keep those\n"
    assert done.stderr == f"tandem: encrypted with a key that is not configured: {lost.id}\n"
    use_keys(NEW, OLD, OTHER)
    done = tandem("tasks", "reencrypt", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"jobs": 1, "results": 0, "unopened": [], "remain": 0}
    assert tandem("tasks", "reencrypt").stdout == (
        "rewrote 0 unfinished and 0 finished jobs; none remains under an older key\n"
    )


def test_reencrypt_without_keys(tandem, database):
    done = tandem("tasks", "reencrypt")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("tandem: no keys are configured: set encrypt_keys")


def test_without_the_library_the_extra_is_named(tandem, database, use_keys, monkeypatch):
    use_keys(NEW)
    monkeypatch.setitem(sys.modules, "cryptography.fernet", None)
    done = tandem("tasks", "enqueue", "tests.jobs.nothing")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "tandem: TASKS['default']['OPTIONS']: encryption needs the library cryptography, which is not installed: "
        "pip install 'django-tandem[encrypt]'\n"
    )


def test_no_command_shows_a_key_or_hands_one_on_as_an_argument(office):
    office.append(FROM_ENVIRONMENT)
    office.append(SOUND, "office/settings.py")
    office.environment["OFFICE_QUEUE_KEYS"] = f"{NEW},{OLD}"
    told = {}
    for words in (
        "check",
        "config show async --all",
        "config diff --json",
        "config digest",
        "tasks enqueue office.tasks.write",
    ):
        done = office.tandem(*words.split(), COLUMNS="4000")
        assert "Traceback" not in done.stderr, words
        told[words] = done.stdout + done.stderr
    assert not any(key in text for text in told.values() for key in (NEW, OLD))
    assert '"encrypt_keys": "********************"' in told["config show async --all"]
    assert office.query("SELECT left(arguments, 7) FROM tandem_job") == [("fernet:",)]

    up = office.start("up")
    up.says(r"active: the fence names this release")
    assert not any(key in word for one in up.family() for word in one.cmdline() for key in (NEW, OLD))
    assert up.stop() == 0
    assert not any(key in up.output for key in (NEW, OLD))


@pytest.mark.parametrize("words", [["check"], ["serve", "async"]])
def test_a_key_that_is_missing_or_none_is_one_line_that_names_the_variable(office, words):
    office.append(FROM_ENVIRONMENT)
    line = "tandem: tandem.toml: database.encrypt_keys: "
    missing = office.tandem(*words)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr == f"{line}the environment variable OFFICE_QUEUE_KEYS is not set\n"
    wrong = office.tandem(*words, OFFICE_QUEUE_KEYS=f"{NEW} sesame")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == (
        f"{line}key 2 of 2 in the environment variable OFFICE_QUEUE_KEYS is not a Fernet key, "
        "expected 32 bytes in URL-safe base64 (44 characters)\n"
    )


def test_keys_that_settings_hold_are_checked_too(office):
    office.append(WRITTEN_BY_HAND % "sesame", "office/settings.py")
    checked = office.tandem("check", COLUMNS="400")
    assert checked.returncode == 1
    assert "tandem.E103" in checked.stdout
    assert "TASKS['mine']['OPTIONS']: encrypt_keys[0] is not a Fernet key" in checked.stdout
    assert "sesame" not in checked.stdout + checked.stderr
    managed = office.tandem("manage", "check")
    assert "tandem.E103" in managed.stderr
    assert "sesame" not in managed.stdout + managed.stderr

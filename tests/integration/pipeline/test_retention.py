"""What is kept of releases, and what is removed and marked so."""

import logging
from dataclasses import replace

import pytest

from django_tandem.config.read import read
from django_tandem.pipeline import ledger, releases, retention
from django_tandem.pipeline.driving import Driving
from django_tandem.pipeline.ground import Ground
from django_tandem.queue import fence
from django_tandem.release.hosts.local import LocalHost
from django_tandem.release.hosts.places import Places
from django_tandem.release.manifest import Manifest

MANIFEST = Manifest(
    app="office", commit="0" * 40, tree="1" * 64, environment="2" * 64, python="3.11", settings={}, migrations=(),
    tasks={}, dependencies={},
)  # fmt: skip


def artifact(places, commit):
    """Make the folder of an artifact of `commit`; its digest, release and commit."""
    manifest = replace(MANIFEST, commit=commit)
    folder = places.artifacts / manifest.digest
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(manifest.to_json())
    return manifest.digest, manifest.release, manifest.commit


@pytest.fixture
def driving(ledgers, held, running, tmp_path):
    text = '[app]\nname = "office"\nsettings = "tests.settings"\n[roles.async]\n[pipeline]\nretain = 1\n'
    (tmp_path / "tandem.toml").write_text(text)
    places = Places(tmp_path / ".tandem")
    tandem = read(tmp_path / "tandem.toml", {"TANDEM_RELEASE": "test"})
    yield Driving(
        ground=Ground(tandem, {}, None), connection=ledgers, held=held, run=running, places=places,
        hosts=(LocalHost("local", places.root),), tell=lambda _: None,
    )  # fmt: skip
    fence.lift(ledgers)


def test_what_is_live_was_live_before_or_is_of_an_open_run_stays_and_the_rest_is_removed(driving, ledgers, held):
    built = {}
    for name, commit in {"gone": "a", "before": "b", "asked": "c", "live": "d"}.items():
        digest, release, _ = artifact(driving.places, commit * 40)
        ledger.built(ledgers, held, driving.run, digest, {})
        ledgers.execute(
            "UPDATE tandem_release SET release = %s, commit = %s WHERE digest = %s", [release, commit * 40, digest]
        )
        built[name] = digest
        if name in ("before", "live"):
            fence.activate(ledgers, release)
            releases.became_live(ledgers, held, digest)
            releases.verified(ledgers, held, digest)
    ledger.built(ledgers, held, driving.run, built["asked"], {})
    newest = driving.places.artifacts / artifact(driving.places, "e" * 40)[0]  # which no table knows
    retention.prune(driving)
    kept = {path.name for path in driving.places.artifacts.iterdir()}
    assert kept == {built["before"], built["asked"], built["live"], newest.name}
    assert {one.digest for one in releases.newest(ledgers, 9) if one.removed_at} == {built["gone"]}


def test_a_failure_to_remove_is_a_warning(driving, caplog):
    driving.places.artifacts.mkdir(parents=True)
    (driving.places.artifacts / "stray").write_text("it is no folder, and cannot be removed as one")
    with caplog.at_level(logging.WARNING, "django_tandem.pipeline"):
        retention.prune(driving)
    assert "old releases were not removed" in caplog.text

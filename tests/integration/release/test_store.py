"""Artifacts are unpacked wholly or not at all, refused when they were tampered with, and removed when they are many."""

import dataclasses
import os
import subprocess
import time

import pytest

from django_tandem.errors import Tampered
from django_tandem.release import store, tree
from django_tandem.release.folders import sweep
from django_tandem.release.hosts.places import Places
from tests.unit.release.test_manifest import MANIFEST
from tests.unit.release.test_tree import FILES
from tests.unit.release.test_tree import tar as tar


@pytest.fixture
def places(tmp_path):
    return Places(tmp_path / ".tandem")


@pytest.fixture
def keep(places, tar, tmp_path):
    """Keep an artifact of a commit, made `age` seconds ago, whose environment is `environment`."""

    def kept(digit, age=0, environment="e", **changes):
        packed = tmp_path / "packed"
        digest = tree.pack(tar(*FILES), tmp_path, [], 1000, packed)
        made = dataclasses.replace(MANIFEST, commit=digit * 40, tree=digest, environment=environment * 64, **changes)
        path, is_new = store.keep(places.artifacts, made, packed)
        assert is_new
        at = time.time() - age
        os.utime(path / store.MANIFEST, (at, at))
        python = places.environments / made.environment / "bin" / "python"
        python.parent.mkdir(parents=True, exist_ok=True)
        python.write_text("")
        os.utime(places.environments / made.environment, (at, at))
        return path

    return kept


def test_an_artifact_is_unpacked_to_its_release_and_again_for_nothing(places, keep):
    artifact = keep("a")
    release = store.unpack(artifact, places.releases)
    assert release == places.releases / ("a" * 12)
    assert (release / "b" / "latest").read_bytes() == b"text"
    assert store.released(release) == store.load(artifact)
    before = (release / "a.txt").stat().st_ino
    (release / "__pycache__").mkdir()  # what runs there writes beside its files
    assert store.unpack(artifact, places.releases) == release
    assert (release / "a.txt").stat().st_ino == before
    assert [path.name for path in places.releases.iterdir()] == ["a" * 12]


def test_a_tar_that_was_tampered_with_is_refused_and_nothing_is_unpacked(places, keep):
    artifact = keep("a")
    data = bytearray((artifact / store.TREE).read_bytes())
    at = data.index(b"text")
    data[at] ^= 1
    (artifact / store.TREE).write_bytes(data)
    with pytest.raises(Tampered, match=r"tree\.tar is not what its manifest says .*: remove .* build the commit again"):
        store.unpack(artifact, places.releases)
    assert list(places.releases.iterdir()) == []


def test_a_manifest_that_was_tampered_with_is_refused(places, keep):
    artifact = keep("a")
    text = (artifact / store.MANIFEST).read_text()
    (artifact / store.MANIFEST).write_text(text.replace("office.0001_initial", "office.0002_evil"))
    with pytest.raises(Tampered, match=r"manifest\.json is not what its digest says"):
        store.unpack(artifact, places.releases)
    (artifact / store.MANIFEST).unlink()
    with pytest.raises(Tampered, match=r"is no artifact"):
        store.load(artifact)
    assert not places.releases.exists()


def test_a_tar_of_another_artifact_is_refused(places, keep, tar, tmp_path):
    artifact = keep("a")
    tree.pack(tar(*FILES[:1]), tmp_path, [], 1000, artifact / store.TREE)
    with pytest.raises(Tampered, match=r"tree\.tar is not what its manifest says"):
        store.unpack(artifact, places.releases)


def test_a_release_whose_files_were_changed_is_refused(places, keep):
    artifact = keep("a")
    release = store.unpack(artifact, places.releases)
    (release / "a.txt").write_bytes(b"by hand")
    with pytest.raises(Tampered, match=r"with other files than its artifact has \(a\.txt\): somebody changed it"):
        store.unpack(artifact, places.releases)


def test_another_artifact_with_the_same_files_takes_the_release_over(places, keep):
    release = store.unpack(keep("a"), places.releases)
    other = keep("a", settings={"async": "sha256:3"})
    assert store.unpack(other, places.releases) == release
    assert store.released(release) == store.load(other)


def test_the_newest_stay_and_what_is_named_with_all_that_it_needs(places, keep):
    artifacts = {digit: keep(digit, age=10_000 * n, environment=digit) for n, digit in enumerate("abcdef")}
    for path in artifacts.values():
        store.unpack(path, places.releases)
    running, live = "d" * 12, artifacts["e"].name
    gone = store.prune(places, most=2, named={running, live})
    assert {path.name for path in places.artifacts.iterdir()} == {artifacts[one].name for one in "abde"}
    assert {path.name for path in places.releases.iterdir()} == {one * 12 for one in "abde"}
    assert {path.name for path in places.environments.iterdir()} == {one * 64 for one in "abde"}
    assert len(gone) == 6
    assert store.prune(places, most=2, named={running, live}) == []


def test_a_named_release_keeps_its_environment_when_its_artifact_is_gone(places, keep):
    old = keep("a", age=20_000, environment="a")
    release = store.unpack(old, places.releases)
    for path in old.iterdir():
        path.unlink()
    old.rmdir()
    keep("b", environment="b")
    assert store.prune(places, most=1, named={release.name}) == []
    assert (places.environments / ("a" * 64)).is_dir()


def test_a_named_environment_and_one_used_lately_stay(places, keep):
    for n, digit in enumerate("abc"):
        keep(digit, age=10_000 * (n + 1), environment=digit)
    os.utime(places.environments / ("b" * 64))
    gone = store.prune(places, most=1, named={"c" * 64})
    assert {path.name for path in places.environments.iterdir()} == {one * 64 for one in "abc"}
    assert len(gone) == 2  # the artifacts


def test_what_the_dead_left_aside_goes_and_what_the_living_make_stays(places):
    places.releases.mkdir(parents=True)
    process = subprocess.Popen(["true"])
    process.wait()
    ended = process.pid
    (places.releases / f".new-{ended}-abc-x").mkdir()
    (places.releases / f".new-{os.getpid()}-abc-x").mkdir()
    assert [path.name for path in sweep(places.releases)] == [f".new-{ended}-abc-x"]
    assert [path.name for path in places.releases.iterdir()] == [f".new-{os.getpid()}-abc-x"]


def test_logs_are_bounded_and_others_are_left_alone(places):
    places.log.mkdir(parents=True)
    for n in range(25):
        path = places.log / f"{'build' if n % 2 else 'trial'}-{n}.log"
        path.write_text("")
        os.utime(path, (n, n))
    (places.log / "tandem.log").write_text("")
    store.prune(places, most=2, named=())
    assert len(list(places.log.iterdir())) == 2 * store.LOGS_EACH + 1
    assert not (places.log / "trial-0.log").exists()
    assert (places.log / "tandem.log").exists()

"""A commit becomes an artifact: the same wherever it is built, or nothing at all and one clear error."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from django_tandem.errors import CannotBuild, ConfigurationError
from django_tandem.release import store
from django_tandem.release.manifest import Manifest
from tests.integration.release.conftest import IDENTITY, Repository
from tests.waiting import until

STATIC = """
from pathlib import Path
INSTALLED_APPS += ["django.contrib.staticfiles"]
STATIC_URL = "/static/"
STATIC_ROOT = Path(__file__).resolve().parent.parent / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}
"""
BUILD = """
import json, os, sys
from pathlib import Path
os.umask(int(sys.argv[2], 8))
from django_tandem.config.read import read
from django_tandem.release.build import build
built = build(read(Path(sys.argv[1])), "HEAD")
print(json.dumps([str(built.path), built.is_new]))
"""


def test_the_artifact_is_of_the_commit_and_its_manifest_says_what_is_in_it(loans):
    loans.append("office/settings.py", "raise RuntimeError('not committed')\n")
    built = loans.build()
    manifest = built.manifest
    assert built.is_new
    assert built.path == loans.places.artifacts / manifest.digest
    assert store.load(built.path) == manifest
    assert (manifest.app, manifest.commit) == ("office", loans.git("rev-parse", "HEAD"))
    assert manifest.python == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert set(manifest.settings) == {"backoffice", "async"}
    assert len(set(manifest.settings.values())) == 2
    assert manifest.named["async"]["shown"]["DATABASES.default.CONN_MAX_AGE"] == 600
    assert manifest.named["async"]["hidden"]["SECRET_KEY"] == manifest.named["backoffice"]["hidden"]["SECRET_KEY"]
    assert "the office's own" not in manifest.to_json()
    assert "office.0001_initial" in manifest.migrations
    assert "tandem_queue.0001_initial" in manifest.migrations
    assert manifest.dependencies["django-tandem"] == "0.1.0"
    assert manifest.tasks["office.tasks.write"] == {
        "parameters": [
            {"name": name, "kind": "POSITIONAL_OR_KEYWORD", "default": False, "annotation": None}
            for name in ("path", "line")
        ],
        "takes_context": False,
        "queue": "default",
        "priority": 0,
        "options": {},
    }
    with tarfile.open(built.path / store.TREE) as tar:
        names = tar.getnames()
        assert b"not committed" not in tar.extractfile("office/settings.py").read()
    assert names == sorted(loans.git("ls-files").splitlines())
    assert not list(loans.places.build.iterdir())


def test_a_second_build_of_the_same_commit_gives_the_same_artifact(repository):
    first = repository.build()
    before = (first.path / store.TREE).stat()
    second = repository.build("main")
    assert (second.path, second.is_new) == (first.path, False)
    after = (second.path / store.TREE).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [path.name for path in repository.places.artifacts.iterdir()] == [first.manifest.digest]


def test_elsewhere_by_another_with_another_mask_at_another_time_the_digest_is_the_same(tmp_path, undisturbed):
    """Two clones in places of different depth, static files too, whose order on disk must not matter."""
    origin = Repository(tmp_path / "origin")
    origin.append("office/settings.py", STATIC)
    for name in "azmbyc":
        origin.write(f"office/static/{name}.css", f"/* {name} */")
    origin.write("run.sh", "#!/bin/sh\n")
    (origin.folder / "run.sh").chmod(0o755)
    (origin.folder / "latest.sh").symlink_to("run.sh")
    origin.commit("static", at=1_600_000_000)
    found = []
    for folder, mask, zone, user in [("a", "000", "UTC", "one"), ("deep/er/b", "077", "Asia/Tokyo", "two")]:
        path = tmp_path / folder
        path.parent.mkdir(parents=True, exist_ok=True)
        home = tmp_path / f"home-{user}"
        home.mkdir()
        environment = {**os.environ, **IDENTITY, "TZ": zone, "USER": user, "HOME": str(home), "LANG": "C"}
        subprocess.run(["git", "clone", "--quiet", origin.folder, path], check=True, env=environment)
        os.utime(path / "office" / "settings.py", (1, 1))
        done = subprocess.run(
            [sys.executable, "-c", BUILD, str(path / "tandem.toml"), mask],
            env={**environment, "PYTHONHASHSEED": "1" if user == "one" else "2"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        found.append(Path(json.loads(done.stdout)[0]))
    manifests = [Manifest.from_json((path / store.MANIFEST).read_text()) for path in found]
    assert manifests[0] == manifests[1]
    assert [path.name for path in found] == [manifests[0].digest] * 2
    tars = [(path / store.TREE).read_bytes() for path in found]
    assert tars[0] == tars[1]
    with tarfile.open(found[0] / store.TREE) as tar:
        members = {member.name: member for member in tar}
        assert any(name.startswith("static/a.") and name != "static/a.css" for name in members)
        assert "static/staticfiles.json" in members
        assert {(one.uid, one.gid, one.uname, one.gname, one.mtime) for one in members.values()} == {
            (0, 0, "", "", 1_600_000_000)
        }
        assert members["run.sh"].mode == 0o755
        assert members["latest.sh"].issym()


def test_another_setting_of_the_environment_is_another_artifact_of_the_same_release(repository):
    first = repository.build()
    second = repository.build(variables={"OFFICE_DEBUG": "1"})
    assert second.manifest.release == first.manifest.release
    assert second.manifest.settings != first.manifest.settings
    assert [one.manifest.named["async"]["shown"]["DEBUG"] for one in (first, second)] == [False, True]
    assert second.manifest.tree == first.manifest.tree
    assert second.path != first.path


def test_builds_at_once_of_the_same_commit_are_one_artifact(repository):
    words = [sys.executable, "-c", BUILD, str(repository.folder / "tandem.toml"), "022"]
    running = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    found = [json.loads(one.communicate(timeout=120)[0]) for one in running]
    assert found[0][0] == found[1][0]
    assert sorted(is_new for _, is_new in found) == [False, True]
    store.load(Path(found[0][0]))


def test_what_a_killed_build_left_is_removed_by_the_next(repository):
    words = [sys.executable, "-c", BUILD, str(repository.folder / "tandem.toml"), "022"]
    killed = subprocess.Popen(words, stdout=subprocess.DEVNULL, start_new_session=True)
    until(lambda: repository.places.build.is_dir() and list(repository.places.build.iterdir()), 60)
    killed.kill()
    killed.wait()
    assert list(repository.places.build.iterdir())
    repository.build()
    assert not list(repository.places.build.iterdir())


def refused(repository, error=CannotBuild, **how):
    """What is told when it is not built; nothing is left of it."""
    with pytest.raises(error) as caught:
        repository.build(**how)
    assert not repository.places.artifacts.exists()
    assert not repository.places.build.exists() or not list(repository.places.build.iterdir())
    return str(caught.value)


def test_models_without_their_migration_are_told(loans):
    loans.edit("office/models.py", "note = ", "remark = models.IntegerField(default=0)\n    note = ")
    loans.commit()
    told = refused(loans)
    assert told.startswith("models have changed without a migration: run makemigrations, and commit what it writes")
    assert "Add field remark to loan" in told


def test_migrations_that_conflict_are_told(loans):
    for name in ("0002_one", "0002_two"):
        loans.migrate(name, "", after="0001_initial")
    loans.commit()
    assert refused(loans).startswith("makemigrations --check: Conflicting migrations detected")


def test_a_project_that_does_not_import_is_told_with_its_line(repository):
    repository.append("office/settings.py", "import nowhere\n")
    repository.commit()
    told = refused(repository, ConfigurationError)
    assert told.startswith("office.settings does not import: ModuleNotFoundError: No module named 'nowhere'")
    assert "office/settings.py, line " in told


def test_a_module_of_tasks_that_does_not_import_is_told(repository):
    repository.append("office/tasks.py", "import nowhere\n")
    repository.commit()
    told = refused(repository)
    assert told == (
        "a module of tasks, or of the URLs, does not import: ModuleNotFoundError: No module named 'nowhere'"
    )


def test_a_commit_without_its_configuration_is_told(repository):
    repository.git("rm", "--quiet", "--cached", "tandem.toml")
    repository.git("commit", "--quiet", "--message", "forgotten")
    assert "has no tandem.toml here: commit it" in refused(repository)


def test_static_files_that_cannot_be_collected_are_told(repository):
    repository.append("office/settings.py", STATIC)
    repository.write("office/static/a.css", "a { background: url(missing.png) }")
    repository.commit()
    told = refused(repository)
    assert told.startswith("collectstatic failed: ")
    assert "missing.png" in told


def test_a_link_out_of_the_tree_is_told(repository):
    (repository.folder / "secrets").symlink_to("/etc")
    repository.commit()
    assert refused(repository).startswith("secrets is a link to /etc, outside of the project's folder")


def test_static_files_outside_of_the_tree_are_left_alone(repository, tmp_path):
    repository.append(
        "office/settings.py", STATIC.replace("Path(__file__).resolve().parent.parent", f'Path("{tmp_path}")')
    )
    repository.write("office/static/a.css", "")
    repository.commit()
    built = repository.build()
    with tarfile.open(built.path / store.TREE) as tar:
        assert not [name for name in tar.getnames() if name.startswith("static/")]
    assert not (tmp_path / "static").exists()


def test_no_database_is_asked(loans, monkeypatch):
    """One that does not answer does not matter."""
    monkeypatch.setenv("TANDEM_DATABASE_URL", "postgresql://nobody:sesame@127.0.0.1:1/none")
    built = loans.build()
    assert "sesame" not in built.log.read_text()
    assert "sesame" not in built.manifest.to_json()


def test_a_folder_that_is_moved_keeps_its_releases(repository, tmp_path):
    built = repository.build()
    shutil.move(repository.folder, tmp_path / "moved")
    moved = tmp_path / "moved" / ".tandem" / "artifacts" / built.manifest.digest
    assert store.load(moved) == built.manifest

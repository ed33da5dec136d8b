"""Environments from real lock files by the real uv: made once, whole or not at all; without a network afterwards."""

import os
import shutil
import subprocess
import sys
import threading

import pytest

from django_tandem.errors import CannotBuild, ToolMissing
from django_tandem.release import environment
from django_tandem.release.environment import find_uv, prepare
from tests.office import ROOT

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def uv(*words, cwd):
    """Run uv as a person does, outside of any environment."""
    variables = {name: value for name, value in os.environ.items() if name not in environment.OURS}
    done = subprocess.run([find_uv(), *words], cwd=cwd, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """This Tandem as a distribution."""
    folder = tmp_path_factory.mktemp("wheel")
    uv("build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT), cwd=folder)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def requirements(wheel, tmp_path_factory):
    """A requirements.lock of Tandem and all that it needs, at the versions of our own lock file, with hashes."""
    folder = tmp_path_factory.mktemp("lock")
    (folder / "requirements.in").write_text(f"django-tandem @ {wheel.as_uri()}\n")
    words = ["--constraint", str(ROOT / "requirements.lock"), "--generate-hashes", "--no-header", "--no-annotate"]
    return uv("pip", "compile", "--quiet", "requirements.in", "--python", sys.executable, *words, cwd=folder)


@pytest.fixture(scope="session")
def project(wheel, tmp_path_factory):
    """pyproject.toml and uv.lock of a project that needs Tandem."""
    folder = tmp_path_factory.mktemp("project")
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    versions = [line.rstrip("\\ ") for line in lines if line[:1].isalpha()]
    text = (
        '[project]\nname = "office"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["django-tandem"]\n'
        f'[dependency-groups]\ndev = ["iniconfig"]\n[tool.uv]\nconstraint-dependencies = {versions}\n'
        f'[tool.uv.sources]\ndjango-tandem = {{ path = "{wheel}" }}\n'
    )
    (folder / "pyproject.toml").write_text(text)
    uv("lock", "--quiet", "--python", sys.executable, cwd=folder)
    return {"pyproject.toml": text, "uv.lock": (folder / "uv.lock").read_text()}


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder


@pytest.fixture
def made(tree, tmp_path, undisturbed):
    """Prepare the environment of `tree` with these files in it."""

    def made(files, kind="locked"):
        for name, text in files.items():
            (tree / name).write_text(text)
        return prepare(tree, kind, tmp_path / "environments", "tree", tmp_path / "log")

    return made


def says(one, code):
    """What a line of Python prints in an environment."""
    done = subprocess.run([one.executable, "-c", code], env=one.variables(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def refused(made, files, error=CannotBuild):
    with pytest.raises(error) as caught:
        made(files)
    return str(caught.value)


def nothing_is_left(tmp_path):
    folder = tmp_path / "environments"
    return not folder.exists() or not list(folder.iterdir())


def test_from_a_lock_file_with_hashes_once_and_again_without_a_network(made, requirements, tmp_path, monkeypatch):
    first = made({"requirements.lock": requirements})
    assert first.executable == tmp_path / "environments" / first.digest / "bin" / "python"
    assert first.python == PYTHON
    assert says(first, "import django_tandem; print(django_tandem.__file__)").startswith(
        str(first.executable.parent.parent)
    )
    script = first.executable.parent / "tandem"
    version = subprocess.run([script, "--version"], env=first.variables(), capture_output=True, text=True)
    assert version.stdout.startswith("tandem, version")  # it works where it was renamed to
    assert [path.name for path in (tmp_path / "environments").iterdir()] == [first.digest]

    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "no-cache"))
    before = first.executable.lstat().st_ino
    assert made({"requirements.lock": requirements}) == first
    assert first.executable.lstat().st_ino == before
    assert environment.of(first.digest, first.python, tmp_path / "environments") == first


def test_from_uv_lock_with_its_default_groups_and_again_without_a_network(made, project, tmp_path, monkeypatch):
    first = made(project)
    assert says(first, "import django_tandem, iniconfig; print('there')") == "there"
    missing = says(first, "import importlib.util as u; print(u.find_spec('office'))")
    assert missing == "None"  # the project is the tree, not a distribution
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "no-cache"))
    assert made(project) == first


def test_the_environment_of_who_builds_is_not_the_releases(made, requirements, tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "mine.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "mine"))
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "mine"))
    one = made({"requirements.lock": requirements})
    assert says(one, "import importlib.util as u; print(u.find_spec('mine'))") == "None"
    assert one.variables()["VIRTUAL_ENV"] == str(one.executable.parent.parent)
    assert one.variables()["PATH"].split(os.pathsep)[0] == str(one.executable.parent)


def test_builders_at_once_make_one(made, requirements, tree, tmp_path):
    (tree / "requirements.lock").write_text(requirements)
    found, failed = [], []

    def build(number):
        try:
            found.append(prepare(tree, "locked", tmp_path / "environments", "tree", tmp_path / f"log-{number}"))
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=build, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert failed == []
    assert len(set(found)) == 1
    assert [path.name for path in (tmp_path / "environments").iterdir()] == [found[0].digest]
    assert says(found[0], "import django_tandem; print('there')") == "there"


def test_a_lock_file_that_is_out_of_date_is_told(made, project, tmp_path):
    changed = {
        **project,
        "pyproject.toml": project["pyproject.toml"].replace('["django-tandem"]', '["django-tandem", "iniconfig"]'),
    }
    told = refused(made, changed)
    assert told.startswith("uv.lock is not what pyproject.toml asks for: run uv lock, and commit uv.lock")
    assert nothing_is_left(tmp_path)


def test_a_wrong_hash_is_told_and_nothing_is_left(made, requirements, tmp_path):
    lines = requirements.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("cronsim=="))
    end = next(n for n in range(at + 1, len(lines)) if not lines[n].startswith(" "))
    wrong = [*lines[: at + 1], f"    --hash=sha256:{'0' * 64}", *lines[end:]]
    told = refused(made, {"requirements.lock": "\n".join(wrong) + "\n"})
    assert told.startswith("the environment of requirements.lock cannot be made: uv ended with exit code ")
    assert "ash" in told
    assert nothing_is_left(tmp_path)


def test_a_lock_file_that_does_not_name_everything_is_told(made, requirements, tmp_path):
    lines, kept, skipping = requirements.splitlines(), [], False
    for line in lines:
        skipping = line.startswith("cronsim==") or (skipping and line.startswith(" "))
        kept += [] if skipping else [line]
    told = refused(made, {"requirements.txt": "\n".join(kept) + "\n"})
    assert told.startswith("requirements.txt does not name cronsim")
    assert "which django-tandem requires: a lock file names everything" in told
    assert nothing_is_left(tmp_path)


def test_without_django_tandem_it_is_told(made, tmp_path):
    told = refused(made, {"requirements.txt": "iniconfig==2.3.0\n"})
    assert told.startswith("requirements.txt does not install django-tandem, and a release runs by it: add it to")
    assert nothing_is_left(tmp_path)


def test_without_uv_it_is_told(made, requirements, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    told = refused(made, {"requirements.lock": requirements}, ToolMissing)
    assert told.startswith("uv is not found, beside this Python or on PATH")
    assert 'pip install uv, or say [pipeline] environment = "shared"' in told


def test_uv_is_found_on_path_where_it_is_not_beside_this_python(tmp_path, monkeypatch):
    found = find_uv()
    (tmp_path / "bin").mkdir()
    shutil.copy(found, tmp_path / "bin" / "uv")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_uv() == str(tmp_path / "bin" / "uv")


def test_the_python_version_is_the_trees(made, requirements, tree):
    (tree / ".python-version").write_text(f"{PYTHON}\n")
    assert made({"requirements.lock": requirements}).python == PYTHON
    (tree / ".python-version").write_text("pypy\n")
    assert refused(made, {}) == f".python-version: pypy, expected a version such as {PYTHON}"


def test_a_python_that_is_not_there_is_told(made, requirements, tree, monkeypatch):
    (tree / ".python-version").write_text("3.99\n")
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    told = refused(made, {"requirements.lock": requirements})
    assert told.startswith("the environment of requirements.lock cannot be made: uv ended with exit code 2")
    assert "3.99" in told


def test_the_shared_one_is_this_interpreter_and_needs_no_lock_file(made):
    one = made({}, kind="shared")
    assert (str(one.executable), one.python, one.is_shared) == (sys.executable, PYTHON, True)
    assert made({}, kind="shared").digest == one.digest
    assert environment.of(one.digest, one.python, one.executable.parent / "nowhere") == one


def test_an_environment_that_is_gone_is_told(tmp_path):
    with pytest.raises(
        CannotBuild, match=r"^the environment aaaaaaaaaaaa of this artifact is not in .*build the commit again$"
    ):
        environment.of("a" * 64, PYTHON, tmp_path)


def test_a_commit_with_a_lock_file_is_built_in_its_environment(repository, requirements):
    repository.edit("tandem.toml", '"shared"', '"locked"')
    repository.write("requirements.lock", requirements)
    repository.commit()
    built = repository.build()
    folder = repository.places.environments / built.manifest.environment
    assert (folder / "bin" / "python").is_file()
    package = next(folder.glob("lib/python3*/site-packages/django_tandem"))
    assert len(list(package.rglob("*.pyc"))) == len(list(package.rglob("*.py")))
    assert "pytest" not in built.manifest.dependencies
    assert built.manifest.dependencies["django-tandem"] == "0.1.0"


def test_a_commit_without_a_lock_file_is_told(repository):
    repository.edit("tandem.toml", '"shared"', '"locked"')
    repository.commit()
    with pytest.raises(CannotBuild, match=r"^the commit has none of uv\.lock, requirements\.lock, requirements\.txt"):
        repository.build()

"""The small project as git has it: a repository of each test's own, with real commits."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from django_tandem.config.read import read
from django_tandem.release.build import build
from django_tandem.release.hosts.places import Places
from tests.office import PROJECT

IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@office.example",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@office.example",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}

MODELS = """
from django.db import models


class Loan(models.Model):
    name = models.CharField(max_length=50)
    note = models.CharField(max_length=50, null=True)
"""


class Repository:
    """A project in a git repository, at `folder`. Its releases run on this interpreter unless a test says otherwise."""

    def __init__(self, folder: Path, project: Path = PROJECT) -> None:
        self.folder = folder
        shutil.copytree(project, folder, ignore=shutil.ignore_patterns(".tandem", ".outbox", "__pycache__"))
        self.write(".gitignore", ".tandem/\n__pycache__/\n")
        self.append("tandem.toml", '\n[pipeline]\nenvironment = "shared"\ntests = []\n')
        self.git("init", "--quiet", "--initial-branch=main", at=None)

    def git(self, *words: str, at: int | None = 1_700_000_000) -> str:
        """Run git here; what it prints."""
        dates = {} if at is None else {"GIT_AUTHOR_DATE": f"{at} +0000", "GIT_COMMITTER_DATE": f"{at} +0000"}
        environment = {**os.environ, **IDENTITY, **dates}
        done = subprocess.run(["git", *words], cwd=self.folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def append(self, path: str, text: str) -> None:
        self.write(path, (self.folder / path).read_text() + text)

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text()
        assert old in text
        self.write(path, text.replace(old, new))

    def commit(self, message: str = "work", at: int = 1_700_000_000) -> str:
        """Commit all that is there; the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message, at=at)
        return self.git("rev-parse", "HEAD")

    def migrate(self, name: str, operations: str, after: str | None) -> None:
        """Write a migration of the office by hand."""
        before = f'("office", "{after}")' if after else ""
        self.write("office/migrations/__init__.py", "")
        self.write(
            f"office/migrations/{name}.py",
            "from django.db import migrations, models\n\n\nclass Migration(migrations.Migration):\n"
            f"    initial = {after is None}\n    dependencies = [{before}]\n    operations = [{operations}]\n",
        )

    @property
    def places(self) -> Places:
        return Places(self.folder / ".tandem")

    def tandem(self):
        return read(self.folder / "tandem.toml")

    def build(self, ref: str = "HEAD", **how):
        return build(self.tandem(), ref, **how)


@pytest.fixture
def undisturbed(monkeypatch):
    """No environment variables that would say what the project's own files say."""
    for name in ("TANDEM_CONFIG", "TANDEM_ROLE", "TANDEM_RELEASE", "TANDEM_DATABASE_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def repository(tmp_path, undisturbed):
    """The small project with one commit, on the branch main."""
    one = Repository(tmp_path / "office")
    one.commit("begin")
    return one


@pytest.fixture
def loans(repository):
    """The small project with a model, and its migration, in a second commit."""
    repository.write("office/models.py", MODELS)
    repository.migrate(
        "0001_initial",
        'migrations.CreateModel("Loan", [("id", models.BigAutoField(auto_created=True, primary_key=True, '
        'serialize=False, verbose_name="ID")), ("name", models.CharField(max_length=50)), '
        '("note", models.CharField(max_length=50, null=True))])',
        after=None,
    )
    repository.commit("loans")
    return repository

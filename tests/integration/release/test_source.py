"""What git says of a real repository, also where its environment says otherwise."""

import tarfile

import pytest

from django_tandem.errors import CannotBuild, ToolMissing
from django_tandem.release import source


def test_a_ref_is_resolved_to_its_commit(repository):
    first = repository.git("rev-parse", "HEAD")
    repository.write("more", "")
    second = repository.commit("more")
    repository.git("tag", "--annotate", "--message", "v1", "v1", first)
    assert source.resolve(repository.folder, "main") == second
    assert source.resolve(repository.folder, "v1") == first
    assert source.resolve(repository.folder, first[:10]) == first


@pytest.mark.parametrize("ref", ["nowhere", "--all", "-h", "", "HEAD:tandem.toml"])
def test_what_is_no_commit_is_told(repository, ref):
    with pytest.raises(CannotBuild, match=r"no commit of this name in .*: name a branch, a tag or a commit"):
        source.resolve(repository.folder, ref)


def test_outside_of_a_repository_it_is_told(tmp_path):
    with pytest.raises(CannotBuild, match=r"is in no git repository .*: a release is a commit"):
        source.resolve(tmp_path, "main")
    with pytest.raises(CannotBuild, match=r"no such folder"):
        source.resolve(tmp_path / "nowhere", "main")


def test_without_git_it_is_told(repository, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match=r"git is not found on PATH: install it"):
        source.resolve(repository.folder, "main")


def test_a_hooks_own_repository_does_not_count(repository, monkeypatch, tmp_path):
    commit = repository.git("rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere.git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    assert source.resolve(repository.folder, "main") == commit


def test_the_archive_is_of_the_commit_and_not_of_the_working_tree(repository, tmp_path):
    commit = repository.git("rev-parse", "HEAD")
    repository.append("tandem.toml", "nonsense")
    repository.write("untracked", "")
    source.archive(repository.folder, commit, tmp_path / "archive.tar")
    with tarfile.open(tmp_path / "archive.tar") as tar:
        assert b"nonsense" not in tar.extractfile("tandem.toml").read()
        assert "untracked" not in tar.getnames()
    assert source.changed(repository.folder) == ["tandem.toml", "untracked"]
    assert not source.is_clean(repository.folder)
    repository.commit()
    assert source.is_clean(repository.folder)


def test_a_project_that_is_a_part_of_its_repository_is_archived_alone(repository, tmp_path):
    repository.git("init", "--quiet", str(tmp_path / "whole"), at=None)
    whole = tmp_path / "whole"
    repository.folder.rename(whole / "office")
    (whole / "office" / ".git").rename(tmp_path / "old-git")
    repository.folder = whole / "office"
    (whole / "beside").write_text("")
    repository.git("add", "--all", str(whole))
    repository.git("commit", "--quiet", "--message", "all")
    commit = repository.git("rev-parse", "HEAD")
    source.archive(repository.folder, commit, tmp_path / "archive.tar")
    with tarfile.open(tmp_path / "archive.tar") as tar:
        assert "tandem.toml" in tar.getnames()
        assert "beside" not in tar.getnames()
    assert len(source.tree_of(repository.folder, commit)) == 40


def test_a_commit_without_the_project_is_told(repository, tmp_path):
    commit = repository.git("rev-parse", "HEAD")
    (repository.folder / "later").mkdir()
    with pytest.raises(CannotBuild, match=r"later"):
        source.archive(repository.folder / "later", commit, tmp_path / "archive.tar")


def test_a_submodule_is_told(repository, tmp_path):
    commit = repository.git("rev-parse", "HEAD")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},libs/money")
    repository.git("commit", "--quiet", "--message", "submodule")
    with pytest.raises(CannotBuild, match=r"^libs/money is a submodule: its files are not in commit"):
        source.archive(repository.folder, repository.git("rev-parse", "HEAD"), tmp_path / "archive.tar")


def test_a_persons_configuration_of_git_does_not_change_the_files(repository, tmp_path):
    repository.write("crlf.txt", "one\ntwo\n")
    commit = repository.commit()
    repository.git("config", "core.autocrlf", "true")
    source.archive(repository.folder, commit, tmp_path / "archive.tar")
    with tarfile.open(tmp_path / "archive.tar") as tar:
        assert tar.extractfile("crlf.txt").read() == b"one\ntwo\n"


def test_the_log_between_two_commits(repository):
    first = repository.git("rev-parse", "HEAD")
    repository.write("more", "1")
    second = repository.commit("More: with a colon\n\nand a body", at=1_700_000_100)
    repository.write("more", "2")
    third = repository.commit("last", at=1_700_000_200)
    found = source.log(repository.folder, first, third)
    assert [(one.commit, one.author, one.at, one.subject) for one in found] == [
        (third, "Ada", 1_700_000_200, "last"),
        (second, "Ada", 1_700_000_100, "More: with a colon"),
    ]
    assert len(source.log(repository.folder, None, third)) == 3
    assert source.log(repository.folder, third, first) == []
    assert source.committed_at(repository.folder, second) == 1_700_000_100


def test_a_commit_that_a_shallow_clone_has_not(repository, tmp_path):
    first = repository.git("rev-parse", "HEAD")
    repository.write("more", "1")
    second = repository.commit("last")
    repository.git("clone", "--quiet", "--depth=1", repository.folder.as_uri(), str(tmp_path / "shallow"))
    assert [source.has(tmp_path / "shallow", one) for one in (first, second)] == [False, True]
    assert [source.has(repository.folder, one) for one in (first, second)] == [True, True]

"""What is released comes from git: a commit's files, never the working tree's."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from django_tandem.config.secrets import mask
from django_tandem.errors import CannotBuild, Refused, ToolMissing
from django_tandem.processes.command import Done, run

TIMEOUT_S = 600.0
FETCH_S = 60.0

# A person's own configuration of git must not change what the files of a commit are.
_SETTINGS = ("-c", "core.autocrlf=false", "-c", "core.eol=lf", "-c", "core.quotepath=false", "-c", "color.ui=false")
_SUBMODULE = "160000"


class Commit(NamedTuple):
    """One line of a log. `at`: when it was committed, in Unix seconds."""

    commit: str
    author: str
    at: int
    subject: str


def resolve(folder: Path, ref: str) -> str:
    """The commit (40 digits) that `ref` names in the repository of `folder`. Raises CannotBuild, ToolMissing."""
    # Behind --end-of-options a ref that looks like an option stays a ref.
    done = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if not done.ok:
        inside = _git(folder, "rev-parse", "--git-dir")
        if not inside.ok:
            raise CannotBuild(f"{folder} is in no git repository ({_last(inside)}): a release is a commit")
        raise CannotBuild(f"{ref}: no commit of this name in {folder}: name a branch, a tag or a commit that is there")
    return done.stdout.strip()


def fetch(folder: Path, remote: str, ref: str) -> str:
    """The commit (40 digits) that `ref`, a branch or a tag, names in `remote` now; its files are here then. Nothing of
    the repository of `folder` is changed but a ref of Tandem's own. Raises CannotBuild, also after FETCH_S."""
    kept = f"refs/tandem/{remote}/{ref}"
    words = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
    done = _git(folder, *words, remote, f"+{ref}:{kept}", timeout_s=FETCH_S)
    if not done.ok:
        raise CannotBuild(mask(f"git fetch {remote} {ref} in {folder} {done.ended()}: {_last(done)}"))
    return resolve(folder, kept)


def hooks(repository: Path) -> tuple[Path, bool]:
    """Where git looks for the hooks of `repository`, and whether it is bare. Raises CannotBuild where it is none, and
    Refused where that folder is not its own."""
    bare, common, folder = _must(
        repository, "rev-parse", "--is-bare-repository", "--git-common-dir", "--git-path", "hooks"
    ).splitlines()
    own, there = (repository / common).resolve(), (repository / folder).resolve()
    if not there.is_relative_to(own):
        raise Refused(f"git looks for the hooks of {repository} in {there}, which core.hooksPath names")
    return there, bare == "true"


def committed_at(folder: Path, commit: str) -> int:
    """When it was committed, in Unix seconds."""
    return int(_must(folder, "show", "--no-patch", "--format=%ct", commit).strip())


def tree_of(folder: Path, commit: str) -> str:
    """The digest that git gives the files which `commit` has in `folder`."""
    return _must(folder, "rev-parse", "--verify", f"{commit}:{_prefix(folder)}").strip()


def archive(folder: Path, commit: str, target: Path) -> None:
    """Write the files that `commit` has in `folder` (the project's, which may be a part of the repository) to the tar
    `target`, with paths below `folder`. Raises CannotBuild where it has none, or has submodules."""
    listed = _must(folder, "ls-tree", "-r", "-z", "--full-tree", f"{commit}:{_prefix(folder)}")
    entries = [line.partition("\t") for line in listed.split("\0") if line]
    if not entries:
        raise CannotBuild(f"commit {commit[:12]} has no files in {folder}")
    for kind, _, path in entries:
        if kind.startswith(_SUBMODULE):
            raise CannotBuild(
                f"{path} is a submodule: its files are not in commit {commit[:12]}; install it as a dependency, "
                "or commit its files (git subtree)"
            )
    _must(folder, "archive", "--format=tar", f"--output={target}", commit)


def log(folder: Path, old: str | None, new: str, most: int = 200) -> list[Commit]:
    """The commits that `new` has and `old` has not (None: the last of all), newest first, at most `most`."""
    reached = [new] if old is None else [new, f"^{old}"]
    said = _must(folder, "log", "-z", f"--max-count={most}", "--format=%H%x1f%an%x1f%ct%x1f%s", *reached, "--")
    rows = [line.split("\x1f") for line in said.split("\0") if line]
    return [Commit(commit, author, int(at), subject) for commit, author, at, subject in rows]


def has(folder: Path, commit: str) -> bool:
    """Whether `commit` (40 digits) is in the repository of `folder`: a shallow clone has not all, and one that was
    rewritten may have lost it."""
    return _git(folder, "cat-file", "-e", f"{commit}^{{commit}}").ok


def changed(folder: Path) -> list[str]:
    """The files of the working tree in `folder` that are not as they are committed, or not committed at all."""
    said = _must(folder, "status", "--porcelain=v1", "-z", "--no-renames", "--", ".")
    return [line[3:] for line in said.split("\0") if line]


def is_clean(folder: Path) -> bool:
    """Whether the working tree in `folder` is what is committed."""
    return not changed(folder)


def _prefix(folder: Path) -> str:
    return _must(folder, "rev-parse", "--show-prefix").rstrip("\n")


def _must(folder: Path, *words: str) -> str:
    done = _git(folder, *words)
    if not done.ok:
        raise CannotBuild(f"git {words[0]} in {folder} {done.ended()}: {_last(done)}")
    return done.stdout


def _git(folder: Path, *words: str, timeout_s: float = TIMEOUT_S) -> Done:
    # A hook runs with GIT_DIR and more of its own repository, which say where git looks whatever the folder is.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        return run(_command(words), cwd=folder, timeout_s=timeout_s, env=env)
    except FileNotFoundError:
        if not folder.is_dir():
            raise CannotBuild(f"{folder}: no such folder") from None
        raise ToolMissing("git is not found on PATH: install it, a release is made from a commit") from None


def _command(words: Sequence[str]) -> list[str]:
    return ["git", *_SETTINGS, *words]


def _last(done: Done) -> str:
    return (done.stderr.strip().splitlines() or ["no word"])[-1]

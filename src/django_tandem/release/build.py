"""Build: a commit becomes an artifact, away from the working tree and from whatever serves."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from django_tandem.config.read import read
from django_tandem.config.schema import Tandem
from django_tandem.errors import CannotBuild
from django_tandem.release import environment, source, store, tree
from django_tandem.release.folders import aside, sweep
from django_tandem.release.hosts.places import Places
from django_tandem.release.manifest import RELEASE_DIGITS, Manifest
from django_tandem.release.project import Project


@dataclass(frozen=True, kw_only=True)
class Built:
    """An artifact in `path`. `is_new`: it was not there before. `log`: what was said while it was built."""

    manifest: Manifest
    path: Path
    log: Path
    is_new: bool


def build(
    tandem: Tandem, commit: str, *, places: Places | None = None, variables: Mapping[str, str] | None = None
) -> Built:
    """Build `commit` (a commit, branch or tag) of the project that `tandem` describes.

    `places`: where to, `.tandem` of the project by default. `variables`: environment variables that the project's
    processes have beside this one's, as the servers will. The commit's own tandem.toml says how it is built. Raises
    CannotBuild, ToolMissing, ConfigurationError.
    """
    places = places or Places(tandem.root / ".tandem")
    commit = source.resolve(tandem.root, commit)
    log = _log(places, commit)
    sweep(places.build)
    with aside(places.build, commit) as work:
        archive, files = work / "archive.tar", work / "tree"
        source.archive(tandem.root, commit, archive)
        tree.spread(archive, files)
        theirs = _configuration(files / tandem.path.name, commit, variables or {})
        made = environment.prepare(
            files, theirs.file.pipeline.environment, places.environments, source.tree_of(tandem.root, commit), log
        )
        project = Project(tandem=theirs, environment=made, variables=variables or {}, log=log)
        facts = project.ask("describe", {}, work)
        static = _static(files, facts.pop("static"))
        digest = tree.pack(archive, files, static, source.committed_at(tandem.root, commit), work / store.TREE)
        manifest = Manifest(
            app=theirs.file.app.name,
            commit=commit,
            tree=digest,
            environment=made.digest,
            python=made.python,
            **{**facts, "migrations": tuple(facts["migrations"])},
        )
        path, is_new = store.keep(places.artifacts, manifest, work / store.TREE)
    return Built(manifest=manifest, path=path, log=log, is_new=is_new)


def configuration_of(files: Path, commit: str, variables: Mapping[str, str]) -> Tandem:
    """The configuration in the tandem.toml of a release's files."""
    return read(files, {**os.environ, **variables, "TANDEM_RELEASE": commit[:RELEASE_DIGITS]})


def _configuration(path: Path, commit: str, variables: Mapping[str, str]) -> Tandem:
    if not path.is_file():
        raise CannotBuild(f"commit {commit[:RELEASE_DIGITS]} has no {path.name} here: commit it, a release runs by it")
    return configuration_of(path.resolve(), commit, variables)


def _static(files: Path, root: str | None) -> list[Path]:
    return [] if root is None else [path for path in (files / root).rglob("*") if path.is_file()]


def _log(places: Places, commit: str) -> Path:
    places.log.mkdir(parents=True, exist_ok=True)
    log = places.log / f"build-{commit[:RELEASE_DIGITS]}.log"
    log.write_bytes(b"")
    return log

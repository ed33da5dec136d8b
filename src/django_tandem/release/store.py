"""Artifacts: kept by the digest of their manifest, unpacked to releases, and removed when they are too many."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from pathlib import Path

from django_tandem.errors import Tampered
from django_tandem.release import tree
from django_tandem.release.folders import aside, remove, settle, sweep
from django_tandem.release.hosts.places import Places
from django_tandem.release.manifest import Manifest

MANIFEST = "manifest.json"
TREE = "tree.tar"

# In a release's folder, where a project has what is Tandem's own.
UNPACKED = Path(".tandem", MANIFEST)

# An environment that was used so lately may be that of a build which has no artifact yet.
YOUNG_S = 3600.0
LOGS_EACH = 10


def keep(artifacts: Path, manifest: Manifest, packed: Path) -> tuple[Path, bool]:
    """Keep a manifest and its tar `packed`, which is moved. The artifact's folder, and whether it is new."""
    target = artifacts / manifest.digest
    with aside(artifacts, manifest.digest) as made:
        packed.rename(made / TREE)
        (made / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
        is_new = settle(made, target)
    os.utime(target / MANIFEST)
    return target, is_new


def load(artifact: Path) -> Manifest:
    """The manifest of an artifact, which must be what the artifact's name says. Raises Tampered."""
    try:
        manifest = Manifest.from_json((artifact / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Tampered(f"{artifact} is no artifact: {error}") from None
    if manifest.digest != artifact.name:
        raise Tampered(
            f"{artifact / MANIFEST} is not what its digest says ({manifest.digest[:12]}): remove {artifact}, and "
            "build the commit again"
        )
    return manifest


def unpack(artifact: Path, releases: Path) -> Path:
    """Unpack an artifact to the folder of its release, wholly or not at all. Raises Tampered when the artifact is not
    what its digest says, or when the release is there already with other files."""
    manifest = load(artifact)
    target = releases / manifest.release
    if not target.is_dir():
        with aside(releases, manifest.release) as made:
            spread(artifact, manifest, made)
            _say(made, manifest)
            settle(made, target)
    _refuse_other(artifact, manifest, target)
    return target


def spread(artifact: Path, manifest: Manifest, folder: Path) -> None:
    """Write the files of an artifact below `folder`. Raises Tampered when they are not what the manifest says."""
    found = tree.unpack(artifact / TREE, folder)
    if found != manifest.tree:
        raise Tampered(
            f"{artifact / TREE} is not what its manifest says ({found[:12]} for {manifest.tree[:12]}): remove "
            f"{artifact}, and build the commit again"
        )


def released(release: Path) -> Manifest | None:
    """The manifest of an unpacked release, or None: it is none. Raises Tampered."""
    path = release / UNPACKED
    return Manifest.from_json(path.read_text(encoding="utf-8")) if path.is_file() else None


def prune(places: Places, *, most: int, named: Collection[str]) -> list[Path]:
    """Remove all artifacts but the newest `most`, and the environments, releases and logs that none of them needs.

    `named`: digests of artifacts or of environments, and names of releases, that stay: the live one, the one before,
    and what still runs. A named artifact or release keeps its environment. Returns what was removed.
    """
    for parent in (places.artifacts, places.environments, places.releases):
        sweep(parent)
    kept: dict[Path, Manifest] = {}
    for path in sorted(_folders(places.artifacts), key=_made_at, reverse=True):
        manifest = _readable(path)
        if manifest and (len(kept) < most or not {manifest.digest, manifest.release}.isdisjoint(named)):
            kept[path] = manifest
    manifests = [*kept.values(), *_still_unpacked(places, named)]
    releases = {*named, *(manifest.release for manifest in manifests)}
    environments = {*named, *(manifest.environment for manifest in manifests)}
    young = time.time() - YOUNG_S
    gone = [path for path in _folders(places.artifacts) if path not in kept and path.name not in named]
    gone += [path for path in _folders(places.releases) if path.name not in releases]
    gone += [
        path for path in _folders(places.environments) if path.name not in environments and path.stat().st_mtime < young
    ]
    for path in gone:
        remove(path)
    logs = sorted([*places.log.glob("build-*.log"), *places.log.glob("trial-*.log")], key=_made_at, reverse=True)
    for path in logs[most * LOGS_EACH :]:
        path.unlink(missing_ok=True)
    return gone


def _still_unpacked(places: Places, named: Collection[str]) -> list[Manifest]:
    """Of named releases, those whose artifact may have gone."""
    found = (_readable(places.releases / name, UNPACKED) for name in named)
    return [manifest for manifest in found if manifest]


def _refuse_other(artifact: Path, manifest: Manifest, target: Path) -> None:
    there = released(target)
    changed = [str(UNPACKED)] if there is None else tree.changed(artifact / TREE, target)
    if changed:
        raise Tampered(
            f"{target} is there with other files than its artifact has ({', '.join(changed[:3])}): somebody changed "
            f"it; put them back: tar -xf {artifact / TREE} -C {target}"
        )
    if there != manifest:
        _say(target, manifest)


def _say(release: Path, manifest: Manifest) -> None:
    path = release / UNPACKED
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(f".{MANIFEST}.{os.getpid()}")
    new.write_text(manifest.to_json(), encoding="utf-8")
    new.replace(path)


def _folders(parent: Path) -> list[Path]:
    return [path for path in parent.iterdir() if not path.name.startswith(".")] if parent.is_dir() else []


def _readable(path: Path, name: Path = Path(MANIFEST)) -> Manifest | None:
    try:
        return Manifest.from_json((path / name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, Tampered):
        return None


def _made_at(path: Path) -> float:
    told = path / MANIFEST
    return (told if told.is_file() else path).stat().st_mtime

"""What was built: each release by the digest of its manifest, when it was live, whether it proved good."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from django_tandem.errors import ReleaseNotFound
from django_tandem.pipeline import lock
from django_tandem.pipeline.lock import Held
from django_tandem.pipeline.statements import statement
from django_tandem.queue.connect import Connection


@dataclass(frozen=True, kw_only=True)
class Release:
    """A release. `release`: its name, 12 digits of the commit; `became_live_at`: when the fence last moved to it;
    `verified_at`: when its live processes last proved good; `removed_at`: its artifact is there no more."""

    digest: str
    release: str
    commit: str
    manifest: dict[str, Any]
    built_at: datetime
    became_live_at: datetime | None
    verified_at: datetime | None
    removed_at: datetime | None


class Kept(NamedTuple):
    """Of a Release that is there, what a list of them needs."""

    digest: str
    release: str
    built_at: datetime
    became_live_at: datetime | None
    verified_at: datetime | None


def read(connection: Connection, name: str) -> Release | None:
    """A release by its digest, its name or its commit; None where there is none."""
    return next(iter(_rows(connection, "read", {"name": name})), None)


def named(connection: Connection, name: str) -> Release | None:
    """The release that has exactly this name, digest or commit. A name that somebody else gave may begin as one of
    ours does."""
    found = read(connection, name)
    return found if found is not None and name in (found.release, found.digest, found.commit) else None


def newest(connection: Connection, count: int) -> list[Release]:
    """Releases: those that were live last first, then those that never were."""
    return _rows(connection, "newest", {"count": count})


def kept(connection: Connection, count: int) -> list[Kept]:
    """Releases that are there, in the same order, without what is long."""
    return [Kept(*row) for row in connection.execute(statement("release", "kept"), {"count": count})]


def became_live(connection: Connection, held: Held, digest: str) -> None:
    """The fence moves to it: to be written in the transaction that moves it. Raises DriverReplaced, ReleaseNotFound."""
    _mark(connection, "became_live", held, digest)


def verified(connection: Connection, held: Held, digest: str) -> None:
    """All its live processes proved good. Raises DriverReplaced, ReleaseNotFound."""
    _mark(connection, "verified", held, digest)


def removed(connection: Connection, held: Held, digest: str) -> None:
    """Its artifact was removed. Raises DriverReplaced, ReleaseNotFound."""
    _mark(connection, "removed", held, digest)


def _mark(connection: Connection, how: Literal["became_live", "verified", "removed"], held: Held, digest: str) -> None:
    row = {"lock": held.lock, "owner": held.owner, "epoch": held.epoch, "digest": digest}
    if not connection.execute(statement("release", how), row).rowcount:
        if lock.has_lost(connection, held):
            raise lock.lost(connection, held)
        raise ReleaseNotFound(f"there is no release of digest {digest}")


def _rows(connection: Connection, how: Literal["read", "newest"], parameters: dict[str, Any]) -> list[Release]:
    cursor = connection.execute(statement("release", how), parameters)
    names = [column.name for column in cursor.description or ()]
    return [Release(**dict(zip(names, row, strict=True))) for row in cursor]

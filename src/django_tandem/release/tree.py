"""The files of a release as one tar that is the same wherever it is made, and their digest."""

from __future__ import annotations

import hashlib
import io
import os
import posixpath
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from django_tandem.errors import CannotBuild, Tampered

PLAIN, PROGRAM, LINK = 0o644, 0o755, 0o777
BLOCK = 1024 * 1024


class Entry(NamedTuple):
    """A file or a link. `mode` is one of PLAIN, PROGRAM, LINK; `target` is a link's; `size` in bytes."""

    path: str
    mode: int
    size: int
    target: str


def spread(archive: Path, folder: Path) -> None:
    """Write the files of git's `archive` below `folder`. Raises CannotBuild for a link that leaves it."""
    with tarfile.open(archive) as tar:
        _extract(_entries(tar, CannotBuild), folder, digest=None)


def pack(archive: Path, folder: Path, made: Iterable[Path], when: int, target: Path) -> str:
    """Write the files of git's `archive`, and those that were `made` below `folder`, to the tar `target`.

    Sorted, without owners, all of the time `when` (Unix seconds). Returns the digest of the files.
    """
    digest = _Digest()
    paths = {path.relative_to(folder).as_posix(): path for path in made}
    with tarfile.open(archive) as committed, tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        found = {entry.path: (entry, content) for entry, content in _entries(committed, CannotBuild)}
        for name in sorted({*found, *paths}):
            if name in paths:
                size = paths[name].stat().st_size
                with paths[name].open("rb") as file:
                    _add(tar, Entry(name, PLAIN, size, ""), file, when, digest)
            else:
                entry, content = found[name]
                _add(tar, entry, content, when, digest)
    return digest.hexdigest()


def unpack(tar_path: Path, folder: Path) -> str:
    """Write the files of a tar that pack made below `folder`, and return their digest. Raises Tampered for what
    pack would not have written."""
    digest = _Digest()
    try:
        with tarfile.open(tar_path, "r:") as tar:
            _extract(_entries(tar, Tampered), folder, digest)
    except (tarfile.TarError, EOFError) as error:
        raise Tampered(f"{tar_path}: {error}") from None
    return digest.hexdigest()


def changed(tar_path: Path, folder: Path) -> list[str]:
    """The files of a tar that are not below `folder` as they are in it."""
    with tarfile.open(tar_path, "r:") as tar:
        return [entry.path for entry, content in _entries(tar, Tampered) if not _is_there(folder, entry, content)]


def _is_there(folder: Path, entry: Entry, content: IO[bytes] | None) -> bool:
    path = folder / entry.path
    if content is None or path.is_symlink():
        return content is None and path.is_symlink() and str(path.readlink()) == entry.target
    if not path.is_file() or path.stat().st_size != entry.size:
        return False
    with path.open("rb") as file:
        while block := content.read(BLOCK):
            if file.read(len(block)) != block:
                return False
    return True


class _Digest:
    """Over kind, path and content of each entry in their order; times, owners and the tar's own form do not matter."""

    def __init__(self) -> None:
        self._all = hashlib.sha256()

    def add(self, entry: Entry, content: bytes) -> None:
        path = entry.path.encode("utf-8", "surrogateescape")
        self._all.update(b"%o\0%s\0%s\n" % (entry.mode, path, content))

    def hexdigest(self) -> str:
        return self._all.hexdigest()


def _entries(tar: tarfile.TarFile, refused: type[CannotBuild | Tampered]) -> Iterator[tuple[Entry, IO[bytes] | None]]:
    """The files and links of a tar, with what is in them. Places are where files are."""
    links: set[str] = set()
    seen: set[str] = set()
    for member in tar:
        path = member.name
        if member.isdir() or member.type == tarfile.XGLTYPE:
            continue
        above = [str(one) for one in Path(path).parents]
        if path.startswith("/") or ".." in path.split("/") or path in seen or not links.isdisjoint(above):
            raise refused(f"{tar.name!s}: {path} is no path below the project's folder, or is there twice")
        seen.add(path)
        if member.issym():
            inside = posixpath.normpath(posixpath.join(posixpath.dirname(path), member.linkname))
            if member.linkname.startswith("/") or inside.split("/")[0] == "..":
                raise refused(
                    f"{path} is a link to {member.linkname}, outside of the project's folder: a release has only "
                    "what is in its commit"
                )
            links.add(path)
            yield Entry(path, LINK, 0, member.linkname), None
        elif member.isreg():
            mode = PROGRAM if member.mode & 0o100 else PLAIN
            yield Entry(path, mode, member.size, ""), tar.extractfile(member)
        else:
            raise refused(f"{tar.name!s}: {path} is neither a file nor a link")


def _add(tar: tarfile.TarFile, entry: Entry, content: IO[bytes] | None, when: int, digest: _Digest) -> None:
    member = tarfile.TarInfo(entry.path)
    member.mode, member.size, member.mtime = entry.mode, entry.size, when
    if content is None:
        member.type, member.linkname = tarfile.SYMTYPE, entry.target
        tar.addfile(member)
        digest.add(entry, os.fsencode(entry.target))
        return
    reading = _Reading(content)
    tar.addfile(member, reading)
    digest.add(entry, reading.hash.digest())


def _extract(entries: Iterable[tuple[Entry, IO[bytes] | None]], folder: Path, digest: _Digest | None) -> None:
    links: list[Entry] = []
    for entry, content in entries:
        if content is None:
            links.append(entry)
            said = os.fsencode(entry.target)
        else:
            path = folder / entry.path
            path.parent.mkdir(parents=True, exist_ok=True)
            reading = _Reading(content)
            with path.open("xb") as file:
                while block := reading.read(BLOCK):
                    file.write(block)
            path.chmod(entry.mode)
            said = reading.hash.digest()
        if digest:
            digest.add(entry, said)
    for entry in links:
        path = folder / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(entry.target)


class _Reading(io.RawIOBase):
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self.hash.update(block)
        return block

"""The hook that wakes a watch: a few lines of shell in a repository, which never fail or hold up whoever pushes."""

from __future__ import annotations

import os
import shlex
import tempfile
from pathlib import Path
from typing import NamedTuple

from django_tandem.errors import Refused
from django_tandem.release import source

# Of a bare repository somebody pushes to; and of one with a working tree, in which refs move in many ways.
PUSHED, MOVED = "post-receive", "reference-transaction"

_WHEN = {PUSHED: "", MOVED: '[ "$1" = committed ] || exit 0\n'}


class Hook(NamedTuple):
    """A file of hooks; `is_new`: whether this call changed it."""

    path: Path
    is_new: bool


def install(repository: Path, fifo: Path) -> Hook:
    """Have a hook in `repository` that writes to `fifo`; one that does so already is left as it is.

    Raises CannotBuild where that is no repository, and Refused, which says what line to add, where a hook of somebody
    else is there.
    """
    path, line, text = _where(repository, fifo)
    if _says(path, line):
        if not os.access(path, os.X_OK):
            raise Refused(f"{path} wakes tandem and is not executable, so git does not run it: chmod +x it")
        return Hook(path, is_new=False)
    path.parent.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".tandem-", encoding="utf-8") as made:
        made.write(text)
        made.flush()
        os.fchmod(made.fileno(), 0o755)
        try:
            # There wholly or not at all, and never over another.
            os.link(made.name, path)
        except FileExistsError:
            raise _not_ours(path, line) from None
    return Hook(path, is_new=True)


def remove(repository: Path, fifo: Path) -> Hook:
    """Have no hook in `repository` that writes to `fifo`. Raises as install does, with the line to take out."""
    path, line, text = _where(repository, fifo)
    if not _says(path, line):
        return Hook(path, is_new=False)
    if path.read_text(encoding="utf-8", errors="replace") != text:
        raise Refused(f"{path} does more than wake tandem: take this line out of it: {line}")
    path.unlink()
    return Hook(path, is_new=True)


def line_for(fifo: Path) -> str:
    """What wakes a watch, in a hook of anybody's. In the background, and with no end of git's pipes: a disk that hangs
    holds nobody up. Open for reading too, so that a FIFO that nobody reads does not block."""
    quoted = shlex.quote(str(fifo))
    return f"{{ [ -p {quoted} ] && printf . 1<>{quoted}; }} </dev/null >/dev/null 2>&1 &"


def _where(repository: Path, fifo: Path) -> tuple[Path, str, str]:
    line = line_for(fifo)
    try:
        folder, is_bare = source.hooks(repository)
    except Refused as error:
        raise Refused(f"{error}: add this line to its {PUSHED} or {MOVED}: {line}") from None
    name = PUSHED if is_bare else MOVED
    head = "# Written by `tandem pipeline hook install`: wakes `tandem pipeline watch`. `… hook remove` removes it.\n"
    return folder / name, line, f"#!/bin/sh\n{head}{_WHEN[name]}{line}\nexit 0\n"


def _says(path: Path, line: str) -> bool:
    return path.is_file() and line in path.read_text(encoding="utf-8", errors="replace")


def _not_ours(path: Path, line: str) -> Refused:
    before = ", where $1 is committed" if path.name == MOVED else ""
    return Refused(f"{path} is there, and stays as it is: add this line to it{before}: {line}")

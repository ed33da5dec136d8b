"""Which file says what a commit's environment is, and the digest that names that environment."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django_tandem.errors import CannotBuild

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

UV_LOCK = "uv.lock"
KNOWN = (UV_LOCK, "requirements.lock", "requirements.txt")

_PINNED = re.compile(r"^[A-Za-z0-9][\w.-]*(\[[^\]]*\])?\s*(===?\s*[^\s*;,]+(\s|;|\\|$)|@\s*\S+)")
_INCLUDE = re.compile(r"^(?:-r|--requirement|-c|--constraint)[\s=]+(\S+)")
_LOCAL = re.compile(r"^(-e|--editable)\b|^\.{0,2}/|@\s*(file:)?\.{1,2}/|^file:")
_COMMENT = re.compile(r"(^|\s)#.*$")


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A lock file of a tree. `text`: it and what it includes. `is_local`: it installs folders of the tree itself, whose
    content it does not name. `has_hashes`: each distribution's hash must be right."""

    name: str
    text: str
    is_local: bool
    has_hashes: bool

    def digest(self, python: str, tree: str) -> str:
        """The name of the environment for this Python version, such as "3.11". `tree`: the digest of the tree."""
        said = [self.name, self.text, python, *([tree] if self.is_local else [])]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def find(tree: Path) -> Lock:
    """The lock file of `tree`: uv.lock, else requirements.lock, else requirements.txt.

    Raises CannotBuild where there is none, or where it does not pin what it names.
    """
    for name in KNOWN:
        if (tree / name).is_file():
            return _uv(tree) if name == UV_LOCK else _requirements(tree, name)
    raise CannotBuild(
        f"the commit has none of {', '.join(KNOWN)} beside tandem.toml, so two builds could differ: make one "
        "(uv lock; or: uv pip compile requirements.in --generate-hashes --output-file requirements.lock) and commit "
        'it, or say [pipeline] environment = "shared" to run releases on the interpreter that runs Tandem'
    )


def _uv(tree: Path) -> Lock:
    if not (tree / "pyproject.toml").is_file():
        raise CannotBuild(f"{UV_LOCK} is there without pyproject.toml: commit both")
    text = (tree / UV_LOCK).read_text(encoding="utf-8")
    try:
        locked = tomllib.loads(text)
        project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CannotBuild(f"{UV_LOCK} or pyproject.toml is not TOML: {error}") from None
    sources: list[dict[str, Any]] = [package.get("source", {}) for package in locked.get("package", [])]
    folders = [source[kind] for source in sources for kind in ("editable", "directory", "virtual") if kind in source]
    # Which groups are installed by default, and from where, is said there and not in uv.lock.
    tool = json.dumps(project.get("tool", {}).get("uv", {}), sort_keys=True, default=str)
    return Lock(name=UV_LOCK, text=text + tool, is_local=any(one != "." for one in folders), has_hashes=True)


def _requirements(tree: Path, name: str) -> Lock:
    texts: list[str] = []
    lines = list(_lines(tree, name, texts))
    for where, line in lines:
        if not line.startswith("-") and not _LOCAL.search(line) and not _PINNED.match(line):
            raise CannotBuild(
                f"{where}: {line.split(';')[0].strip()} is not pinned, so two builds could differ: write ==VERSION, or "
                f"make a lock file: uv pip compile {name} --generate-hashes --output-file requirements.lock"
            )
    return Lock(
        name=name,
        text="\0".join(texts),
        is_local=any(_LOCAL.search(line) for _, line in lines),
        has_hashes=any("--hash=" in line for _, line in lines),
    )


def _lines(tree: Path, name: str, texts: list[str]) -> Iterator[tuple[str, str]]:
    """The requirements of a file and of those that it includes, each with where it stands; their texts are added."""
    path = (tree / name).resolve()
    if not path.is_relative_to(tree.resolve()) or not path.is_file():
        raise CannotBuild(f"{name}: no such file in the project's folder, and a lock file includes it")
    text = path.read_text(encoding="utf-8")
    if text in texts:
        return
    texts.append(text)
    begun, line = 0, ""
    for number, part in enumerate(text.splitlines(), 1):
        begun = begun if line else number
        bare = _COMMENT.sub("", part).rstrip()
        line += bare.removesuffix("\\")
        if bare.endswith("\\"):
            continue
        whole, line = line.strip(), ""
        if not whole:
            continue
        if include := _INCLUDE.match(whole):
            inner = (Path(name).parent / include[1]).as_posix()
            # What a constraint names need not be pinned: it installs nothing by itself.
            found = list(_lines(tree, inner, texts))
            yield from found if whole.startswith(("-r", "--r")) else ()
        else:
            yield f"{name}, line {begun}", whole

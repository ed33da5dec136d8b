"""What a release is made of. The digest of its manifest is the artifact's name, and what an approval is bound to."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from django_tandem.errors import Tampered

RELEASE_DIGITS = 12

# Keys that manifests have not, which were made before there were these.
_LATER = frozenset({"named"})

_COMMIT = re.compile(r"[0-9a-f]{40}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PYTHON = re.compile(r"\d+\.\d+")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One commit, built. `tree` is the digest of its files, `environment` that of its lock file and Python version.

    `settings`: the digest of each role's effective settings. `migrations`: "app.name", of all apps. `tasks`: the
    signature of each task by its path, as release.inside.signatures gives it. `dependencies`: version by distribution.
    `named`: each role's settings by name (see release.named); None in manifests from before there was this key.
    """

    app: str
    commit: str
    tree: str
    environment: str
    python: str
    settings: Mapping[str, str]
    migrations: tuple[str, ...]
    tasks: Mapping[str, Mapping[str, Any]]
    dependencies: Mapping[str, str]
    named: Mapping[str, Mapping[str, Any]] | None = None

    @property
    def digest(self) -> str:
        """64 hexadecimal digits over all of it: the same for the same commit, wherever it was built."""
        return hashlib.sha256(self._canonical().encode()).hexdigest()

    @property
    def release(self) -> str:
        """The name of the release: the first digits of its commit."""
        return self.commit[:RELEASE_DIGITS]

    def to_json(self) -> str:
        """As a text that people can read; from_json reads it."""
        return json.dumps(self._said(), sort_keys=True, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """The manifest that to_json wrote. Raises Tampered, which names the key and what would be right."""
        try:
            said = json.loads(text)
        except ValueError as error:
            raise Tampered(f"manifest: not JSON: {error}") from None
        if not isinstance(said, dict):
            raise Tampered(f"manifest: {type(said).__name__}, expected an object")
        known = {field.name for field in fields(cls)}
        for key in sorted((known ^ said.keys()) - (_LATER - said.keys())):
            raise Tampered(f"manifest: {key}: {'missing' if key in known else 'unknown key'}")
        for key, value in said.items():
            if expected := _expected(key, value):
                raise Tampered(f"manifest: {key}: {json.dumps(value)[:60]}, expected {expected}")
        return cls(**{**said, "migrations": tuple(said["migrations"])})

    def _canonical(self) -> str:
        return json.dumps(self._said(), sort_keys=True, separators=(",", ":"))

    def _said(self) -> dict[str, Any]:
        """All keys that it has. One that came later is not in the digest of a manifest that has it not."""
        return {key: value for key, value in asdict(self).items() if key not in _LATER or value is not None}


def _expected(key: str, value: Any) -> str | None:
    """What `key` should have been; None: it is right."""
    patterns = {
        "commit": (_COMMIT, "40 hexadecimal digits"),
        "tree": (_DIGEST, "64 hexadecimal digits"),
        "environment": (_DIGEST, "64 hexadecimal digits"),
        "python": (_PYTHON, 'a version such as "3.11"'),
    }
    if key in patterns:
        pattern, words = patterns[key]
        return None if isinstance(value, str) and pattern.fullmatch(value) else words
    if key == "app":
        return None if isinstance(value, str) and value else "a name"
    if key == "migrations":
        right = isinstance(value, list) and all(isinstance(one, str) and "." in one for one in value)
        return None if right else 'a list of "app.name"'
    kind: type = str if key in ("settings", "dependencies") else dict
    right = isinstance(value, dict) and all(isinstance(one, kind) for one in value.values())
    what = {"tasks": "signatures", "named": "settings by role"}
    return None if right else f"an object of {what.get(key, 'strings')}"

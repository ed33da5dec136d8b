"""The queue's keys, which tandem.toml names by environment variable and never holds."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping

from django_tandem.config.schema import Database, FromEnvironment

NAMES = ("encrypt_keys", "decrypt_keys")
KEY_BYTES = 32


def read(database: Database, environ: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The keys of each name that the file gives, newest first."""
    return {name: _split(environ[source.from_env]) for name, source in _sources(database)}


def problems(database: Database, environ: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with them, by the variable and the place in it: never what they are."""
    for name, source in _sources(database):
        path, variable = f"database.{name}", source.from_env
        if variable not in environ:
            yield f"{path}: the environment variable {variable} is not set"
            continue
        keys = _split(environ[variable])
        if not keys:
            yield f"{path}: the environment variable {variable} is empty, expected keys with commas between"
        for place, key in enumerate(keys, 1):
            if not _is_key(key):
                yield (
                    f"{path}: key {place} of {len(keys)} in the environment variable {variable} is not a Fernet key, "
                    "expected 32 bytes in URL-safe base64 (44 characters)"
                )


def _sources(database: Database) -> list[tuple[str, FromEnvironment]]:
    return [(name, source) for name in NAMES if (source := getattr(database, name)) is not None]


def _split(text: str) -> tuple[str, ...]:
    return tuple(re.split(r"[,\s]+", text.strip(", \t\r\n"))) if text.strip(", \t\r\n") else ()


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text.encode(), altchars=b"-_", validate=True)) == KEY_BYTES
    except (binascii.Error, UnicodeEncodeError):
        return False

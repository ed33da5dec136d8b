"""What a person is shown who decides at the gate."""

from __future__ import annotations

from typing import TypedDict


class Commit(TypedDict):
    """A commit that becomes live."""

    commit: str
    author: str
    subject: str


class Check(TypedDict, total=False):
    """A part of the trial. `text`: what it found."""

    name: str
    passed: bool
    seconds: float
    text: str


class Summary(TypedDict, total=False):
    """What changes since the live release, as JSON. `since`: its commit, None where none is live; `settings`: names of
    those that change, by role, never their values; `dependencies`: by name, the versions before and after, None where
    it was not there or is not any more."""

    since: str | None
    commits: list[Commit]
    migrations: list[str]
    settings: dict[str, list[str]]
    dependencies: dict[str, tuple[str | None, str | None]]
    trial: list[Check]

"""Whether a release can run the jobs that are queued now, and those that the live release still enqueues. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django_tandem.release.findings import Finding

Signature = Mapping[str, Any]

_BY_POSITION = ("POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD")
_BY_NAME = ("POSITIONAL_OR_KEYWORD", "KEYWORD_ONLY")

_EXPAND = "Change tasks in two releases: this one accepts what is queued and what is new, a later one only the new."


class Queued(NamedTuple):
    """Unfinished jobs that are called alike: the task's path, how many positional arguments, which keywords, and how
    many jobs."""

    task: str
    positional: int
    keywords: tuple[str, ...]
    jobs: int


@dataclass(frozen=True)
class Reason:
    """Why a call does not fit a signature, and what to do instead."""

    why: str
    instead: str


def compatibility(
    new: Mapping[str, Signature], old: Mapping[str, Signature], queued: Iterable[Queued]
) -> list[Finding]:
    """What the signatures `new` cannot do for the `queued` jobs, and for those that a release with the signatures `old`
    enqueues until it has stopped.

    A job that fits neither is a warning: the live release cannot run it either. So is what no job needs yet.
    """
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    instead: dict[tuple[str, str], str] = {}
    already: set[tuple[str, str]] = set()
    calls = list(queued)
    for call in calls:
        for reason in misfits(call, new.get(call.task), old.get(call.task)):
            key = (call.task, reason.why)
            found[key].append(call.jobs)
            instead[key] = reason.instead
            if old and misfits(call, old.get(call.task), None):
                already.add(key)
    findings = [
        Finding(
            level="warning" if (task, why) in already else "error",
            what=f"{task}: {_jobs(sum(jobs))} queued, {why}"
            + ("; the live release cannot run them either" if (task, why) in already else ""),
            instead=f"Cancel them: tandem tasks list --task {task}" if (task, why) in already else instead[task, why],
        )
        for (task, why), jobs in found.items()
    ]
    for path in sorted(old.keys() - {call.task for call in calls}):
        findings += _later(path, new.get(path), old[path])
    return findings + _contexts(new, old, calls)


def misfits(call: Queued, new: Signature | None, old: Signature | None) -> list[Reason]:
    """All reasons why `call` does not fit the signature `new` (None: there is no such task). `old` is what it was."""
    if new is None:
        return [
            Reason(
                "and the task is gone",
                "Keep the function, which may call its successor, until no job of it is left; remove it in a later "
                "release.",
            )
        ]
    parameters = _parameters(new)
    by_position = [one for one in parameters if one["kind"] in _BY_POSITION]
    reasons = []
    if call.positional > len(by_position) and not _has(parameters, "VAR_POSITIONAL"):
        reasons.append(
            Reason(
                f"with {_arguments(call.positional)} by position; the task takes at most {len(by_position)}",
                f"Keep the parameters that were there, unused ones too. {_EXPAND}",
            )
        )
    given = {one["name"] for one in by_position[: call.positional]}
    accepted = {one["name"] for one in parameters if one["kind"] in _BY_NAME}
    added = [one["name"] for one in parameters if old and one["name"] not in {p["name"] for p in old["parameters"]}]
    for name in call.keywords:
        if name not in accepted and not _has(parameters, "VAR_KEYWORD"):
            renamed = f" (was it renamed to {added[0]}?)" if len(added) == 1 else ""
            reasons.append(
                Reason(
                    f"with the keyword {name}, which the task has no more{renamed}",
                    f"Keep {name} beside its successor, with a default, or accept **kwargs. {_EXPAND}",
                )
            )
        elif name in given and name in accepted:
            reasons.append(
                Reason(
                    f"with {name} by keyword and {_arguments(call.positional)} by position, which now is {name} twice",
                    f"Keep the order of the parameters that were there, and add new ones at the end. {_EXPAND}",
                )
            )
    for one in parameters:
        needed = not one["default"] and not one["kind"].startswith("VAR_")
        if needed and one["name"] not in given and one["name"] not in call.keywords:
            reasons.append(
                Reason(
                    f"without {one['name']}, which the task requires{_context_lost(new, old)}",
                    f"Give {one['name']} a default that is right for jobs which do not pass it. {_EXPAND}",
                )
            )
    return reasons


def _later(path: str, new: Signature | None, old: Signature) -> list[Finding]:
    """What no job needs yet, and those will that the live release enqueues until it stops."""
    parameters = _parameters(old)
    least = [one for one in parameters if not one["default"] and not one["kind"].startswith("VAR_")]
    positional = len([one for one in least if one["kind"] in _BY_POSITION])
    keywords = tuple(one["name"] for one in least if one["kind"] == "KEYWORD_ONLY")
    call = Queued(path, positional, keywords, 0)
    return [
        Finding(
            level="warning",
            what=f"{path}: no job is queued now; the live release enqueues until it stops, {reason.why}",
            instead=reason.instead,
        )
        for reason in misfits(call, new, old)
    ]


def _contexts(new: Mapping[str, Signature], old: Mapping[str, Signature], queued: Sequence[Queued]) -> list[Finding]:
    """Tasks that take the context now and did not, or the reverse: their jobs pass the same arguments as before."""
    jobs: dict[str, int] = defaultdict(int)
    for call in queued:
        jobs[call.task] += call.jobs
    return [
        Finding(
            level="warning",
            what=f"{path}: {_jobs(jobs[path])} queued, and the task takes "
            + ("the context now, and did not" if new[path]["takes_context"] else "no context now, and did"),
            instead="Nothing, if its first parameter came or went with takes_context: the worker passes the context, "
            "jobs do not. Whoever calls the function itself passes other arguments now.",
        )
        for path in sorted(new.keys() & old.keys())
        if new[path]["takes_context"] != old[path]["takes_context"]
    ]


def _parameters(signature: Signature) -> list[Mapping[str, Any]]:
    """Those that a job can fill: the worker fills the first of a task that takes the context."""
    parameters: list[Mapping[str, Any]] = list(signature["parameters"])
    return parameters[1:] if signature["takes_context"] else parameters


def _context_lost(new: Signature, old: Signature | None) -> str:
    lost = old is not None and old["takes_context"] and not new["takes_context"]
    return " (it no longer takes the context)" if lost else ""


def _has(parameters: Iterable[Mapping[str, Any]], kind: str) -> bool:
    return any(one["kind"] == kind for one in parameters)


def _jobs(count: int) -> str:
    return "1 job is" if count == 1 else f"{count or 'no'} jobs are"


def _arguments(count: int) -> str:
    return "1 argument" if count == 1 else f"{count} arguments"

"""How unfinished jobs call their tasks: what a release must be able to run."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from django_tandem.queue.arguments import load_arguments
from django_tandem.queue.connect import Connection
from django_tandem.queue.statements import statement


class Call(NamedTuple):
    """Unfinished jobs that are called alike: how many positional arguments, which keywords, and how many jobs."""

    task: str
    positional: int
    keywords: tuple[str, ...]
    jobs: int


def calls(connection: Connection) -> list[Call]:
    """Every way in which unfinished jobs are called, by task; never what they pass. Raises KeyNotConfigured."""
    counts: Counter[tuple[str, int, tuple[str, ...]]] = Counter()
    for task, positional, keywords, jobs in connection.execute(statement("calls", "plain")):
        counts[task, positional, tuple(keywords)] += jobs
    for task, arguments in connection.cursor().stream(statement("calls", "others")):
        args, kwargs = load_arguments(arguments)
        counts[task, len(args), tuple(sorted(kwargs))] += 1
    return [Call(task, positional, keywords, jobs) for (task, positional, keywords), jobs in sorted(counts.items())]

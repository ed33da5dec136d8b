"""Re-encrypt: what the tables hold is brought under the newest key, so that older ones can be dropped."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django.db import IntegrityError, connections, transaction

from django_tandem.errors import ConfigurationError, KeyNotConfigured
from django_tandem.queue import at_rest, limits
from django_tandem.queue.encryption import SEALED, Encryption, digest
from django_tandem.queue.options import queue_database
from django_tandem.queue.statements import statement

# In one transaction: a worker that ends one of these jobs waits as long as it takes to encrypt them.
BATCH = 200

_JOBS = statement("reencrypt", "jobs")
_RENEW_JOBS = statement("reencrypt", "renew_jobs")
_RESULTS = statement("reencrypt", "results")
_RENEW_RESULTS = statement("reencrypt", "renew_results")
_LIMIT_KEYS = statement("reencrypt", "limit_keys")
_RENEW_LIMIT_KEY = statement("reencrypt", "renew_limit_key")
_REMAINING = statement("reencrypt", "remaining")


class Renewed(NamedTuple):
    """How many jobs and results were rewritten; the ids of those that could not be opened; and how many have something
    left that is not under the newest key, those among them."""

    jobs: int
    results: int
    unopened: list[int]
    remain: int


class _Batch(NamedTuple):
    last: int
    renewed: int
    unopened: list[int]


def reencrypt() -> Renewed:
    """Bring what is stored of all jobs under the newest key; what is plain too, and where only `decrypt_keys` are
    configured everything becomes plain again.

    Workers go on meanwhile. What a running job has of errors of former attempts stays as it is, and counts among what
    remains. Raises ConfigurationError where no key is configured.
    """
    keys = at_rest.encryption()
    if keys is None:
        raise ConfigurationError(["no keys are configured: set encrypt_keys, or decrypt_keys to have all plain again"])
    database, what = queue_database(), _what(keys)
    jobs = results = 0
    unopened: set[int] = set()
    while True:
        if keys.is_on:
            _renew_limit_keys(database)
        # A job that finishes meanwhile was rewritten before, or is found among the results after.
        of_jobs, first = _all(lambda after: _renew_jobs(database, keys, {**what, "after": after}))
        of_results, second = _all(lambda after: _renew_results(database, keys, {**what, "after": after}))
        jobs, results, unopened = jobs + of_jobs, results + of_results, {*first, *second}
        ((remain,),) = _rows(database, _REMAINING, what)
        if remain <= len(unopened) or not of_jobs + of_results:
            return Renewed(jobs, results, sorted(unopened), remain)


def _what(keys: Encryption) -> dict[str, Any]:
    """Patterns of what is stale: an argument or a return value; a text in a history; and of those what is encrypted. In
    JSON no quotation mark inside a text stands without a backslash before it."""
    text = '"text" ?: ?"'
    stale, newest = (f"(?!{keys.prefix})", keys.prefix) if keys.is_on else (SEALED, SEALED)
    sealed = f"{SEALED}(?!{newest.removeprefix(SEALED)})" if keys.is_on else SEALED
    return {
        "stale": f"^{stale}",
        "stale_history": text + stale,
        "sealed_history": text + sealed,
        "digests": keys.is_on,
        "count": BATCH,
    }


def _all(batch: Callable[[int], _Batch | None]) -> tuple[int, list[int]]:
    """Go through a table by rising ids; how many were renewed, and which could not be opened."""
    after, renewed, unopened = 0, 0, []
    while (done := batch(after)) is not None:
        after, renewed = done.last, renewed + done.renewed
        unopened += done.unopened
    return renewed, unopened


def _renew_jobs(database: str, keys: Encryption, what: Mapping[str, Any]) -> _Batch | None:
    with transaction.atomic(using=database):
        if not (found := _rows(database, _JOBS, what)):
            return None
        rows, unopened = [], []
        for job, state, arguments, history, *its_keys in found:
            try:
                is_running = state == 2
                history = history if is_running else _renewed_history(keys, history)
                rows.append((job, keys.renew(arguments), history, *(_digest(keys, key) for key in its_keys)))
            except KeyNotConfigured:
                unopened.append(job)
        names = ("ids", "arguments", "histories", "unique_keys", "replace_keys", "kept_replace_keys")
        done = _write(database, _RENEW_JOBS, names, rows)
    return _Batch(found[-1][0], done, unopened)


def _renew_results(database: str, keys: Encryption, what: Mapping[str, Any]) -> _Batch | None:
    with transaction.atomic(using=database):
        if not (found := _rows(database, _RESULTS, what)):
            return None
        rows, unopened = [], []
        for job, finished_at, arguments, history, returned, *its_keys in found:
            try:
                history, returned = _renewed_history(keys, history), returned and keys.renew(returned)
                digests = (_digest(keys, key) for key in its_keys)
                rows.append((job, finished_at, keys.renew(arguments), history, returned, *digests))
            except KeyNotConfigured:
                unopened.append(job)
        names = ("ids", "finished", "arguments", "histories", "returned", "limit_keys", "unique_keys", "replace_keys")
        done = _write(database, _RENEW_RESULTS, names, rows)
    return _Batch(found[-1][0], done, unopened)


def _renewed_history(keys: Encryption, history: str | None) -> str | None:
    if history is None:
        return None
    past = json.loads(history)
    for attempt in past:
        attempt["error"]["text"] = keys.renew(attempt["error"]["text"])
    return json.dumps(past)


def _digest(keys: Encryption, key: str | None) -> str | None:
    return digest(key) if keys.is_on and key is not None else key


def _renew_limit_keys(database: str) -> None:
    for (old,) in _rows(database, _LIMIT_KEYS, {}):
        with transaction.atomic(using=database), connections[database].cursor() as cursor:
            cursor.execute(_RENEW_LIMIT_KEY, {"old": old, "new": digest(old)})
            limits.admit_on_commit(database, [digest(old)])


def _write(database: str, update: bytes, names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> int:
    if not rows:
        return 0
    columns = [list(column) for column in zip(*rows, strict=True)]
    try:
        with transaction.atomic(using=database), connections[database].cursor() as cursor:
            cursor.execute(update, dict(zip(names, columns, strict=True)))
    except IntegrityError:  # a unique key was taken at this moment: the next turn sees it
        return 0
    return len(rows)


def _rows(database: str, query: bytes, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connections[database].cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

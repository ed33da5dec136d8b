"""`tandem tasks reencrypt`: bring what is stored under the newest key."""

from __future__ import annotations

import json

import click

from django_tandem.cli.project import json_option, with_queue

# So many ids are named; `--json` names them all.
MOST_NAMED = 20


@click.command()
@json_option
@with_queue
def reencrypt(as_json: bool) -> None:
    """Bring what is stored of all jobs under the newest key. Exit code 1: older keys are needed still."""
    from django_tandem.queue.reencrypt import reencrypt

    done = reencrypt()
    if as_json:
        click.echo(json.dumps(done._asdict()))
    else:
        click.echo(f"rewrote {done.jobs:,} unfinished and {done.results:,} finished jobs; {_remain(done.remain)}")
        if done.unopened:
            named = ", ".join(map(str, done.unopened[:MOST_NAMED])) + (", …" if done.unopened[MOST_NAMED:] else "")
            click.echo(f"tandem: encrypted with a key that is not configured: {named}", err=True)
    if done.remain:
        raise click.exceptions.Exit(1)


def _remain(jobs: int) -> str:
    return f"{jobs:,} remain under older keys: keep those" if jobs else "none remains under an older key"

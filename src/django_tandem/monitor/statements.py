"""The monitor's own SQL by name, from its `sql/*.sql`."""

from __future__ import annotations

from functools import partial

from django_tandem.queue.statements import statement as _statement

statement = partial(_statement, package=__package__)

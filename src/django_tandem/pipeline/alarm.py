"""Alarm: orphans that a watch comes across are told, each once."""

from __future__ import annotations

from collections.abc import Callable

from django_tandem.config.schema import Tandem
from django_tandem.pipeline import notices
from django_tandem.pipeline.look import look
from django_tandem.pipeline.orphans import Judged
from django_tandem.queue.connect import Connection


class Alarm:
    """`say` hears of each orphan once as long as this one lives; who is named for it, once at all."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said: set[str] = set()

    def look(self, connection: Connection, tandem: Tandem) -> None:
        """Look at what runs. Raises HostFailed."""
        found = {key_of(one): one for one in look(connection, tandem).orphans}
        for key, one in found.items():
            text = f"orphan: {one.seen}: {one.why}; {one.todo}"
            notices.notify(connection, notices.ORPHAN, {"text": text, "server": one.as_json()}, key=key)
            if key not in self._said:
                self._say(text)
        self._said = set(found)


def key_of(one: Judged) -> str:
    """The key of its notice. The same for one server as long as it lives: its row, or else its process and when that
    began."""
    seen = one.seen
    since = f" since {seen.members[0].since:.0f}" if seen.members else ""
    return f"orphan {seen.name} of {seen.release}" + (f", server {seen.id}" if seen.id is not None else since)

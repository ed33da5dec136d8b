"""What runs, for pages: looked at every few seconds, however many people look.

A look reads all processes of a host. A page takes what was seen last, and waits for a new look only a moment, so that a
busy host does not make it slow.
"""

from __future__ import annotations

import threading
import time

from django_tandem.monitor.dashboard import project
from django_tandem.pipeline.look import LOOK_S, Fleet, look

# So long a look is new; so long it may be shown while another is under way, for which a page waits so long.
NEW_S = 2.0
SHOWN_S = 15.0
WAIT_S = 0.05


def now() -> Fleet:
    """A look of this moment, for actions. Raises NotMigrated, HostFailed, DatabaseUnreachable."""
    with project.connection() as connection:
        return look(connection, project.project())


def newest() -> Fleet:
    """A look that is a few seconds old at most, as far as the host lets. Raises as `now` does."""
    return _looker.newest()


def forget() -> None:
    """Something was done about servers: what was seen before is not shown any more."""
    _looker.forget()


class _Looker:
    """One look at a time, in a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: Fleet | None = None
        self._at = 0.0
        self._error: Exception | None = None
        self._looking: threading.Thread | None = None

    def newest(self) -> Fleet:
        with self._lock:
            age = time.monotonic() - self._at
            if self._seen is not None and age < NEW_S:
                return self._seen
            if self._looking is None:
                self._looking = threading.Thread(target=self._look, name="looks at what runs", daemon=True)
                self._looking.start()
            looking, shown = self._looking, self._seen if age < SHOWN_S else None
        looking.join(LOOK_S if shown is None else WAIT_S)
        if shown is None and looking.is_alive():
            raise TimeoutError(f"no look at what runs within {LOOK_S:.0f} s")
        with self._lock:
            if self._seen is not None and (shown is not None or self._error is None):
                return self._seen
            if self._error is not None:
                raise self._error
        return self.newest()  # forgotten meanwhile

    def forget(self) -> None:
        with self._lock:
            self._seen, self._at, self._looking = None, 0.0, None

    def _look(self) -> None:
        seen, error = None, None
        try:
            seen = now()
        except Exception as failure:  # noqa: BLE001 - it is raised where somebody waits for it
            error = failure
        with self._lock:
            if self._looking is threading.current_thread():  # otherwise it began before something was done
                self._looking, self._error = None, error
                if seen is not None:
                    self._seen, self._at = seen, time.monotonic()


_looker = _Looker()

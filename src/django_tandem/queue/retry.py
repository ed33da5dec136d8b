"""Retry: when a job that raised is begun again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

LONGEST_S = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How a task is retried: `@task(retry=Retry(attempts=5))`.

    `attempts`: how often it is begun at the most, the first time and those that were cut off included.
    `backoff`: seconds to wait before the second attempt, doubled before each further one; or the seconds before each,
    of which the last repeats; or a function of the number of the attempt that failed (1 for the first).
    `on`: only for these exceptions. `jitter`: the share of the wait that is left to chance, so that jobs which failed
    together do not come back together. No wait is longer than a day. Raises ValueError for what makes no sense.
    """

    attempts: int = 5
    backoff: float | Sequence[float] | Callable[[int], float] = 10.0
    on: type[BaseException] | tuple[type[BaseException], ...] = Exception
    jitter: float = 0.1

    def __post_init__(self) -> None:
        if type(self.attempts) is not int or self.attempts < 1:
            raise ValueError(f"Retry.attempts is {self.attempts!r}; expected a whole number of at least 1")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"Retry.jitter is {self.jitter!r}; expected a share from 0 to 1")
        if not callable(self.backoff):
            backoff: object = self.backoff
            waits = backoff if isinstance(backoff, Sequence) else [backoff]
            if isinstance(backoff, str) or not waits or not all(map(_is_wait, waits)):
                raise ValueError(f"Retry.backoff is {self.backoff!r}; expected seconds, a list of them, or a function")
        kinds = self.on if isinstance(self.on, tuple) else (self.on,)
        if not kinds or not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
            raise ValueError(f"Retry.on is {self.on!r}; expected an exception or a tuple of them")

    def wait_s(self, error: BaseException, attempt: int, chance: float) -> float | None:
        """Seconds until the job begins again after `attempt` (1 for the first) raised `error`; None: it does not.

        `chance` is a number from 0 to 1 that decides within the jitter.
        """
        if attempt >= self.attempts or not isinstance(error, self.on):
            return None
        wait = min(LONGEST_S, max(0.0, self._backoff(attempt)))
        return min(LONGEST_S, wait * (1 + self.jitter * (2 * chance - 1)))

    def _backoff(self, attempt: int) -> float:
        if callable(self.backoff):
            return float(self.backoff(attempt))
        if isinstance(self.backoff, Sequence):
            return float(self.backoff[min(attempt, len(self.backoff)) - 1])
        return float(self.backoff * 2 ** min(attempt - 1, 30))


def _is_wait(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= LONGEST_S

"""What the queue tells its operator: each event worded here, once."""

from __future__ import annotations

import logging

from django_tandem.queue.job import Job, Outcome

logger = logging.getLogger("django_tandem.queue")


def lease_lost(outcome: Outcome) -> None:
    """A result was dropped: while the job ran here, it was given to another."""
    logger.error(
        "job %s (%s, attempt %s): lease lost, its outcome is dropped",
        outcome.job.id,
        outcome.job.task,
        outcome.job.attempt,
    )


def task_unknown(job: Job, error: ImportError) -> None:
    """A job was put back, because its task cannot be imported here."""
    logger.error("job %s put back: this release cannot import %s: %s", job.id, job.task, error)


def unwritable(outcome: Outcome, error: Exception) -> None:
    """An outcome that the database refuses: the job fails with the reason."""
    logger.error("job %s (%s): its result cannot be stored: %s", outcome.job.id, outcome.job.task, error)


def untold(job: Job, error: Exception) -> None:
    """Whoever listens to task_finished does not hear of a failed job, because no TaskResult can be made of it."""
    logger.error("job %s (%s): its end could not be told: %s: %s", job.id, job.task, type(error).__name__, error)


def database_lost(error: Exception) -> None:
    """The connection broke, or a statement was refused: what was claimed goes on, what is finished waits."""
    does = "refuses" if _is_refusal(error) else "does not answer"
    logger.warning("the database %s (%s); trying again", does, " ".join(str(error).split()))


def _is_refusal(error: Exception) -> bool:
    """Whether the database is there and says no. Its error classes 08 and 57: postgresql.org, "Error Codes"."""
    state = getattr(error, "sqlstate", None)
    return state is not None and state[:2] not in ("08", "57")


def database_back(seconds: float) -> None:
    """The connection is there again."""
    logger.info("the database answers again after %.1f s", seconds)


def standby(mine: str, active: str | None) -> None:
    """This worker claims nothing, because the fence names another release."""
    logger.info("standby: this is release %s, the fence names %s", mine, active or "none")


def active(release: str, epoch: int) -> None:
    """This worker may claim."""
    logger.info("active: the fence names this release, %s, at epoch %s", release, epoch)


def returned(server: int, queue: str, jobs: int, reason: str) -> None:
    """Jobs of a dead worker or server are ready again."""
    logger.warning("%s job(s) of server %s are back in queue %s: %s", jobs, server, queue, reason)


def buried(server: int, job: int, attempts: int) -> None:
    """A job ended as failed, because its worker died under it again and again."""
    logger.error("job %s of server %s failed: its worker died under it %s times", job, server, attempts)


def server_silent(server: int, role: str, host: str, pid: int) -> None:
    """A server has not renewed its lease."""
    logger.warning("server %s (%s on %s, pid %s) is silent: its jobs go to others", server, role, host, pid)


def drained(left: int) -> None:
    """A worker has stopped claiming and ended."""
    if left:
        logger.warning("drain deadline passed: %s running job(s) go back", left)
    else:
        logger.info("drained")


def thread_died(name: str, error: BaseException) -> None:
    """A thread that runs jobs met what no code of ours expects; its process ends, and the supervisor starts another."""
    logger.critical("%s: the worker process ends", name, exc_info=error)


def loop_failed(loop: str, error: Exception) -> None:
    """One turn of a loop failed; the next comes."""
    logger.warning("%s: %s: %s; trying again", loop, type(error).__name__, " ".join(str(error).split()))

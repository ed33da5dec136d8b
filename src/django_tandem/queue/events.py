"""What the queue tells its operator: each event worded here, once."""

from __future__ import annotations

import json
import logging
import traceback

from django_tandem.errors import LockLost
from django_tandem.queue import at_rest
from django_tandem.queue.job import Job, Outcome

logger = logging.getLogger("django_tandem.queue")


class WithoutErrorTexts(logging.Filter):
    """Where jobs are encrypted: of an exception that a record tells, where it was raised and its class remain. Its text
    may quote arguments."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and at_rest.is_on():
            error, record.exc_info = record.exc_info[1], None
            record.exc_text = None if error is None else _where(error)
        return True


class WithoutContext(logging.Filter):
    """The same for what a receiver of task_finished raised: the task's error, which was at hand then, is not told."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None and at_rest.is_on():
            record.exc_info[1].__suppress_context__ = True
        return True


logger.addFilter(WithoutErrorTexts())


def told(error: BaseException) -> str:
    """The class and the text of `error`; without its text where jobs are encrypted."""
    name = type(error).__name__
    return name if at_rest.is_on() else f"{name}: {error}"


def _where(error: BaseException) -> str:
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"Traceback (most recent call last):\n{frames}{type(error).__module__}.{type(error).__qualname__}"


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


def key_not_configured(job: Job) -> None:
    """A job was put back, because it is encrypted with a key that this server does not have."""
    logger.error("job %s (%s) put back: it is encrypted with a key that is not configured here", job.id, job.task)


def unwritable(outcome: Outcome, error: Exception) -> None:
    """An outcome that the database refuses: the job fails with the reason."""
    logger.error("job %s (%s): its result cannot be stored: %s", outcome.job.id, outcome.job.task, told(error))


def untold(job: Job, error: Exception) -> None:
    """Whoever listens to task_finished does not hear of a failed job, because no TaskResult can be made of it."""
    logger.error("job %s (%s): its end could not be told: %s", job.id, job.task, told(error))


def retried(outcome: Outcome) -> None:
    """An attempt raised, and the job begins again later."""
    error = json.loads(outcome.history or "[{}]")[-1].get("error", {})
    last_line = error.get("text", "").strip().rpartition("\n")[2]
    if at_rest.is_on():
        last_line = error.get("class", "")
    logger.warning(
        "job %s (%s): attempt %s raised %s; again in %.1f s",
        outcome.job.id, outcome.job.task, outcome.job.attempt, last_line, outcome.wait_s,
    )  # fmt: skip


def backoff_broken(job: Job, error: Exception) -> None:
    """The project's function that says how long to wait raised, so the job is not retried."""
    logger.error("job %s (%s): the backoff of its Retry raised %s", job.id, job.task, told(error))


def failed_after_commit(job: Job, error: BaseException) -> None:
    """An atomic job has committed, and something raised after that: a function given to on_commit, as a rule."""
    logger.error("job %s (%s) has committed; after that: %s", job.id, job.task, told(error), exc_info=error)


def stuck(job: Job, reason: str) -> None:
    """An interrupted job does not end: its process is replaced once its other jobs have ended."""
    logger.error("job %s (%s): %s, and did not stop; this worker drains and is replaced", job.id, job.task, reason)


def put_back(task: str, what: str, *, alone: bool) -> None:
    """A task left its process changed for the tasks after it."""
    who = task if alone else f"{task}, or a task beside it,"
    logger.warning("%s changed the %s of its worker process: put back; said once", who, what)


def not_put_back(task: str, what: str, error: Exception) -> None:
    """What a task changed could not be undone."""
    logger.error("%s changed the %s of its worker process, which cannot be put back: %s", task, what, error)


def expired(jobs: int) -> None:
    """Jobs that nobody began in time have failed."""
    logger.warning("%s job(s) expired before they began", jobs)


def schedule_removed(name: str) -> None:
    """The active release's code does not have this schedule any more."""
    logger.info("schedule %s is not in this release: removed", name)


def schedule_failed(name: str, error: Exception) -> None:
    """A schedule's task could not be enqueued."""
    logger.error("schedule %s: its job could not be enqueued: %s", name, told(error))


def schedules_unknown(error: Exception) -> None:
    """A module of tasks does not import, so its schedules are not known, and none is fired."""
    logger.error("no schedule fires here: a module of tasks does not import: %s: %s", type(error).__name__, error)


def results_dropped(partition: str) -> None:
    """The results of a day are older than the retention."""
    logger.info("dropped %s: older than the retention", partition)


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


def recycled(reason: str) -> None:
    """A worker process has done its share: another takes its place while it lets its jobs end."""
    logger.info("recycling: %s; what runs here ends here", reason)


def memory_bound_too_low(bound: int, resident: int) -> None:
    """A process would be replaced for what it needs before it has run anything; both in MiB."""
    logger.error(
        "recycle_memory is %s, and a worker that has run nothing has %s MiB resident; it is not recycled by memory",
        bound, resident,
    )  # fmt: skip


def thread_died(name: str, error: BaseException) -> None:
    """A thread that runs jobs met what no code of ours expects; its process ends, and the supervisor starts another."""
    logger.critical("%s: the worker process ends", name, exc_info=error)


def loop_failed(loop: str, error: Exception) -> None:
    """One turn of a loop failed; the next comes."""
    logger.warning("%s: %s: %s; trying again", loop, type(error).__name__, " ".join(str(error).split()))


def lock_lost(error: LockLost) -> None:
    """A named lock was lost under a block that raised something else."""
    logger.error("%s", error)


def yields(level: int, why: str) -> None:
    """Slots of a worker close to jobs of low priority, or open again."""
    if level:
        logger.warning("yields, level %s: %s", level, why)
    else:
        logger.info("yields no more")


def untraced(error: Exception) -> None:
    """OpenTelemetry, or what the project gave it, raised; the job goes on without a span."""
    logger.warning("a span is missing: %s", told(error))

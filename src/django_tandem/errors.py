"""Failures that an operator can meet: one class for each thing that there is to do about it.

The text of an error is one line that names the key, argument or file and what would be right. Every command
ends with the error's `exit_code`: 1 it failed, 2 the command or the configuration is wrong, 3 refused.
"""

from __future__ import annotations

from collections.abc import Sequence


class TandemError(Exception):
    """Something failed; the message says what, and what to do."""

    exit_code = 1


class ConfigurationError(TandemError):
    """The configuration is wrong: every problem, each with its key path and what would be right."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class SettingsNotImportable(ConfigurationError):
    """The project's settings module, or an app that it names, does not import: mend the project."""


class PortTaken(TandemError):
    """Another process listens where this server should: stop it, or bind elsewhere."""


class DatabaseUnreachable(TandemError):
    """The database does not answer: start it, or correct its address."""


class NotMigrated(TandemError):
    """Tandem's tables are missing or old: run the migrations."""


class InvalidJob(TandemError, ValueError):
    """What was to be enqueued cannot be: correct the argument that the message names."""

    exit_code = 2


class NotJson(InvalidJob, TypeError):
    """An argument is of a type that JSON does not have: pass an id, a string or a number in its stead."""


class InvalidResult(TandemError, TypeError, ValueError):
    """What a task returned cannot be kept: return what the message says. The task has run; it is not retried."""


class JobNotFound(TandemError):
    """No job has this id, neither waiting nor finished: look at `tandem tasks list`."""


class ScheduleNotFound(TandemError):
    """No schedule has this name: look at `tandem schedules list`."""


class Refused(TandemError):
    """A fence, lock, gate or permission says no: nothing was changed."""

    exit_code = 3


class KeyNotConfigured(TandemError):
    """What is stored of a job is encrypted with a key that is not configured here: configure that key."""


class AlreadyEnqueued(Refused):
    """A job that must be the only one of its key is unfinished: let it end, or take its result."""


class LockTaken(Refused):
    """Another holds a named lock, and the message says who: let it end, wait longer, or end that process."""


class LockLost(TandemError):
    """The connection that a named lock lived in ended: what the block did may have been beside another's."""


class NotDrained(TandemError):
    """Jobs of a queue that is paused still run: wait longer, or cancel them."""


class FenceHeld(Refused):
    """The fence names another release: activate this one, or serve that one."""


class HostFailed(TandemError):
    """A host did not do what it was told; the message says which, and why: mend it, then ship or resume."""


class NothingToResume(TandemError):
    """No run is open that nobody drives: `tandem ship` begins one."""

    exit_code = 2


class TrialFailed(TandemError):
    """What was built did not pass its trial: mend what the message names, commit, and ship that."""


class CannotBuild(TandemError):
    """The commit cannot become a release: mend the project, commit, and ship that."""


class ToolMissing(TandemError):
    """A program that the pipeline needs is not on this machine: install it."""


class Tampered(Refused):
    """An artifact or a release is not what its digest says: remove it, and build the commit again."""


class LegFailed(TandemError):
    """A role's part of a release on a host failed: the message says which, and why; what was live is live again."""


class TimedOut(TandemError):
    """A job ran longer than its task's timeout, and was stopped: give it more time, or less to do."""


class Expired(TandemError):
    """A job did not begin within its task's `expires`: it is not begun any more."""


class Cancelled(TandemError):
    """Somebody ended a job, whose name the message says: `tandem tasks retry` brings it back."""


class CutOff(TandemError):
    """The process that ran the job died under another job, which is suspected: the attempt counts for nothing."""


class WorkerDied(TandemError):
    """The process or the host that ran the job died in the middle of it: look at that server's log."""


class NoticeFailed(TandemError):
    """Somebody was not told of an event; the message says of which notice, and why: it is tried again for hours."""


class RunNotFound(TandemError):
    """No run of the pipeline has this number: look at `tandem pipeline list`."""

    exit_code = 2


class ReleaseNotFound(TandemError):
    """Nothing was built that has this name or digest: look at what `tandem pipeline list` shows."""

    exit_code = 2


class ServerNotFound(TandemError):
    """No server is called so: look at `tandem servers list`."""

    exit_code = 2


class ServerNeeded(Refused):
    """A server is of the live release, or of an open run: say --live if it shall end all the same."""


class ServerElsewhere(Refused):
    """A server runs on another host: give the command there, which the message says."""


class ServerKept(Refused):
    """Something would start a server again as soon as it ends: end that, which the message names."""


class StillAlive(TandemError):
    """What should be gone lives, here or elsewhere: end what the message names."""


class ReleaseIsLive(Refused):
    """A release is live, and so cannot be retired: activate another first."""


class NothingStandsBy(Refused):
    """A release cannot become live, because a role has no server of it that is ready: start what the message names."""


class PipelineBusy(Refused):
    """Another run is open, and `pipeline.while_busy` is "reject": let it end, or end it."""


class RunMoved(Refused):
    """A run is not in the state that this needs, because somebody or something else moved it: look at it."""


class GateClosed(Refused):
    """An approval cannot be given: decided, expired, superseded, for another digest, or nobody asked."""


class AnotherDrives(Refused):
    """Another process drives, and is not proven gone: let it end, or stop it."""


class DriverReplaced(Refused):
    """This process drove and was taken for gone: another has taken over, and this one must stop."""

"""Fork: one release, one leg for each role and host. Prepare all, switch all by one row; and back, wholly.

Each step may be done again: a driver that takes over from another does so. The order of steps is that of stages.FORK
and stages.RETURN.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from django_tandem.pipeline import lock, releases
from django_tandem.pipeline.driving import Driving
from django_tandem.pipeline.stages import (
    DRAIN,
    DRAIN_BACK,
    MIGRATE,
    PREPARE,
    PROVE,
    PROVE_BACK,
    SWITCH,
    SWITCH_BACK,
    VERIFY,
    Step,
)
from django_tandem.queue import fence
from django_tandem.release import leg as legs_of
from django_tandem.release import place, verify
from django_tandem.release.hosts.host import Host
from django_tandem.release.leg import Leg
from django_tandem.release.place import Placed
from django_tandem.release.verify import Watch

# It has nothing to finish.
LEFT_S = 30.0


class Fork:
    """From the release `old`, which is live (None: no release that the pipeline knows), to `new`."""

    def __init__(self, driving: Driving, new: Placed, old: Placed | None, watch: Watch) -> None:
        self.driving = driving
        self.new = new
        self.old = None if old is not None and old.name == new.name else old
        self.watch = watch

    def prepare(self) -> None:
        """A server of every leg stands by. Where one cannot, none is left."""
        with self.driving.writing(PREPARE) as told:
            told["release"], told["from"] = self.new.name, self.old.name if self.old else None
            self._each(PREPARE, self.new, legs_of.prepare)

    def migrate(self) -> None:
        """The release's migrations, once. What is live goes on, and must be able to live with them."""
        with self.driving.writing(MIGRATE):
            place.migrate(self.new, self.driving.places.log / f"migrate-{self.new.name}.log")

    def switch(self) -> None:
        """One row moves: new servers may claim and answer, old ones may not claim any more."""
        with self.driving.writing(SWITCH) as told:
            told["switch_ms"] = self._move_to(SWITCH, self.new)

    def drain(self) -> None:
        """The old servers end what they run, and end; so does what a run that nobody drove to its end left."""
        with self.driving.writing(DRAIN) as told:
            if self.old is not None:
                self._each(DRAIN, self.old, legs_of.stop)
            if left := self._end_what_was_left():
                told["left"] = left

    def prove(self) -> None:
        """No process of another release runs."""
        with self.driving.writing(PROVE):
            verify.alone(self._hosts, self.new.name)

    def verify(self) -> None:
        """What runs is what was shipped, and answers."""
        with self.driving.writing(VERIFY) as told:
            told["servers"] = verify.identity(self.new.legs)
            told["pages"] = verify.pages(self.new.pages, self.watch)
            releases.verified(self.driving.connection, self.driving.held, self.new.manifest.digest)

    def switch_back(self) -> None:
        """Servers of the old release stand by, unless they run still; then the row moves back."""
        with self.driving.writing(SWITCH_BACK) as told:
            if self.old is None:
                told["to"] = None
                self._lift()
                return
            told["to"] = self.old.name
            self._each(SWITCH_BACK, self.old, legs_of.stand_by)
            told["switch_ms"] = self._move_to(SWITCH_BACK, self.old)

    def drain_back(self) -> None:
        """The new servers end what they run, and end."""
        with self.driving.writing(DRAIN_BACK):
            self._each(DRAIN_BACK, self.new, legs_of.stop)

    def prove_back(self) -> None:
        """No process of the new release runs any more."""
        with self.driving.writing(PROVE_BACK):
            verify.alone(self._hosts, self.old.name if self.old else "")

    def abandon(self) -> None:
        """Nothing was switched, and will not be: what stands by ends. A release that is live goes on."""
        if fence.read(self.driving.connection).release != self.new.name:
            legs_of.each(self.new.legs, legs_of.stop)

    def _move_to(self, step: Step, placed: Placed) -> float:
        """Move the fence, with what is written of it, in one transaction; milliseconds until the last leg knew."""
        connection, held = self.driving.connection, self.driving.held
        with connection.transaction():
            lock.keep(connection, held)
            fence.activate(connection, placed.name)
            releases.became_live(connection, held, placed.manifest.digest)
        began = time.monotonic()

        def wait(leg: Leg) -> float:
            legs_of.wait_until_active(leg)
            milliseconds = round((time.monotonic() - began) * 1000, 1)
            self.driving.told(step, str(leg), {"active_ms": milliseconds})
            return milliseconds

        return max(legs_of.each(placed.legs, wait), default=0.0)

    def _end_what_was_left(self) -> list[str]:
        """What agents keep of any other release stands by for nothing: its run was cancelled when its driver was gone,
        and nobody was there to end it."""
        ended = []
        for host in self._hosts:
            for one in host.do("servers", within_s=LEFT_S)["servers"]:
                role, release = one["role"], one["release"]
                if release != self.new.name:
                    host.do("stop", within_s=2 * LEFT_S, role=role, release=release, drain_s=LEFT_S)
                    ended.append(f"{role} {release} on {host.name}")
        return ended

    def _lift(self) -> None:
        connection, held = self.driving.connection, self.driving.held
        with connection.transaction():
            lock.keep(connection, held)
            fence.lift(connection)

    def _each(self, step: Step, placed: Placed, do: Callable[[Leg], object]) -> None:
        def one(leg: Leg) -> None:
            with self.driving.writing(step, leg):
                do(leg)

        legs_of.each(placed.legs, one)

    @property
    def _hosts(self) -> list[Host]:
        return list({host.name: host for host in (*self.new.hosts, *(self.old.hosts if self.old else ()))}.values())

"""The small project in a repository, and what is shipped from it: real commits, real servers, real loads."""

import json
import subprocess
import sys

import psutil

from django_tandem.release.hosts import on_host, talk
from tests.integration.release.conftest import Repository
from tests.office import SERVER, Office
from tests.waiting import until

LONG_S = 300


class Shop(Office):
    """The small project in a repository, with a database of its own, and what is shipped from it."""

    def __init__(self, folder, url, *, disk=None):
        super().__init__(folder, url)
        self.disk = disk
        self.other = None
        self.repository = Repository.__new__(Repository)
        self.repository.folder = folder
        self.repository.write(".gitignore", ".tandem/\n__pycache__/\nlines\ngate\n")
        self.append('\nEMAIL_HOST = os.environ.get("OFFICE_MAIL", "localhost")\n', "office/settings.py")
        self.append('\n[pipeline]\nenvironment = "shared"\ntests = []\napproval = "none"\nwatch_seconds = 0.2\n')
        self.repository.git("init", "--quiet", "--initial-branch=main", at=None)
        self.first = self.repository.commit("first")

    def variables(self):
        """Its releases are named by their commits."""
        ours = {name: value for name, value in super().variables().items() if name != "TANDEM_RELEASE"}
        return {**ours, "TANDEM_TRIAL_DATABASE_URL": SERVER}

    def tandem(self, *words, **environment):
        return subprocess.run(
            [sys.executable, "-m", "django_tandem", *words],
            cwd=self.folder, env={**self.variables(), **environment}, capture_output=True, text=True,
            timeout=LONG_S, check=False,
        )  # fmt: skip

    def ship(self, *words):
        """Ship to the end; the run."""
        done = self.tandem("ship", *words, "--json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def change(self, text="\n# changed\n", path="office/urls.py"):
        """Commit a change; the release's name."""
        self.repository.append(path, text)
        return self.repository.commit("change")[:12]

    def turn(self):
        """The release that takes turns with the first one, shipped once."""
        if self.other is None:
            self.other = self.change()
            assert self.ship()["state"] == "live"
        return self.other

    def rollback(self, release):
        """Go back to a release, to the end; the run."""
        done = self.tandem("rollback", release, "--json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def processes(self, release):
        """Those that serve a release of this shop."""
        found = on_host.do(self.folder / ".tandem", "survivors", {})["survivors"]
        return [psutil.Process(one["pid"]) for one in found if one["release"] == release]

    def began(self, step, driver):
        """Wait until the open run has begun `step`, or its driver has ended."""
        query = (
            "SELECT 1 FROM tandem_step JOIN tandem_run ON tandem_run.id = run "
            "WHERE ended_at IS NULL AND step = %s AND what = 'began'"
        )
        until(lambda: self.query(query, step.name) or driver.process.poll() is not None, LONG_S)

    def live(self):
        ((release,),) = self.query("SELECT release FROM tandem_fence")
        return release

    def releases(self):
        """What the processes behind both addresses say that they are."""
        told = []
        for port in (self.port, self.health_port):
            status, body = self.get("/-/release", port)
            assert status == 200
            told.append(json.loads(body)["release"])
        return told

    def servers(self):
        return talk.tell(self.folder / ".tandem", "servers", within_s=10)["servers"]

    def close(self):
        super().close()
        on_host.end(self.folder / ".tandem")


def steps(office, run):
    return [
        (row["stage"], row["step"], row["state"])
        for row in office.json("pipeline", "show", str(run))["steps"]
        if row["leg"] is None
    ]

"""The benchmark that walks a worker's way itself still walks it as workers do."""

import json
import os
import subprocess
import sys

from benchmarks.microseconds import STEPS


def test_each_step_of_a_job_takes_its_time():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.microseconds", "--jobs", "1000", "--json"],
        env={**os.environ, "TANDEM_BENCH_SERVER_URL": os.environ["TANDEM_TEST_DATABASE_URL"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["jobs"] == 1000
    assert [step for step in STEPS if found["steps"][step]["work_us"] > 0] == list(STEPS)
    assert found["steps"]["claim"]["wait_us"] > 0 < found["steps"]["finish"]["wait_us"]

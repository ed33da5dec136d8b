"""Clients that ask a small project for its first page all the time, each on a connection of its own."""

import json
import threading


class Clients:
    """A context manager. `statuses`: of each answer, or what went wrong; `pids`: of the processes that answered.
    `pause_s`: between an answer and the next question."""

    def __init__(self, office, count, pause_s=0.0):
        self.statuses, self.pids, self._stop = [], [], threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(office, pause_s)) for _ in range(count)]

    def _ask(self, office, pause_s):
        while not self._stop.wait(pause_s):
            try:
                status, body = office.get("/")
                if status == 200:
                    self.pids.append(json.loads(body)["pid"])
            except OSError as error:
                status = repr(error)
            self.statuses.append(status)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

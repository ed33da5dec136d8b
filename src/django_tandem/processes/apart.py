"""Apart: a function runs in a copy of this process, and answers with JSON; what it loads stays with the copy.

A copy has what this process has imported, which costs a new one seconds. This process must have no other threads.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn


class Apart:
    """A copy of this process that calls `body` in `folder`, with `variables` added to its environment."""

    def __init__(self, body: Callable[[], Any], variables: Mapping[str, str], folder: Path) -> None:
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed when it was read
        self._answer, answer = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if self._pid == 0:
            self._call(body, variables, folder, answer)
        os.close(answer)

    def answer(self) -> Any:
        """What `body` returned. Raises RuntimeError with the last line that it said where it failed."""
        with os.fdopen(self._answer, encoding="utf-8") as pipe:
            text = pipe.read()
        _, status = os.waitpid(self._pid, 0)
        with self._said as said:
            said.seek(0)
            last = said.read().strip().splitlines()[-1:]
        if status:
            raise RuntimeError("".join(last))
        return json.loads(text)

    def _call(self, body: Callable[[], Any], variables: Mapping[str, str], folder: Path, answer: int) -> NoReturn:
        code = 1
        try:
            os.dup2(self._said.fileno(), 1)
            os.dup2(self._said.fileno(), 2)
            os.environ.update(variables)
            os.chdir(folder)
            text = json.dumps(body())
            with os.fdopen(answer, "w", encoding="utf-8") as pipe:
                pipe.write(text)
            code = 0
        except SystemExit as left:
            print(left.code, file=sys.__stderr__)
        except BaseException:  # noqa: BLE001 - this process ends here, whatever it was
            traceback.print_exc(file=sys.__stderr__)
        finally:
            if sys.__stderr__ is not None:
                sys.__stderr__.flush()
            os._exit(code)

"""A credit bureau for the demo: `python -m bureau.stub PORT`. It is slow as the real one is, and sometimes not there.

Latency is log-normal with a median of 250 ms, as measured services often are; one answer in fifty is a 503.
"""

import hashlib
import json
import math
import random
import sys
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MEDIAN_S, SIGMA, LONGEST_S = 0.25, 0.5, 3.0
UNAVAILABLE = 0.02
_random = random.Random(2016)


class Bureau(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        time.sleep(min(LONGEST_S, _random.lognormvariate(math.log(MEDIAN_S), SIGMA)))
        person = urllib.parse.urlsplit(self.path).query
        number = int.from_bytes(hashlib.sha256(person.encode()).digest()[:4], "big")
        unavailable = _random.random() < UNAVAILABLE
        body = {} if unavailable else {"points": 400 + number % 400, "open_loans": number % 5}
        content = json.dumps(body).encode()
        self.send_response(503 if unavailable else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """A line a request is of no use here."""


def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8009
    server = ThreadingHTTPServer(("127.0.0.1", port), Bureau)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()

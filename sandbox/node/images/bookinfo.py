"""Bookinfo's details, ratings and reviews in one server, with the answers of the originals.

`python bookinfo.py reviews-v2 9080` runs one of them. Each answer has a header that says so.
"""

import http.client
import json
import os
import signal
import sys
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PASSED_ON = (
    *("x-request-id", "x-ot-span-context", "traceparent", "tracestate", "grpc-trace-bin", "sw8"),
    *("x-datadog-trace-id", "x-datadog-parent-id", "x-datadog-sampling-priority"),
    *("x-cloud-trace-context", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid"),
    *("x-b3-sampled", "x-b3-flags", "end-user", "user-agent", "cookie", "authorization", "jwt"),
)
"""Headers of a request that go into the requests made because of it."""
DETAILS = {
    "author": "William Shakespeare",
    "year": 1595,
    "type": "paperback",
    "pages": 200,
    "publisher": "PublisherA",
    "language": "English",
    "ISBN-10": "1234567890",
    "ISBN-13": "123-1234567890",
}
STARS = {"Reviewer1": 5, "Reviewer2": 4}
TEXT = "{service} {version} of the sandbox says: a play with twins, mix-ups and a good end."
"""The text of each review: the page shows it, so it tells which program answered."""
COLOURS = {"v2": "black", "v3": "red"}
"""The colour of the stars, by the version of reviews; v1 shows none."""
PATIENCE = {"v2": 10.0, "v3": 2.5}
"""Seconds that a version of reviews waits for ratings."""

Answer = tuple[int, dict[str, Any]]


class Handler(BaseHTTPRequestHandler):
    """The routes of one service."""

    protocol_version = "HTTP/1.1"
    # Head and body are two small writes: without this the second waits for the client's ACK.
    disable_nagle_algorithm = True
    service = version = ""
    ratings: dict[int, dict[str, Any]] = {}  # noqa: RUF012 - posted ones, of all connections

    def do_GET(self) -> None:
        """Answer /health, or the service's route with a product's number."""
        _, route, *rest = self.path.split("?")[0].split("/")
        if route == "health":
            self._answer((HTTPStatus.OK, {"status": f"{self.service.capitalize()} is healthy"}))
        elif route != self.service:
            self._answer((HTTPStatus.NOT_FOUND, {"error": "not found"}))
        elif not rest or not rest[-1].isdecimal():
            wanted = {"error": "please provide numeric product ID"}
            self._answer((HTTPStatus.BAD_REQUEST, wanted))
        else:
            self._answer(getattr(self, f"_{self.service}")(int(rest[-1])))

    def do_POST(self) -> None:
        """Keep the ratings of a product in memory."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        number = self.path.rpartition("/")[2]
        if self.service != "ratings" or not number.isdecimal():
            wanted = {"error": "please provide numeric product ID"}
            self._answer((HTTPStatus.BAD_REQUEST, wanted))
            return
        try:
            self.ratings[int(number)] = json.loads(body)
        except ValueError:
            wanted = {"error": "please provide valid ratings JSON"}
            self._answer((HTTPStatus.BAD_REQUEST, wanted))
            return
        self._answer(self._ratings(int(number)))

    def _details(self, product: int) -> Answer:
        return HTTPStatus.OK, {"id": product, **DETAILS}

    def _ratings(self, product: int) -> Answer:
        return HTTPStatus.OK, {"id": product, "ratings": self.ratings.get(product, STARS)}

    def _reviews(self, product: int) -> Answer:
        has_stars = self.version in COLOURS
        stars = _ask_ratings(product, self.headers, PATIENCE[self.version]) if has_stars else {}
        text = TEXT.format(service=self.service, version=self.version)
        reviews: list[dict[str, Any]] = [{"reviewer": name, "text": text} for name in STARS]
        for review in reviews if has_stars else ():
            count = stars.get(review["reviewer"])
            review["rating"] = (
                {"error": "Ratings service is currently unavailable"}
                if count is None
                else {"stars": count, "color": COLOURS[self.version]}
            )
        return HTTPStatus.OK, {
            "id": str(product),
            "podname": os.environ.get("HOSTNAME"),
            "clustername": os.environ.get("CLUSTER_NAME", "sandbox"),
            "reviews": reviews,
        }

    def _answer(self, answer: Answer) -> None:
        status, said = answer
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-sandbox-program", f"{self.service} {self.version} of the sandbox")
        self.end_headers()
        self.wfile.write(body)


def _ask_ratings(product: int, headers: Mapping[str, str], patience: float) -> dict[str, int]:
    """Return the stars by reviewer, or nothing when ratings doesn't answer."""
    host = os.environ.get("RATINGS_HOSTNAME", "ratings")
    domain = os.environ.get("SERVICES_DOMAIN")
    port = int(os.environ.get("RATINGS_SERVICE_PORT", "9080"))
    name = f"{host}.{domain}" if domain else host
    passed = {header: headers[header] for header in PASSED_ON if header in headers}
    connection = http.client.HTTPConnection(name, port, timeout=patience)
    try:
        connection.request("GET", f"/ratings/{product}", headers=passed)
        reply = connection.getresponse()
        said = reply.read()
        if reply.status != HTTPStatus.OK:
            print(f"ratings answered {reply.status}", flush=True)
            return {}
        return json.loads(said)["ratings"]
    except (OSError, ValueError, http.client.HTTPException) as error:
        print(f"ratings can't be reached: {error}", flush=True)
        return {}
    finally:
        connection.close()


class Server(ThreadingHTTPServer):
    """A server to which many connections may come at once."""

    # With the default of five, the next ones are tried again after a second.
    request_queue_size = 128


def main() -> None:
    """Serve until SIGTERM."""
    Handler.service, _, Handler.version = sys.argv[1].partition("-")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with Server(("0.0.0.0", int(sys.argv[2])), Handler) as server:  # noqa: S104 - of the pod's own network
        server.serve_forever()


if __name__ == "__main__":
    main()

"""moto's S3 server on a free loopback port."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from moto.server import ThreadedMotoServer


@contextmanager
def run_s3_server() -> Iterator[str]:
    """Run a server for the length of the block and give its endpoint URL.

    It serves STS, IAM and CloudTrail as well: point ``AWS_ENDPOINT_URL`` at it.
    """
    # One line a request on stderr would bury a failing test's own output.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()
        if server._server is not None:
            server._server.server_close()  # moto leaves the listening socket to the garbage collector

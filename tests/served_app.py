"""An application behind the device's server, and what a socket to it is answered."""

import http.client
import threading
from contextlib import contextmanager

from sfta_edge.server import listening, serve, stop


@contextmanager
def serving(server):
    """Host and port of a server that works while the block lasts; nothing of it is left."""
    thread = threading.Thread(target=serve, args=(server,), daemon=True)
    thread.start()
    try:
        yield listening(server)[0]
    finally:
        stop(server)
        thread.join(20)
        assert not thread.is_alive()


def answered(connection):
    """Status, headers and body; None if the connection ended without."""
    with http.client.HTTPResponse(connection) as response:
        try:
            response.begin()
            return response.status, response.headers, response.read()
        except (ConnectionError, http.client.HTTPException):
            return None

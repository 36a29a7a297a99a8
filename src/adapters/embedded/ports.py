"""Chooses ports of 127.0.0.1, and asks whether something answers there."""

from __future__ import annotations

import http.client
import socket

HOST = "127.0.0.1"
PORT_CHOICES_MAX = 5  # a port that was free a moment ago may be taken at the start; so often we choose again
ANSWER_TIMEOUT_S = 2


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def http_answers(port: int, path: str = "/livez") -> bool:
    """Whether a GET of the path on this port is answered with a 2xx status within ANSWER_TIMEOUT_S."""
    connection = http.client.HTTPConnection(HOST, port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", path)
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()

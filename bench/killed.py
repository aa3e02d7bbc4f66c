"""How many requests it costs to kill an application server's master: run as root on a server that may be disturbed.

`python3 killed.py SOCKET UNIT [SECONDS]`, such as `killed.py /run/uwsgi-plain/uwsgi.sock uwsgi-plain.service`, on the
machines of molecule/uwsgi and molecule/gunicorn. Eight clients ask for `/` over the Unix socket, one after the other,
and one for `/slow`, which takes two seconds. After each three seconds the unit's main process gets SIGKILL.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from http.client import HTTPConnection, HTTPException

CLIENTS = 8
PAUSE = 3


class SocketConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def connect(self) -> None:
        """Connect to the socket that the command line names."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(sys.argv[1])


def outcome(path: str) -> str:
    """Ask once, and return `answered` or what has gone wrong."""
    connection = SocketConnection("localhost")
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        answer = connection.getresponse()
        return "answered" if answer.read() and answer.status == 200 else f"status {answer.status}"
    except (OSError, HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()


def main() -> None:
    """Kill the master again and again while clients come, and print what they have got."""
    unit, seconds = sys.argv[2], float((sys.argv[3:] or ["12"])[0])
    outcomes: Counter[str] = Counter()
    over = threading.Event()

    def ask(path: str) -> None:
        while not over.is_set():
            outcomes[outcome(path)] += 1

    clients = [threading.Thread(target=ask, args=(path,)) for path in ["/"] * CLIENTS + ["/slow"]]
    for client in clients:
        client.start()
    kills = int(seconds / PAUSE) - 1
    for _ in range(kills):
        time.sleep(PAUSE)
        subprocess.run(["systemctl", "kill", "--kill-whom=main", "--signal=KILL", unit], check=True)
    time.sleep(PAUSE)
    over.set()
    for client in clients:
        client.join()
    answered = outcomes.pop("answered", 0)
    print(f"{unit}: {kills} kills, {answered} answered, {outcomes.total()} lost {dict(outcomes)}")


if __name__ == "__main__":
    main()

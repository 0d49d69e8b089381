"""A program that stands for one of `tests.warm`: ``python -IS warm_client.py SOCKET ARGUMENT ...``.

It has tests.warm do what ``python ARGUMENT ...`` would, here and now; passes signals on; and ends as that ends. It is
started hundreds of times, so it imports what the interpreter has built in.
"""

from __future__ import annotations

import _signal as signal
import _socket as socket
import marshal
import os
import sys

PASSED_ON = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def main() -> int:
    """Return the exit code, negative for a signal."""
    asked = marshal.dumps((sys.argv[2:], os.getcwd(), dict(os.environ), os.getsid(0) == os.getpid()))
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(sys.argv[1])
    descriptors = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    length = len(asked).to_bytes(4, "big")
    connection.sendmsg([length + asked], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
    pid = int(connection.recv(16))

    def pass_on(number: int, frame: object) -> None:
        try:  # noqa: SIM105 - contextlib takes as long to import as all the rest
            os.kill(pid, number)
        except ProcessLookupError:
            pass

    for number in PASSED_ON:
        signal.signal(number, pass_on)
    connection.sendall(b".")  # from now on a signal reaches it
    return int(connection.recv(16) or -signal.SIGKILL)


if __name__ == "__main__":
    code = main()
    if code < 0:
        if -code in PASSED_ON:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)

"""Stands for a program that is forked from a process with its modules (see preloaded.py): `SOCKET PROGRAM [ARGUMENT...]`."""

import json
import os
import signal
import socket
import sys

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    program = {"words": sys.argv[2:], "environment": dict(os.environ), "folder": os.getcwd()}  # noqa: PTH109 (pathlib takes longer than all the rest)
    message = json.dumps(program).encode() + b"\n"
    sent = socket.send_fds(connection, [message], [0, 1, 2])
    connection.sendall(message[sent:])
    nothing = os.open(os.devnull, os.O_RDWR)
    for file in (0, 1, 2):  # they end when the program closes them
        os.dup2(nothing, file)
    with connection.makefile("rb") as answers:
        pid = int(answers.readline())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda number, _: os.kill(pid, number))
        code = int(answers.readline() or 1)
if code < 0:
    if -code != signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)

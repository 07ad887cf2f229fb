"""A server on standard input and output that misbehaves as its caller asks."""

import json
import os
import signal
import subprocess
import sys
import time

out = sys.stdout.buffer


def write(data: bytes) -> None:
    out.write(data)
    out.flush()


def answer(message: dict, result: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode() + b"\n"


def handle(message: dict) -> None:
    method = message["method"]
    params = message.get("params")
    if method == "echo":
        write(answer(message, params))
    elif method == "lines":
        # How the message looked on its way in.
        write(answer(message, {"line": message["_line"]}))
    elif method == "process":
        write(
            answer(
                message,
                {
                    "env": dict(os.environ),
                    "argv": sys.argv[1:],
                    "cwd": os.getcwd(),
                    "pid": os.getpid(),
                    "group": os.getpgid(0),
                },
            )
        )
    elif method == "split":
        for byte in answer(message, params):
            write(bytes([byte]))
    elif method == "die":
        write(b'{"jsonrpc":"2.0","id":')
        os._exit(3)
    elif method == "last words":
        write(answer(message, "bye"))
        os._exit(0)
    elif method == "garbage":
        write(b"Server running on stdio\n\n\xff\xfe\x00\n" + answer(message, "found"))
    elif method == "endless line":
        while True:
            write(b"x" * 65536)
    elif method == "noise":
        while True:
            write(b"still not JSON\n" * 4096)
    elif method == "stderr":
        for number in range(params):
            sys.stderr.write(f"line {number} of ada@example.com\n")
        sys.stderr.flush()
        write(answer(message, "done"))
    elif method == "child":
        child = subprocess.Popen(["sleep", "600"])
        write(answer(message, {"pid": os.getpid(), "child": child.pid}))
    elif method == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        write(answer(message, {"pid": os.getpid()}))
        while True:
            time.sleep(600)
    elif method == "stop reading":
        write(answer(message, {"pid": os.getpid()}))
        sys.stdin.close()
        os.close(0)
        time.sleep(600)
    elif method == "hang":
        write(answer(message, {"pid": os.getpid()}))
        time.sleep(600)
    elif method == "stop writing":
        write(answer(message, {"pid": os.getpid()}))
        os.close(1)
        time.sleep(600)
    elif method == "flood":
        while True:
            write(b'{"jsonrpc":"2.0","method":"notifications/message"}\n')


for raw in sys.stdin.buffer:
    parsed = json.loads(raw)
    parsed["_line"] = raw.decode()
    handle(parsed)

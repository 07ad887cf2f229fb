"""A legacy MCP server on standard input and output whose tools misbehave as their names say."""

import json
import os
import sys

waiting = []
asked = {}


def say(message: dict) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0"} | message) + "\n")
    sys.stdout.flush()


def call(message: dict) -> None:
    number, params = message["id"], message["params"]
    token = params.get("_meta", {}).get("progressToken")
    match params["name"]:
        case "echo":
            say({"id": number, "result": params["arguments"]})
        case "twice":
            say({"id": number, "result": "first"})
            say({"id": number, "result": "second"})
        case "progress":
            for step in range(3):
                progress = {"progressToken": token, "progress": step}
                say({"method": "notifications/progress", "params": progress})
            say({"id": number, "result": "done"})
        case "ask":
            asked["roots"] = number
            say({"id": "roots", "method": "roots/list"})
        case "wait":
            waiting.append(number)
        case "release":
            # Those that wait are answered last in, first out; this one comes last of all.
            for other in [*reversed(waiting), number]:
                say({"id": other, "result": f"released {other}"})
            waiting.clear()
        case "die":
            sys.stdout.write('{"jsonrpc":"2.0","id":')
            sys.stdout.flush()
            os._exit(1)


def main() -> None:
    cancelled = []
    for line in sys.stdin:
        message = json.loads(line)
        match message.get("method"):
            case "initialize":
                result = {"protocolVersion": "2025-06-18", "capabilities": {}, "x": 1}
                say({"id": message["id"], "result": result})
            case "tools/call":
                call(message)
            case "notifications/cancelled":
                cancelled.append(message["params"]["requestId"])
                waiting.remove(cancelled[-1])
            case "cancelled":
                say({"id": message["id"], "result": len(cancelled)})
            case None if message.get("id") in asked:
                say({"id": asked.pop(message["id"]), "result": message.get("result")})


main()

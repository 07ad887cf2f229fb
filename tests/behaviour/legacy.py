"""A stateful server of the legacy era on standard input and output, nothing but the standard library."""

import json
import os
import sys
import threading

lock = threading.Lock()
waiting = {}
state = {"asked": 0, "remembered": [], "cancelled": [], "level": None, "client": None}


def say(message):
    with lock:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def ask(method, params=None):
    """Asks the client and waits for its answer."""
    with lock:
        state["asked"] += 1
        number = "q%d" % state["asked"]
        waiting[number] = [threading.Event(), None]
    say({"id": number, "method": method, **({"params": params} if params else {})})
    waiting[number][0].wait(30)
    return waiting[number][1]


def text(value):
    return {"content": [{"type": "text", "text": json.dumps(value)}], "structuredContent": {"value": value}}


def call(message):
    params = message["params"]
    arguments = params.get("arguments", {})
    name = params["name"]
    if name == "remember":
        state["remembered"].append(arguments["word"])
        return text(state["remembered"])
    if name == "who":
        return text({"client": state["client"], "cancelled": state["cancelled"], "pid": os.getpid()})
    if name == "greet":
        answer = ask("elicitation/create", {"message": "What is your name?",
                     "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}}})
        return text(answer)
    if name == "both":
        answers = {}
        def one(key, method, params):
            answers[key] = ask(method, params)
        parts = [threading.Thread(target=one, args=a) for a in (
            ("name", "elicitation/create", {"message": "Name?", "requestedSchema": {"type": "object"}}),
            ("roots", "roots/list", None))]
        for part in parts:
            part.start()
        for part in parts:
            part.join()
        return text(answers)
    if name == "slow":
        token = params["_meta"]["progressToken"]
        say({"method": "notifications/message", "params": {"level": "error", "data": "mail ann@example.com"}})
        for step in (1, 2):
            say({"method": "notifications/progress",
                 "params": {"progressToken": token, "progress": step, "message": "mail ann@example.com"}})
        if arguments.get("for ever"):
            return None
        return text("done")
    if name == "change":
        say({"method": "notifications/resources/updated", "params": {"uri": "note://1"}})
        say({"method": "notifications/tools/list_changed"})
        return text("changed")
    if name == "die":
        os._exit(1)
    raise KeyError(name)


def answer(message):
    method = message["method"]
    params = message.get("params", {})
    if method == "initialize":
        state["client"] = params
        return {"protocolVersion": "2025-06-18", "serverInfo": {"name": "old", "version": "1"},
                "instructions": "Mind the step.",
                "capabilities": {"tools": {"listChanged": True}, "resources": {"subscribe": True},
                                 "prompts": {}, "logging": {}, "completions": {}, "tasks": {}}}
    if method == "tools/list":
        return {"tools": [{"name": n, "inputSchema": {"type": "object"}} for n in ("greet", "admin.wipe")]}
    if method == "resources/read":
        return {"contents": [{"uri": params["uri"], "text": "mail ann@example.com"}]}
    if method == "prompts/get":
        return {"messages": []}
    if method == "completion/complete":
        return {"completion": {"values": ["a"]}}
    if method in ("resources/subscribe", "resources/unsubscribe", "logging/setLevel"):
        return {}
    if method == "tools/call":
        return call(message)
    raise LookupError(method)


def serve(message):
    try:
        result = answer(message)
    except LookupError:
        say({"id": message["id"], "error": {"code": -32601, "message": "no such thing"}})
        return
    if result is not None:
        say({"id": message["id"], "result": result})


for line in sys.stdin:
    message = json.loads(line)
    if "method" not in message:
        place = waiting[message["id"]]
        place[1] = message.get("result", message.get("error"))
        place[0].set()
    elif message["method"] == "notifications/cancelled":
        state["cancelled"].append(message["params"]["requestId"])
    elif "id" in message:
        threading.Thread(target=serve, args=(message,), daemon=True).start()

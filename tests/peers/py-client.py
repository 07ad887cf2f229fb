"""The Python SDK as a client: one job from stdin, one JSON result on stdout.

Job, result and exit status are those of job.mjs, with `ca` (a PEM file to trust) in the job as well,
and in the result `closing`: what went wrong when the client left, or null.
Runs on both lines of the SDK: `mcp` 2.x (probes for 2026-07-28, falls back to `initialize`) and,
in the other environment, `mcp` 1.x (2025-era revisions only).
"""

import asyncio
import json
import ssl
import sys
from contextlib import asynccontextmanager, nullcontext

try:
    import httpx2 as httpx
    from mcp import Client
except ImportError:  # the 1.x line
    import httpx
    from mcp import ClientSession

    Client = None
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client


class Wire:
    """What was asked and answered over HTTP, and whether an answer failed to come."""

    def __init__(self):
        self.exchanges = []
        self.broken = False

    async def on_response(self, response):
        self.exchanges.append({
            "method": response.request.method,
            "status": response.status_code,
            "challenge": response.headers.get("www-authenticate"),
        })

    async def observe(self, action):
        self.exchanges = []
        try:
            return self.succeeded(await action)
        except Exception as error:  # every failure of the SDK is a result here
            return self.failed(error)

    def succeeded(self, result):
        return {"ok": True, "result": plain(result), "http": self.exchanges}

    def failed(self, error):
        while isinstance(error, BaseExceptionGroup):  # the SDK's task groups wrap what failed
            error = error.exceptions[0]
        self.broken = self.broken or isinstance(error, httpx.TransportError)
        return {"ok": False, "error": describe(error), "http": self.exchanges}


@asynccontextmanager
async def connection(job, http_client):
    """A connected client of whichever line of the SDK is installed."""
    if job.get("transport") == "sse":
        # This transport makes its own HTTP client and closes it: it gets one that stays open.
        old = sse_client(job["url"], httpx_client_factory=lambda **_: nullcontext(http_client))
        async with old as (read, write), ClientSession(read, write) as session:
            hello = await session.initialize()
            yield session, hello.serverInfo, hello.capabilities
        return
    transport = streamable_http_client(job["url"], http_client=http_client)
    if Client is not None:
        async with Client(transport, mode=job.get("era", "auto")) as client:
            yield client, client.server_info, client.server_capabilities
    else:
        async with transport as (read, write, _), ClientSession(read, write) as session:
            hello = await session.initialize()
            yield session, hello.serverInfo, hello.capabilities


def perform(client, step):
    match step["op"]:
        case "list_tools":
            return client.list_tools()
        case "call":
            return client.call_tool(step["name"], step.get("arguments"))
        case "list_resources":
            return client.list_resources()
        case "read_resource":
            return client.read_resource(step["uri"])
        case "list_prompts":
            return client.list_prompts()
        case "get_prompt":
            return client.get_prompt(step["name"], step.get("arguments"))
        case other:
            raise ValueError(f"unknown op `{other}`")


async def run(job):
    wire = Wire()
    result = {"connected": None, "steps": [], "closing": None}
    headers = {"Authorization": f"Bearer {job['token']}"} if job.get("token") else {}
    trust = ssl.create_default_context(cafile=job.get("ca"))
    async with httpx.AsyncClient(
        headers=headers, verify=trust, timeout=30, event_hooks={"response": [wire.on_response]}
    ) as http_client:
        try:
            async with connection(job, http_client) as (client, server, capabilities):
                hello = {"server": plain(server), "capabilities": plain(capabilities)}
                result["connected"] = wire.succeeded(hello)
                for step in job["steps"]:
                    result["steps"].append(await wire.observe(perform(client, step)))
        except Exception as error:
            # The 1.x line ends the whole session when a request is refused with an HTTP status: the
            # failure belongs to whatever was under way.
            failure = wire.failed(error)
            if result["connected"] is None:
                result["connected"] = failure
            elif len(result["steps"]) < len(job["steps"]):
                result["steps"].append(failure)
            else:
                result["closing"] = failure
    return result, wire.broken


def plain(value):
    """A protocol object as the JSON it stood for."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    return value


def describe(error):
    # Only the protocol's own error carries a number.
    data = getattr(error, "error", None)
    return {"kind": type(error).__name__, "code": getattr(data, "code", None), "message": str(error)}


if __name__ == "__main__":
    outcome, broken = asyncio.run(run(json.load(sys.stdin)))
    print(json.dumps(outcome))
    sys.exit(1 if broken else 0)

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
from contextlib import AsyncExitStack, asynccontextmanager

import anyio

try:
    import httpx2 as httpx
    import mcp_types as types
    from mcp import Client
except ImportError:  # the 1.x line
    import httpx
    from mcp import ClientSession, types

    Client = None
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

HEAR_SECONDS_MAX = 1
HEAR_TRIES_MAX = 10


class Wire:
    """What was asked and answered over HTTP, and whether an answer failed to come."""

    def __init__(self, keep):
        self.exchanges = []
        self.broken = False
        self.keep = open(keep, "ab", buffering=0) if keep else None

    def factory(self, trust):
        """What makes an HTTP client, in the shape that the SDK asks for."""

        def make(headers=None, timeout=30, auth=None):
            hooks = {"response": [self.on_response]}
            return httpx.AsyncClient(headers=headers, verify=trust, timeout=timeout, auth=auth, event_hooks=hooks)

        return make

    async def on_response(self, response):
        self.exchanges.append({
            "method": response.request.method,
            "status": response.status_code,
            "challenge": response.headers.get("www-authenticate"),
        })
        if self.keep:
            self.keep.write(f"{response.status_code} {json.dumps(response.headers.multi_items())}\n".encode())
            response.stream = Kept(response.stream, self.keep)

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


class Kept(httpx.AsyncByteStream):
    """The bytes of an answer, which are also written to a file."""

    def __init__(self, stream, file):
        self.stream, self.file = stream, file

    async def __aiter__(self):
        async for chunk in self.stream:
            self.file.write(chunk)
            yield chunk
        self.file.write(b"\n")

    async def aclose(self):
        await self.stream.aclose()


class Heard:
    """The notifications that came, and whoever waits for one."""

    def __init__(self):
        self.all = []
        self.news = anyio.Event()

    async def __call__(self, message):
        # The 1.x line wraps a notification, and hands over requests and failures as well.
        message = getattr(message, "root", message)
        if hasattr(message, "method") and hasattr(message, "params"):
            self.add(message.method, plain(message.params))

    def add(self, method, params=None):
        self.all.append({"method": method, "params": params})
        self.news.set()
        self.news = anyio.Event()

    async def first(self, method):
        """The first of this method, or nothing when it did not come soon."""
        with anyio.move_on_after(HEAR_SECONDS_MAX):
            while True:
                found = next((each for each in self.all if each["method"] == method), None)
                if found is not None:
                    return found
                await self.news.wait()
        return None


class Visitor:
    """A connected client of whichever line of the SDK is installed, and what it heard."""

    def __init__(self, job, heard):
        self.job, self.heard = job, heard
        self.client = None
        self.listening = AsyncExitStack()

    @asynccontextmanager
    async def connected(self, http_client, headers, trust, wire):
        asked = self.answer if "answer" in self.job else None
        if self.job.get("transport") == "sse":
            transport = sse_client(self.job["url"], headers, httpx_client_factory=wire.factory(trust))
        else:
            transport = streamable_http_client(self.job["url"], http_client=http_client)
        options = {"elicitation_callback": asked, "message_handler": self.heard}
        if Client is not None:
            mode = self.job.get("era", "auto")
            async with Client(transport, mode=mode, log_level="info", **options) as self.client, self.listening:
                yield self.client.server_info, self.client.server_capabilities
        else:
            async with transport as streams, ClientSession(*streams[:2], **options) as self.client:
                hello = await self.client.initialize()
                yield hello.serverInfo, hello.capabilities

    async def answer(self, _context, _params):
        return types.ElicitResult(action="accept", content=self.job["answer"])

    async def perform(self, step):
        client = self.client
        match step["op"]:
            case "list_tools":
                return await client.list_tools()
            case "call":
                return await client.call_tool(step["name"], step.get("arguments"))
            case "cancel":
                return await self.give_up(step)
            case "list_resources":
                return await client.list_resources()
            case "read_resource":
                return await client.read_resource(step["uri"])
            case "list_prompts":
                return await client.list_prompts()
            case "get_prompt":
                return await client.get_prompt(step["name"], step.get("arguments"))
            case "listen":
                tools = step["filter"].get("toolsListChanged", False)
                await self.listening.enter_async_context(client.listen(tools_list_changed=tools))
                return None
            case "set_level":
                await client.set_logging_level(step["level"])
                return None
            case "hear":
                return await self.provoke(step)
            case other:
                raise ValueError(f"unknown op `{other}`")

    async def provoke(self, step):
        """Calls `name` until a notification of `method` was heard: nobody knows when the stream
        stands on which a server of the 2025 era speaks unasked."""
        for _ in range(HEAR_TRIES_MAX):
            await self.client.call_tool(step["name"], step.get("arguments"))
            found = await self.heard.first(step["method"])
            if found is not None:
                return found
        raise TimeoutError(f"never heard `{step['method']}`")

    async def give_up(self, step):
        """Calls, and gives up as soon as the server reports progress."""
        seen = []

        async def progress(progress, total, message):
            seen.append({"progress": progress, "total": total, "message": message})
            patience.cancel()

        # The 1.x line leaves it to its caller to tell the server, by the number of the request.
        number = None if Client is not None else self.client._request_id
        with anyio.CancelScope() as patience:
            result = await self.client.call_tool(step["name"], step["arguments"], progress_callback=progress)
            raise ValueError(f"answered before it was given up: {plain(result)}")
        if number is not None:
            params = types.CancelledNotificationParams(requestId=number, reason="enough")
            await self.client.send_notification(
                types.ClientNotification(types.CancelledNotification(method="notifications/cancelled", params=params))
            )
        return {"given_up": "enough", "progress": seen}


async def run(job):
    wire = Wire(job.get("keep"))
    heard = Heard()
    result = {"connected": None, "steps": [], "heard": heard.all, "closing": None}
    headers = {"Authorization": f"Bearer {job['token']}"} if job.get("token") else {}
    trust = ssl.create_default_context(cafile=job.get("ca"))
    async with wire.factory(trust)(headers=headers) as http_client:
        visitor = Visitor(job, heard)
        try:
            async with visitor.connected(http_client, headers, trust, wire) as (server, capabilities):
                hello = {"server": plain(server), "capabilities": plain(capabilities)}
                result["connected"] = wire.succeeded(hello)
                for step in job["steps"]:
                    result["steps"].append(await wire.observe(visitor.perform(step)))
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

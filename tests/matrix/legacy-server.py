"""An MCP server of the 2025 era on the Python SDK 1.x, with a session per connection.

Usage: legacy-server.py stdio STATE_DIR | sse STATE_DIR PORT | http STATE_DIR PORT
       `sse` serves HTTP+SSE at /sse, `http` serves stateful Streamable HTTP at /mcp.
What it offers is described in legacy-server.mjs.
"""

import json
import sys
from functools import partial
from pathlib import Path
from weakref import WeakKeyDictionary

import anyio
from mcp.server import NotificationOptions
from mcp.server.fastmcp import Context, FastMCP
from pydantic import BaseModel

MODE, STATE = sys.argv[1], Path(sys.argv[2])
PORT = int(sys.argv[3]) if len(sys.argv) > 3 else 0
PAUSE_SECONDS = 0.02

server = FastMCP("matrix-legacy-py", host="127.0.0.1", port=PORT)
# FastMCP has no option for it: a server that announces changes has to say so in the handshake.
server._mcp_server.create_initialization_options = partial(
    server._mcp_server.create_initialization_options, NotificationOptions(tools_changed=True)
)
given = WeakKeyDictionary()


class Name(BaseModel):
    name: str


@server.tool(structured_output=False)
def echo(message: str) -> str:
    return f"echo: {message}"


@server.tool(structured_output=False)
async def slow(key: str, ctx: Context) -> str:
    step = 0
    try:
        while True:
            step += 1
            await ctx.report_progress(step, message=f"still at it: {key}")
            await anyio.sleep(PAUSE_SECONDS)
    except anyio.get_cancelled_exc_class():
        (STATE / f"cancelled-{key}").write_text(ctx.request_id)
        raise


@server.tool(structured_output=False)
async def ask(ctx: Context) -> str:
    answer = await ctx.elicit("What is your name?", Name)
    return f"hello, {answer.data.name}" if answer.action == "accept" else f"no answer: {answer.action}"


@server.tool(structured_output=False)
async def notify(ctx: Context) -> str:
    await ctx.info("something happened", logger_name="asked")
    # Not about this call: on Streamable HTTP it goes to the client's own event stream.
    await ctx.session.send_tool_list_changed()
    return "notified"


@server.tool(structured_output=False)
async def remember(value: str, ctx: Context) -> str:
    values = given.setdefault(ctx.session, [])
    values.append(value)
    await ctx.report_progress(len(values), message=value)
    await ctx.info(value, logger_name="asked")
    await ctx.session.send_log_message("info", value, logger="unasked")
    return json.dumps(values)


@server.resource("matrix://note", mime_type="text/plain")
def note() -> str:
    return "a note of the old days"


@server.prompt()
def greeting(name: str) -> str:
    return f"Greet {name}"


@server._mcp_server.set_logging_level()
async def set_level(_level):
    """Every message is sent anyhow: the SDK leaves the level to the server."""


if __name__ == "__main__":
    server.run({"stdio": "stdio", "sse": "sse", "http": "streamable-http"}[MODE])

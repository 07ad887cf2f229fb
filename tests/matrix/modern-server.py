"""An MCP server on the Python SDK 2.x, without state between the requests of revision 2026-07-28.

Usage: modern-server.py STATE_DIR PORT      serves http://127.0.0.1:PORT/mcp
What it offers is described in legacy-server.mjs; there are no sessions in which to remember. The SDK
also takes the handshake of the 2025 era, but then not all of this works.
"""

import sys
from pathlib import Path

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import CallToolResult, ElicitRequest, ElicitRequestFormParams, InputRequiredResult, TextContent

STATE, PORT = Path(sys.argv[1]), int(sys.argv[2])
PAUSE_SECONDS = 0.02
NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}

server = MCPServer("matrix-modern-py", version="1.0.0")


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
async def ask(ctx: Context) -> CallToolResult | InputRequiredResult:
    answer = (ctx.input_responses or {}).get("name")
    if answer is None:
        question = ElicitRequestFormParams(message="What is your name?", requested_schema=NAME)
        return InputRequiredResult(input_requests={"name": ElicitRequest(params=question)}, request_state="asked once")
    return CallToolResult(content=[TextContent(text=f"hello, {answer.content['name']}")])


@server.tool(structured_output=False)
async def notify(ctx: Context) -> str:
    await ctx.info("something happened", logger_name="asked")
    await ctx.notify_tools_changed()
    return "notified"


@server.resource("matrix://note", mime_type="text/plain")
def note() -> str:
    return "a note of the new days"


@server.prompt()
def greeting(name: str) -> str:
    return f"Greet {name}"


if __name__ == "__main__":
    server.run("streamable-http", host="127.0.0.1", port=PORT)

// An MCP server of the 2025 era on the TypeScript SDK 1.x, with a session per connection.
//
// Usage:  legacy-server.mjs stdio STATE_DIR | sse STATE_DIR PORT | http STATE_DIR PORT
//         `sse` serves HTTP+SSE at /sse, `http` serves stateful Streamable HTTP at /mcp.
// What it offers is the same for each server of this folder:
//   echo {message}     the message, after `echo: `
//   slow {key}         reports progress without end; leaves a file STATE_DIR/cancelled-KEY behind
//                      once it is told to stop
//   ask {}             elicits `{name}` from the user and answers `hello, NAME`
//   notify {}          logs a message at level info, says that the list of tools changed
//   remember {value}   reports the value as progress, in the log, and answers with all that this
//                      session was given so far
//   matrix://note      a text resource;       greeting {name}   a prompt
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { ElicitResultSchema, isInitializeRequest } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';

const [mode, state, port] = process.argv.slice(2);

function session() {
    const server = new McpServer(
        { name: 'matrix-legacy', version: '1.0.0' },
        { capabilities: { logging: {}, tools: { listChanged: true } } },
    );
    const given = [];
    server.registerTool('echo', { inputSchema: { message: z.string() } }, ({ message }) => text(`echo: ${message}`));
    server.registerTool('slow', { inputSchema: { key: z.string() } }, async ({ key }, call) => {
        for (let step = 1; !call.signal.aborted; step += 1) {
            await progress(call, step, `still at it: ${key}`);
            await pause(call.signal);
        }
        writeFileSync(join(state, `cancelled-${key}`), String(call.requestId));
        return text('never heard');
    });
    server.registerTool('ask', {}, async (call) => {
        const answer = await call.sendRequest({ method: 'elicitation/create', params: QUESTION }, ElicitResultSchema);
        return text(answer.action === 'accept' ? `hello, ${answer.content.name}` : `no answer: ${answer.action}`);
    });
    server.registerTool('notify', {}, async (call) => {
        await log(call, 'something happened');
        // Not about this call: on Streamable HTTP it goes to the client's own event stream.
        await server.server.sendToolListChanged();
        return text('notified');
    });
    server.registerTool('remember', { inputSchema: { value: z.string() } }, async ({ value }, call) => {
        given.push(value);
        await progress(call, given.length, value);
        await log(call, value);
        await server.server.sendLoggingMessage({ level: 'info', logger: 'unasked', data: value });
        return text(JSON.stringify(given));
    });
    server.registerResource('note', 'matrix://note', { mimeType: 'text/plain' }, (uri) => ({
        contents: [{ uri: uri.href, mimeType: 'text/plain', text: 'a note of the old days' }],
    }));
    server.registerPrompt('greeting', { argsSchema: { name: z.string() } }, ({ name }) => ({
        messages: [{ role: 'user', content: { type: 'text', text: `Greet ${name}` } }],
    }));
    return server;
}

const QUESTION = {
    message: 'What is your name?',
    requestedSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
};
const PAUSE_MS = 20;

const text = (value) => ({ content: [{ type: 'text', text: value }] });

async function progress(call, step, message) {
    const progressToken = call._meta?.progressToken;
    if (progressToken === undefined) return;
    await call.sendNotification({ method: 'notifications/progress', params: { progressToken, progress: step, message } });
}

const log = (call, data) =>
    call.sendNotification({ method: 'notifications/message', params: { level: 'info', logger: 'asked', data } });

/** Until the call is given up, or the next step is due. */
const pause = (signal) =>
    new Promise((done) => {
        const due = setTimeout(done, PAUSE_MS);
        signal.addEventListener('abort', () => (clearTimeout(due), done()), { once: true });
    });

async function body(request) {
    let whole = '';
    for await (const chunk of request.setEncoding('utf8')) whole += chunk;
    return whole === '' ? undefined : JSON.parse(whole);
}

const transports = new Map();

async function serveSse(request, response) {
    const url = new URL(request.url, 'http://localhost');
    if (request.method === 'GET' && url.pathname === '/sse') {
        const transport = new SSEServerTransport('/message', response);
        transports.set(transport.sessionId, transport);
        response.on('close', () => transports.delete(transport.sessionId));
        return session().connect(transport);
    }
    const transport = url.pathname === '/message' && transports.get(url.searchParams.get('sessionId'));
    if (!transport) return void response.writeHead(404).end('not here');
    return transport.handlePostMessage(request, response);
}

async function serveStreamable(request, response) {
    if (request.url !== '/mcp') return void response.writeHead(404).end('not here');
    const parsed = request.method === 'POST' ? await body(request) : undefined;
    let transport = transports.get(request.headers['mcp-session-id']);
    if (!transport) {
        if (!isInitializeRequest(parsed)) {
            const known = request.headers['mcp-session-id'] === undefined ? 400 : 404;
            const error = { code: -32000, message: 'no such session' };
            response.writeHead(known, { 'content-type': 'application/json' });
            return void response.end(JSON.stringify({ jsonrpc: '2.0', error, id: null }));
        }
        transport = new StreamableHTTPServerTransport({
            sessionIdGenerator: randomUUID,
            onsessioninitialized: (id) => void transports.set(id, transport),
            onsessionclosed: (id) => void transports.delete(id),
        });
        await session().connect(transport);
    }
    return transport.handleRequest(request, response, parsed);
}

const serve = { sse: serveSse, http: serveStreamable }[mode];
if (serve) http.createServer((request, response) => void serve(request, response)).listen(Number(port), '127.0.0.1');
else await session().connect(new StdioServerTransport());

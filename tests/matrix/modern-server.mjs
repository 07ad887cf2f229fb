// An MCP server of revision 2026-07-28 and nothing else, on the TypeScript SDK 2.x: no session, no
// state between requests.
//
// Usage:  modern-server.mjs STATE_DIR PORT      serves http://127.0.0.1:PORT/mcp
// What it offers is described in legacy-server.mjs; there are no sessions in which to remember.
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { McpServer, acceptedContent, createMcpHandler, inputRequired } from '@modelcontextprotocol/server';
import { z } from 'zod';

const [state, port] = process.argv.slice(2);

function perRequest() {
    const server = new McpServer(
        { name: 'matrix-modern', version: '1.0.0' },
        { capabilities: { logging: {}, tools: { listChanged: true } } },
    );
    const tool = (name, inputs, action) => server.registerTool(name, { inputSchema: z.object(inputs) }, action);
    tool('echo', { message: z.string() }, ({ message }) => text(`echo: ${message}`));
    tool('slow', { key: z.string() }, async ({ key }, { mcpReq: call }) => {
        for (let step = 1; !call.signal.aborted; step += 1) {
            await progress(call, step, `still at it: ${key}`).catch(() => undefined);
            await pause(call.signal);
        }
        writeFileSync(join(state, `cancelled-${key}`), String(call.id));
        return text('never heard');
    });
    tool('ask', {}, (_inputs, { mcpReq: call }) => {
        const answer = acceptedContent(call.inputResponses, 'name', z.object({ name: z.string() }));
        if (answer) return text(`hello, ${answer.name}`);
        return inputRequired({ inputRequests: { name: inputRequired.elicit(QUESTION) }, requestState: 'asked once' });
    });
    tool('notify', {}, async (_inputs, { mcpReq: call }) => {
        await call.log('info', 'something happened', 'asked');
        handler.notify.toolsChanged();
        return text('notified');
    });
    server.registerResource('note', 'matrix://note', { mimeType: 'text/plain' }, (uri) => ({
        contents: [{ uri: uri.href, mimeType: 'text/plain', text: 'a note of the new days' }],
    }));
    server.registerPrompt('greeting', { argsSchema: z.object({ name: z.string() }) }, ({ name }) => ({
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
    await call.notify({ method: 'notifications/progress', params: { progressToken, progress: step, message } });
}

/** Until the call is given up, or the next step is due. */
const pause = (signal) =>
    new Promise((done) => {
        const due = setTimeout(done, PAUSE_MS);
        signal.addEventListener('abort', () => (clearTimeout(due), done()), { once: true });
    });

const handler = createMcpHandler(perRequest, { legacy: 'reject' });
http.createServer(toNodeHandler(handler)).listen(Number(port), '127.0.0.1');

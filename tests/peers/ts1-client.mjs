// The TypeScript SDK of the 1.x line (2025-era revisions only): the largest installed base.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { runJob } from './job.mjs';

/** What carries the messages: a program of its own when the job names one. */
function carrier({ url, fetch, headers, transport, command }) {
    if (command) return new StdioClientTransport({ command: command[0], args: command.slice(1), env: process.env });
    const Transport = transport === 'sse' ? SSEClientTransport : StreamableHTTPClientTransport;
    return new Transport(new URL(url), { fetch, requestInit: { headers } });
}

async function connect({ answer, hear, ...job }) {
    const capabilities = answer ? { elicitation: {} } : {};
    const client = new Client({ name: 'sallyport-ts1', version: '1.0.0' }, { capabilities });
    if (answer) client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: answer }));
    client.fallbackNotificationHandler = hear;
    await client.connect(carrier(job));
    return client;
}

await runJob({ connect, call: (client, params, options) => client.callTool(params, undefined, options) });

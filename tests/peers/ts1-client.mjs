// The TypeScript SDK of the 1.x line (2025-era revisions only): the largest installed base.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { runJob } from './job.mjs';

async function connect({ url, fetch, headers, transport, answer, hear }) {
    const capabilities = answer ? { elicitation: {} } : {};
    const client = new Client({ name: 'sallyport-ts1', version: '1.0.0' }, { capabilities });
    if (answer) client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: answer }));
    client.fallbackNotificationHandler = hear;
    const Transport = transport === 'sse' ? SSEClientTransport : StreamableHTTPClientTransport;
    await client.connect(new Transport(url, { fetch, requestInit: { headers } }));
    return client;
}

await runJob({ connect, call: (client, params, options) => client.callTool(params, undefined, options) });

// The TypeScript SDK of the 1.x line (2025-era revisions only): the largest installed base.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { runJob } from './job.mjs';

await runJob(async ({ url, fetch, headers, transport }) => {
    const client = new Client({ name: 'sallyport-ts1', version: '1.0.0' });
    const Transport = transport === 'sse' ? SSEClientTransport : StreamableHTTPClientTransport;
    await client.connect(new Transport(url, { fetch, requestInit: { headers } }));
    return client;
});

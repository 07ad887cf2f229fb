// The TypeScript SDK of the 1.x line (2025-era revisions only): the largest installed base.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { runJob } from './job.mjs';

await runJob(async ({ url, fetch, headers }) => {
    const client = new Client({ name: 'sallyport-ts1', version: '1.0.0' });
    await client.connect(new StreamableHTTPClientTransport(url, { fetch, requestInit: { headers } }));
    return client;
});

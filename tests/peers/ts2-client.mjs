// The TypeScript SDK of the 2.x line: 2025-era by default, `era: "auto"` probes for 2026-07-28 first.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { runJob } from './job.mjs';

await runJob(async ({ url, fetch, headers, era = 'legacy' }) => {
    const client = new Client(
        { name: 'sallyport-ts2', version: '1.0.0' },
        { versionNegotiation: { mode: ['legacy', 'auto'].includes(era) ? era : { pin: era } } },
    );
    await client.connect(new StreamableHTTPClientTransport(url, { fetch, requestInit: { headers } }));
    return client;
});

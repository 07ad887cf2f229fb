// The TypeScript SDK of the 2.x line: 2025-era by default, `era: "auto"` probes for 2026-07-28 first.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { runJob } from './job.mjs';

async function connect({ url, fetch, headers, era = 'legacy', answer, hear }) {
    const client = new Client(
        { name: 'sallyport-ts2', version: '1.0.0' },
        {
            capabilities: answer ? { elicitation: {} } : {},
            versionNegotiation: { mode: ['legacy', 'auto'].includes(era) ? era : { pin: era } },
        },
    );
    if (answer) client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: answer }));
    client.fallbackNotificationHandler = hear;
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { fetch, requestInit: { headers } }));
    return client;
}

await runJob({ connect, call: (client, params, options) => client.callTool(params, options) });

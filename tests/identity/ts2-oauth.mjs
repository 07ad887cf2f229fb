// The TypeScript SDK of the 2.x line with its own OAuth client: jobs and results as in job.mjs.
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { Application, agreeing } from './browser.mjs';
import { runJob } from './job.mjs';

const application = new Application();
let transport;
const how = {
    isUnauthorized: (error) => error instanceof UnauthorizedError,
    finish: (parameters) => transport.finishAuth(parameters),
};

async function connect({ url, fetch, era = 'legacy' }) {
    return agreeing(application, how, async () => {
        transport = new StreamableHTTPClientTransport(new URL(url), { fetch, authProvider: application });
        const client = new Client(
            { name: 'sallyport-ts2-oauth', version: '1.0.0' },
            { versionNegotiation: { mode: ['legacy', 'auto'].includes(era) ? era : { pin: era } } },
        );
        await client.connect(transport);
        return client;
    });
}

await runJob({
    connect,
    call: (client, params, options) => agreeing(application, how, () => client.callTool(params, options)),
});

// The TypeScript SDK of the 1.x line with its own OAuth client: jobs and results as in job.mjs.
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Application, agreeing } from './browser.mjs';
import { runJob } from './job.mjs';

const application = new Application();
let transport;
const how = {
    isUnauthorized: (error) => error instanceof UnauthorizedError,
    finish: (parameters) => transport.finishAuth(parameters.get('code')),
};

async function connect({ url, fetch }) {
    return agreeing(application, how, async () => {
        transport = new StreamableHTTPClientTransport(new URL(url), { fetch, authProvider: application });
        const client = new Client({ name: 'sallyport-ts1-oauth', version: '1.0.0' });
        await client.connect(transport);
        return client;
    });
}

await runJob({
    connect,
    call: (client, params, options) =>
        agreeing(application, how, () => client.callTool(params, undefined, options)),
});

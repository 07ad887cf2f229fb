// What both TypeScript clients share: read one job from stdin, do its steps, print one JSON result.
//
// Job:    {url, token?, era?, transport?, steps: [{op, ...}]}; `era` is the SDK's own negotiation mode;
//         `transport` is `sse` for the HTTP+SSE of 2024.
// Result: {connected, steps: [...]}, each of them {ok: true, result, http} or {ok: false, error, http}:
//         error = {code, message}, as the SDK gave it; http = every exchange of that step, as
//         {method, status, challenge}, because the SDKs do not hand all of this to their caller.
// Exit:   0 also for refusals; 1 when an answer never came (no connection, no trust in TLS).
// Trust in the gateway's certificate comes from NODE_EXTRA_CA_CERTS.

/** Runs the job on `connect({url, fetch, headers, era})`, which must return a connected SDK client. */
export async function runJob(connect) {
    const job = JSON.parse(await readAll(process.stdin));
    const wire = new Wire();
    const headers = job.token ? { Authorization: `Bearer ${job.token}` } : {};

    let client;
    const connected = await wire.observe(async () => {
        client = await connect({ url: new URL(job.url), fetch: wire.fetch, headers, era: job.era, transport: job.transport });
        return { server: client.getServerVersion(), capabilities: client.getServerCapabilities() };
    });
    const steps = [];
    for (const step of connected.ok ? job.steps : []) {
        steps.push(await wire.observe(() => perform(client, step)));
    }
    await new Promise((done) => process.stdout.write(`${JSON.stringify({ connected, steps })}\n`, done));
    // Not `client.close()`: an open event stream must not keep the process alive.
    process.exit(wire.broken ? 1 : 0);
}

function perform(client, step) {
    switch (step.op) {
        case 'list_tools': return client.listTools();
        case 'call': return client.callTool({ name: step.name, arguments: step.arguments });
        case 'list_resources': return client.listResources();
        case 'read_resource': return client.readResource({ uri: step.uri });
        case 'list_prompts': return client.listPrompts();
        case 'get_prompt': return client.getPrompt({ name: step.name, arguments: step.arguments });
        default: throw new Error(`unknown op \`${step.op}\``);
    }
}

/** The SDK's `fetch`, watched: what was asked and answered, and whether an answer failed to come. */
class Wire {
    broken = false;
    #exchanges = [];

    fetch = async (url, init = {}) => {
        const exchange = { method: init.method ?? 'GET', status: null, challenge: null };
        this.#exchanges.push(exchange);
        try {
            const response = await fetch(url, init);
            exchange.status = response.status;
            exchange.challenge = response.headers.get('www-authenticate');
            return response;
        } catch (error) {
            // Leaving at the end also aborts the event stream: that is not a broken wire.
            if (error.name !== 'AbortError') {
                this.broken = true;
                exchange.failure = String(error.cause?.message ?? error.message);
            }
            throw error;
        }
    };

    async observe(action) {
        this.#exchanges = [];
        const http = this.#exchanges;
        try {
            return { ok: true, result: await action(), http };
        } catch (error) {
            const { code = null, message } = error;
            return { ok: false, error: { kind: error.constructor.name, code, message }, http };
        }
    }
}

async function readAll(stream) {
    let text = '';
    for await (const chunk of stream.setEncoding('utf8')) text += chunk;
    return text;
}

// What both TypeScript clients share: read one job from stdin, do its steps, print one JSON result.
//
// Job:    {url, token?, era?, transport?, command?, answer?, keep?, steps: [{op, ...}]}; `era` is the SDK's
//         own negotiation mode, `transport: "sse"` the one of 2024-11-05, `command` a program to talk
//         to in place of a URL, `answer` what the user says when the server asks (without it, the
//         client cannot be asked), `keep` a file for the bytes of all answers, heads included.
// Result: {connected, steps: [...], heard: [{method, params}], canaries: {NAME: count}}: `heard` are
//         all notifications, `canaries` how often `canary-NAME` stood in the bytes of any answer;
//         each of the others {ok: true, result, http} or {ok: false, error, http}:
//         error = {code, message}, as the SDK gave it; http = every exchange of that step, as
//         {method, status, challenge}, because the SDKs do not hand all of this to their caller.
// Exit:   0 also for refusals; 1 when an answer never came (no connection, no trust in TLS).
// Trust in the gateway's certificate comes from NODE_EXTRA_CA_CERTS.
import { appendFileSync } from 'node:fs';

/**
 * Runs the job on an SDK: `connect({...job, fetch, headers, hear})` must return a connected client
 * that gives notifications to `hear`; `call(client, params, options)` is its call
 * of a tool with the options that the SDK has for a request.
 */
export async function runJob({ connect, call }) {
    const job = JSON.parse(await readAll(process.stdin));
    const wire = new Wire(job.keep);
    const headers = job.token ? { Authorization: `Bearer ${job.token}` } : {};
    const heard = new Heard();

    let client;
    const connected = await wire.observe(async () => {
        client = await connect({ ...job, fetch: wire.fetch, headers, hear: (each) => heard.add(each) });
        return { server: client.getServerVersion(), capabilities: client.getServerCapabilities() };
    });
    const steps = [];
    for (const step of connected.ok ? job.steps : []) {
        steps.push(await wire.observe(() => perform(client, step, { call, heard })));
    }
    if (job.keep) await wire.settled();
    const result = JSON.stringify({ connected, steps, heard: heard.all, canaries: wire.canaries() });
    await new Promise((done) => process.stdout.write(`${result}\n`, done));
    // Not `client.close()`: an open event stream must not keep the process alive.
    process.exit(wire.broken ? 1 : 0);
}

function perform(client, step, { call, heard }) {
    switch (step.op) {
        case 'list_tools': return client.listTools();
        case 'call': return callTool(client, step, call);
        case 'cancel': return giveUp(client, step, call);
        case 'listen': return client.listen(step.filter).then(() => null);
        case 'set_level': return client.setLoggingLevel(step.level);
        case 'hear': return provoke(client, step, { call, heard });
        case 'hammer': return hammer(client, step, call);
        case 'list_resources': return client.listResources();
        case 'read_resource': return client.readResource({ uri: step.uri });
        case 'list_prompts': return client.listPrompts();
        case 'get_prompt': return client.getPrompt({ name: step.name, arguments: step.arguments });
        default: throw new Error(`unknown op \`${step.op}\``);
    }
}

const callTool = (client, { name, arguments: args, meta }, call) =>
    call(client, { name, arguments: args, ...(meta && { _meta: meta }) });

/** Calls, and gives up as soon as the server reports progress. */
async function giveUp(client, { name, arguments: args }, call) {
    const patience = new AbortController();
    const progress = [];
    const onprogress = (each) => (progress.push(each), patience.abort('enough'));
    let result;
    try {
        result = await call(client, { name, arguments: args }, { signal: patience.signal, onprogress });
    } catch (error) {
        if (!patience.signal.aborted) throw error;
        return { given_up: String(error.message ?? error), progress };
    }
    throw new Error(`answered before it was given up: ${JSON.stringify(result)}`);
}

/**
 * Calls `name` until a notification of `method` was heard: nobody knows when the stream stands on
 * which a server of the 2025 era speaks unasked.
 */
async function provoke(client, step, { call, heard }) {
    for (let tries = 0; tries < HEAR_TRIES_MAX; tries += 1) {
        await callTool(client, step, call);
        const found = await heard.first(step.method);
        if (found) return found;
    }
    throw new Error(`never heard \`${step.method}\``);
}

/** Calls `name` with `count` values of its own, `parallel` at a time. Returns the texts of the answers. */
async function hammer(client, { name, count, parallel, value }, call) {
    const texts = [];
    let next = 0;
    const worker = async () => {
        while (next < count) {
            const args = { value: `${value}-${next++}` };
            const result = await call(client, { name, arguments: args, _meta: LOGGED }, { onprogress: () => {} });
            texts.push({ asked: args.value, text: result.content[0].text });
        }
    };
    await Promise.all(Array.from({ length: parallel }, worker));
    return texts;
}

const LOGGED = { 'io.modelcontextprotocol/logLevel': 'info' };

/** The notifications that came, and whoever waits for one. */
class Heard {
    all = [];
    #waiting = [];

    add({ method, params }) {
        this.all.push({ method, params });
        this.#waiting = this.#waiting.filter((each) => !each.satisfied());
    }

    /** The first of this method, or nothing when it did not come soon. */
    first(method) {
        const find = () => this.all.find((each) => each.method === method);
        return new Promise((resolve) => {
            const late = setTimeout(() => resolve(undefined), HEAR_MS_MAX);
            const satisfied = () => {
                const found = find();
                if (found) resolve(found), clearTimeout(late);
                return Boolean(found);
            };
            if (!satisfied()) this.#waiting.push({ satisfied });
        });
    }
}

const HEAR_MS_MAX = 1_000;
const HEAR_TRIES_MAX = 10;

/** The SDK's `fetch`, watched: what was asked and answered, and whether an answer failed to come. */
class Wire {
    broken = false;
    #exchanges = [];
    #texts = [];
    #reading = [];
    #keep;

    constructor(keep) {
        this.#keep = keep;
    }

    fetch = async (url, init = {}) => {
        const exchange = { method: init.method ?? 'GET', status: null, challenge: null };
        this.#exchanges.push(exchange);
        try {
            const response = await fetch(url, init);
            exchange.status = response.status;
            exchange.challenge = response.headers.get('www-authenticate');
            if (this.#keep) appendFileSync(this.#keep, `${response.status} ${JSON.stringify([...response.headers])}\n`);
            const reading = this.#watch(response.clone());
            // The event stream (GET) has no end of its own.
            if (exchange.method === 'POST') this.#reading.push(reading);
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

    /** Reads along, whatever the SDK makes of it, until the answer ends or is given up. */
    async #watch(response) {
        const seen = { text: '' };
        this.#texts.push(seen);
        try {
            for await (const chunk of response.body ?? []) {
                seen.text += Buffer.from(chunk).toString('latin1');
                if (this.#keep) appendFileSync(this.#keep, chunk);
            }
            if (this.#keep) appendFileSync(this.#keep, '\n');
        } catch {
            // The SDK has the same failure and reports it.
        }
    }

    /** Waits until the answers to all messages are read, but not for ever. */
    settled() {
        return Promise.race([Promise.all(this.#reading), new Promise((resolve) => setTimeout(resolve, HEAR_MS_MAX))]);
    }

    /** How often the bytes of all answers held each canary. */
    canaries() {
        const counts = {};
        for (const { text } of this.#texts)
            for (const [, name] of text.matchAll(/canary-([a-z]+)/g)) counts[name] = (counts[name] ?? 0) + 1;
        return counts;
    }

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

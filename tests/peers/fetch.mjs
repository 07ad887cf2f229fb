// Plain HTTP requests, for what no SDK hands to its caller.
// Reads {url, method?, headers?, body?, h2?} from stdin and prints {status, headers, body}; `h2` asks
// over HTTP/2. Reads a list of them as well, asks one after the other, and prints a list: in it,
// {failed} stands for one that had no answer.
import http2 from 'node:http2';

const SILENCE_MS_MAX = 10_000;

let text = '';
for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk;
const asked = JSON.parse(text);
if (Array.isArray(asked)) {
    const answers = [];
    for (const each of asked) answers.push(await ask(each).catch((error) => ({ failed: String(error.cause ?? error) })));
    console.log(JSON.stringify(answers));
} else {
    console.log(JSON.stringify(await ask(asked)));
}

async function ask({ url, h2, ...init }) {
    if (h2) return askOverHttp2(url, init);
    const answer = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(SILENCE_MS_MAX) });
    return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() };
}

function askOverHttp2(url, { method = 'GET', headers = {}, body }) {
    const { origin, pathname, search } = new URL(url);
    const session = http2.connect(origin);
    return new Promise((resolve, reject) => {
        session.on('error', reject);
        const head = { ...headers, ':method': method, ':path': pathname + search };
        const stream = session.request(head, { endStream: !body });
        const answer = { status: null, headers: {}, body: '' };
        stream.setTimeout(SILENCE_MS_MAX, () => stream.destroy(new Error('silence')));
        stream.on('response', (head) => Object.assign(answer, { status: head[':status'], headers: head }));
        stream.on('error', reject);
        stream.setEncoding('utf8').on('data', (chunk) => (answer.body += chunk));
        stream.on('end', () => resolve(answer));
        if (body) stream.end(body);
    }).finally(() => session.close());
}

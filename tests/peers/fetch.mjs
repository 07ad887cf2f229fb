// One plain HTTP request, for what no SDK hands to its caller.
// Reads {url, method?, headers?, body?} from stdin and prints {status, headers, body}.
let text = '';
for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk;
const { url, ...init } = JSON.parse(text);
const answer = await fetch(url, { ...init, redirect: 'manual' });
const headers = Object.fromEntries(answer.headers);
console.log(JSON.stringify({ status: answer.status, headers, body: await answer.text() }));

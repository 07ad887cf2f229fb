// A client that proves what it holds: gets a token of `oidc-provider.mjs` by client credentials that
// is bound to a key (DPoP, RFC 9449) or to a certificate (RFC 8705), and proofs for its use.
//
// Reads one JSON job from stdin: {token_endpoint, client, secret?, scope, resource,
//   dpop?: true              binds to a new key; with `proof: {htm, htu, nonce?}` two proofs for that
//                            request
//   tls?: {cert, key, ca}    PEM files: the connection's certificate, and whom to trust
// Prints {status, body, jwk?, proofs?}: the token response, the public key, the proofs.
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';

let text = '';
for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk;
const job = JSON.parse(text);
const pair = job.dpop && (await generateKeyPair('ES256', { extractable: true }));
const jwk = pair && (await exportJWK(pair.publicKey));

const prove = (htm, htu, more = {}) =>
    new SignJWT({ htm, htu, jti: randomUUID(), ...more })
        .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk })
        .setIssuedAt()
        .sign(pair.privateKey);

async function ask(nonce) {
    const form = new URLSearchParams({
        grant_type: 'client_credentials', client_id: job.client, scope: job.scope, resource: job.resource,
        ...(job.secret && { client_secret: job.secret }),
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    if (pair) headers.dpop = await prove('POST', job.token_endpoint, nonce && { nonce });
    const files = Object.fromEntries(Object.entries(job.tls ?? {}).map(([name, file]) => [name, readFileSync(file)]));
    const { request } = job.token_endpoint.startsWith('https:') ? https : http;
    return new Promise((resolve, reject) => {
        const asking = request(job.token_endpoint, { method: 'POST', headers, ...files }, async (answer) => {
            let body = '';
            for await (const chunk of answer.setEncoding('utf8')) body += chunk;
            resolve({ status: answer.statusCode, nonce: answer.headers['dpop-nonce'], body: JSON.parse(body) });
        });
        asking.on('error', reject).end(form.toString());
    });
}

let { status, nonce, body } = await ask();
if (body.error === 'use_dpop_nonce') ({ status, body } = await ask(nonce));
const ath = body.access_token && createHash('sha256').update(body.access_token).digest('base64url');
const { htm, htu, ...more } = job.proof ?? {};
const proofs = htm && (await Promise.all([1, 2].map(() => prove(htm, htu, { ath, ...more }))));
console.log(JSON.stringify({ status, body, jwk, proofs }));

// A real, certified authorization server (npm `oidc-provider`) with everything that the gateway's
// tests of identity need, on free loopback ports, without a browser.
//
// Usage:  oidc-provider.mjs [OPTIONS]    OPTIONS is one JSON object, every member optional:
//           scopes:   [NAME, ...]          scopes of every resource
//           clients:  {NAME: {scopes, ...}} clients known from the start; by default for client
//                                          credentials with a secret, other members are client
//                                          metadata (RFC 7591), such as
//                                          {"token_endpoint_auth_method": "self_signed_tls_client_auth",
//                                           "tls_client_certificate_bound_access_tokens": true, "jwks": …}
//           opaque:   [URL, ...]           resources whose tokens are opaque, for introspection;
//                                          all others get JWTs (RFC 9068)
//           tls:      {cert, key, ca}      PEM files: https in place of http; a client certificate
//                                          is asked for, and needs no authority
//           ttl_s:    lifetime of access tokens, in seconds
//           jwks_max_age_s: `max-age` of the key set; without it the set says nothing
//           refresh:  true                 offers `offline_access` and refresh tokens
//           nonce:    true                 asks for a DPoP nonce (RFC 9449 section 8)
//           audience: URI                  of every token; the provider knows no other resource and
//                                          refuses requests that name one, as many do
//           registration: false            clients are those known from the start
//           user:     NAME                 who logs in whenever somebody has to; default "alice"
// Prints: one JSON line once it serves: {issuer, jwks_uri, token_endpoint, introspection_endpoint,
//           revocation_endpoint, registration_endpoint, control, secrets: {NAME: secret}}.
// Offers: authorization code with PKCE (S256 alone), client credentials, resource indicators
//         (RFC 8707: `aud` is the resource, and nothing else), dynamic registration (open),
//         introspection, revocation, DPoP (`cnf.jkt`), certificate-bound tokens (`cnf.x5t#S256`,
//         with `tls`), `iss` in responses (RFC 9207), token exchange (RFC 8693: an access token of
//         this server for one of another resource, same subject, within its scopes; `act` names
//         the client that asked).
// Login and consent answer themselves: whoever follows the redirects, with cookies, arrives at the
//         client's redirect URI with a code.
//
// Control: plain HTTP on the loopback address `control`, every answer JSON:
//   POST /rotate   a new key signs from now on; older ones stay published   → {kid, published}
//   POST /publish  a new key is published and does not sign yet             → {kid, published}
//   POST /promote  the key published last signs from now on                 → {kid, published}
//   POST /retire   only the key that signs stays published                  → {kid, published}
//   POST /sign     body {header?, claims, key?: "retired"}: signs anything with the current key, or
//                  with the one retired last (who stole it goes on)         → {token}
//   POST /user     body {name}: who logs in from now on                     → {name}
//   POST /refuse   body {interactions: bool}: consent is refused (`access_denied`) → the body
//   GET  /seen?route=NAME  what was asked of it: {route, status, client, pkce, params} with secrets
//                  left out, oldest first; routes are oidc-provider's, such as `authorization`,
//                  `token`, `registration`, `introspection`, `jwks`          → {requests}
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { SignJWT, createLocalJWKSet, exportJWK, generateKeyPair, importJWK, jwtVerify } from 'jose';
import Provider, { errors } from 'oidc-provider';

const OPTIONS = {
    scopes: [], clients: {}, opaque: [], tls: null, ttl_s: 600, jwks_max_age_s: null, refresh: false, nonce: false,
    audience: null, registration: true, user: 'alice',
};
const ALG = 'ES256';
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
/** The defaults of oidc-provider. */
const AUTH_METHODS = ['client_secret_basic', 'client_secret_jwt', 'client_secret_post', 'private_key_jwt', 'none'];
const SEEN_MAX = 100_000;
const BODY_BYTES_MAX = 64 * 1024;

const options = { ...OPTIONS, ...JSON.parse(process.argv[2] ?? '{}') };
const cookies = { keys: [randomBytes(24).toString('base64url')] };
const nonceSecret = randomBytes(32);
const store = new Map();
const seen = [];
const state = { user: options.user, refuses: false, keys: [await key()], retired: null };

const { server, origin } = await listen(options.tls);
const clients = Object.entries(options.clients).map(([name, its]) => client(name, its));
let provider = build();
server.on('request', (request, response) => void serve(request, response));
const control = http.createServer((request, response) => void answer(request, response));
await once(control.listen(0, '127.0.0.1'), 'listening');

console.log(JSON.stringify({
    issuer: origin,
    jwks_uri: `${origin}/jwks`, // oidc-provider's default routes
    token_endpoint: `${origin}/token`,
    introspection_endpoint: `${origin}/token/introspection`,
    revocation_endpoint: `${origin}/token/revocation`,
    registration_endpoint: `${origin}/reg`,
    control: `http://127.0.0.1:${control.address().port}`,
    secrets: Object.fromEntries(clients.map((each) => [each.client_id, each.client_secret])),
}));

async function listen(tls) {
    const asking = { requestCert: true, rejectUnauthorized: false };
    const server = tls
        ? https.createServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key), ...asking })
        : http.createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return { server, origin: `${tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}` };
}

async function key() {
    const { privateKey } = await generateKeyPair(ALG, { extractable: true });
    return { ...(await exportJWK(privateKey)), kid: randomBytes(8).toString('hex'), alg: ALG, use: 'sig' };
}

/** The keys of a provider are fixed when it is made: other keys make another one, on the same store. */
function build() {
    const made = new Provider(origin, configuration());
    made.registerGrantType(TOKEN_EXCHANGE, exchange, ['subject_token', 'subject_token_type', 'resource', 'scope']);
    made.use(async (ctx, next) => {
        await next();
        const { route, params, client } = ctx.oidc ?? {};
        if (route && seen.length < SEEN_MAX) {
            const { code, code_verifier, client_secret, subject_token, token, refresh_token, ...said } = params ?? {};
            seen.push({ route, status: ctx.status, client: client?.clientId, pkce: Boolean(code_verifier), params: said });
        }
    });
    return made;
}

function client(name, { scopes = [], ...metadata }) {
    return {
        client_id: name,
        client_secret: randomBytes(24).toString('base64url'),
        grant_types: ['client_credentials', TOKEN_EXCHANGE],
        response_types: [],
        redirect_uris: [],
        token_endpoint_auth_method: 'client_secret_post',
        // A client without this member may have every scope there is, and one with a scope that is
        // unknown is refused whenever it comes.
        scope: scopes.join(' ') || 'openid',
        ...metadata,
    };
}

function configuration() {
    const offline = options.refresh ? ['offline_access'] : [];
    return {
        adapter: Memory,
        clients,
        ...(options.tls && { clientAuthMethods: [...AUTH_METHODS, 'self_signed_tls_client_auth'] }),
        // SDKs authenticate as they please; its default for signatures, RS256, has no key here.
        clientDefaults: { id_token_signed_response_alg: ALG },
        cookies,
        findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
        interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
        issueRefreshToken: (_ctx, each, code) =>
            options.refresh && each.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
        jwks: { keys: state.keys },
        pkce: { required: () => true },
        scopes: ['openid', ...offline, ...options.scopes],
        ttl: { ClientCredentials: options.ttl_s, AccessToken: options.ttl_s, Grant: 3600, Session: 3600, Interaction: 600 },
        features: {
            devInteractions: { enabled: false },
            clientCredentials: { enabled: true },
            dPoP: { enabled: true, ...(options.nonce && { nonceSecret, requireNonce: () => true }) },
            introspection: { enabled: true, allowedPolicy: () => true },
            revocation: { enabled: true },
            registration: { enabled: options.registration },
            mTLS: {
                enabled: Boolean(options.tls),
                certificateBoundAccessTokens: true,
                selfSignedTlsClientAuth: true,
                getCertificate: (ctx) => ctx.socket.getPeerX509Certificate?.()?.toString(),
            },
            resourceIndicators: {
                enabled: true,
                // Where the token request names no resource, that of the authorization counts.
                useGrantedResource: () => true,
                ...(options.audience && { defaultResource: () => options.audience }),
                getResourceServerInfo: (ctx, resource) => {
                    const named = ctx.query.resource ?? ctx.oidc.body?.resource;
                    if (!URL.canParse(resource) || (options.audience && named)) throw new errors.InvalidTarget();
                    const opaque = options.opaque.includes(resource);
                    return {
                        scope: [...offline, ...options.scopes].join(' '),
                        audience: resource,
                        accessTokenTTL: options.ttl_s,
                        accessTokenFormat: opaque ? 'opaque' : 'jwt',
                        ...(!opaque && { jwt: { sign: { alg: ALG } } }),
                    };
                },
            },
        },
    };
}

async function serve(request, response) {
    try {
        const { pathname } = new URL(request.url, origin);
        if (pathname.startsWith('/interaction/')) return await interact(request, response);
        if (pathname === '/jwks' && options.jwks_max_age_s !== null) {
            response.setHeader('cache-control', `max-age=${options.jwks_max_age_s}`);
        }
        if (pathname === '/reg' && request.method === 'POST') {
            // SDKs register for the scopes of their first challenge. A server that held them to it
            // could never grant more, whatever a later challenge says.
            const { scope: _, ...metadata } = await body(request);
            request.body = JSON.stringify(metadata);
        }
        provider.callback()(request, response);
    } catch (error) {
        console.error(error);
        response.writeHead(500).end();
    }
}

/** Logs in and agrees to all that is asked for. */
async function interact(request, response) {
    const details = await provider.interactionDetails(request, response);
    const { prompt, params, session, grantId } = details;
    const finish = (result) =>
        provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
    if (state.refuses) return finish({ error: 'access_denied', error_description: 'the user said no' });
    if (prompt.name === 'login') return finish({ login: { accountId: state.user } });
    const grant = (grantId && (await provider.Grant.find(grantId)))
        || new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    const { missingOIDCScope = [], missingResourceScopes = {} } = prompt.details;
    if (missingOIDCScope.length > 0) grant.addOIDCScope(missingOIDCScope.join(' '));
    for (const [resource, scopes] of Object.entries(missingResourceScopes)) {
        grant.addResourceScope(resource, scopes.join(' '));
    }
    return finish({ consent: { grantId: await grant.save() } });
}

/** RFC 8693 section 2, impersonation with an `act` claim, for JWTs of this server. */
async function exchange(ctx) {
    const { subject_token: subject, subject_token_type: type, resource, scope } = ctx.oidc.params;
    if (type !== 'urn:ietf:params:oauth:token-type:access_token') throw new errors.InvalidRequest('subject_token_type');
    if (!URL.canParse(resource)) throw new errors.InvalidTarget();
    const keys = createLocalJWKSet({ keys: state.keys.map(({ d: _, ...rest }) => rest) });
    const checks = { issuer: origin, typ: 'at+jwt', algorithms: [ALG] };
    const { payload } = await jwtVerify(subject, keys, checks).catch(() => {
        throw new errors.InvalidGrant('subject_token');
    });
    const held = (payload.scope ?? '').split(' ');
    const granted = (scope ?? payload.scope ?? '').split(' ').filter((each) => held.includes(each)).join(' ');
    const actor = ctx.oidc.client.clientId;
    const token = await sign(state.keys[0], { typ: 'at+jwt' }, {
        iss: origin, aud: resource, sub: payload.sub, client_id: actor, scope: granted, act: { sub: actor },
        iat: now(), exp: now() + options.ttl_s, jti: randomBytes(12).toString('base64url'),
    });
    ctx.body = {
        access_token: token, issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        token_type: 'Bearer', expires_in: options.ttl_s, scope: granted,
    };
}

const now = () => Math.floor(Date.now() / 1000);

async function sign(jwk, header, claims) {
    const protectedHeader = { alg: ALG, kid: jwk.kid, ...header };
    return new SignJWT(claims).setProtectedHeader(protectedHeader).sign(await importJWK(jwk, ALG));
}

async function answer(request, response) {
    const { pathname, searchParams } = new URL(request.url, origin);
    const actions = {
        'POST /rotate': async () => replaceKeys([await key(), ...state.keys]),
        'POST /publish': async () => replaceKeys([...state.keys, await key()]),
        'POST /promote': () => replaceKeys([state.keys.at(-1), ...state.keys.slice(0, -1)]),
        'POST /retire': () => {
            state.retired = state.keys[1] ?? state.retired;
            return replaceKeys(state.keys.slice(0, 1));
        },
        'POST /sign': async ({ header = { typ: 'at+jwt' }, claims, key: which }) => {
            const jwk = which === 'retired' ? state.retired : state.keys[0];
            return { token: await sign(jwk, header, claims) };
        },
        'POST /user': ({ name }) => ((state.user = name), { name }),
        'POST /refuse': ({ interactions }) => ((state.refuses = interactions), { interactions }),
        'GET /seen': () => ({ requests: seen.filter(({ route }) => route === searchParams.get('route')) }),
    };
    const action = actions[`${request.method} ${pathname}`];
    const said = request.method === 'POST' ? await body(request) : {};
    const result = action ? await action(said) : { error: 'unknown' };
    response.writeHead(action ? 200 : 404, { 'content-type': 'application/json', connection: 'close' });
    response.end(JSON.stringify(result));
}

function replaceKeys(keys) {
    state.keys = keys;
    provider = build();
    return { kid: keys[0].kid, published: keys.map((each) => each.kid) };
}

async function body(request) {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) {
        text += chunk;
        if (text.length > BODY_BYTES_MAX) throw new Error('body too long');
    }
    return JSON.parse(text || '{}');
}

/** What `oidc-provider` asks of a store; one for all providers that follow each other. */
function Memory(model) {
    const at = (id) => `${model}:${id}`;
    const all = () => [...store.entries()].filter(([name]) => name.startsWith(`${model}:`));
    const by = (member, value) => all().find(([, each]) => each[member] === value)?.[1];
    return {
        upsert: async (id, payload) => void store.set(at(id), payload),
        find: async (id) => store.get(at(id)),
        findByUid: async (uid) => by('uid', uid),
        findByUserCode: async (code) => by('userCode', code),
        consume: async (id) => void (store.get(at(id)).consumed = now()),
        destroy: async (id) => void store.delete(at(id)),
        revokeByGrantId: async (grantId) => {
            for (const [name, each] of store) if (each.grantId === grantId) store.delete(name);
        },
    };
}

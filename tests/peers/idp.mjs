// A real, certified authorization server (npm `oidc-provider`) on a free loopback port.
//
// Usage:  idp.mjs [OPTIONS]     OPTIONS is one JSON object, every member optional:
//           clients: {NAME: [scope, ...]}   who may ask for what (client credentials only)
//           tls:     {cert, key}            PEM files: serve https instead of http
//           ttl_s:   lifetime of the tokens, in seconds
//           claims:  {NAME: value}          what every token says besides
// Prints: one JSON line {issuer, jwks_uri, token_endpoint, secrets: {NAME: secret}} once it serves.
// Tokens: JWT (RFC 9068: `typ: at+jwt`), ES256; `aud` is the `resource` asked for (RFC 8707) and
//         nothing else; `scope` is what was asked for, within what the client may have; `roles`
//         holds the client's name.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { exportJWK, generateKeyPair } from 'jose';
import Provider, { errors } from 'oidc-provider';

const OPTIONS = { clients: {}, tls: null, ttl_s: 600, claims: {} };

const options = { ...OPTIONS, ...JSON.parse(process.argv[2] ?? '{}') };
const { server, origin } = await listen(options.tls);
const clients = Object.entries(options.clients).map(([name, scopes]) => client(name, scopes));
const provider = new Provider(origin, await configuration(clients, options));
server.on('request', provider.callback());

console.log(JSON.stringify({
    issuer: origin,
    jwks_uri: `${origin}/jwks`, // oidc-provider's default routes
    token_endpoint: `${origin}/token`,
    secrets: Object.fromEntries(clients.map((each) => [each.client_id, each.client_secret])),
}));

async function listen(tls) {
    const server = tls
        ? https.createServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) })
        : http.createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return { server, origin: `${tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}` };
}

/** A machine client; its secret lives as long as this process. */
function client(name, scopes) {
    return {
        client_id: name,
        client_secret: randomBytes(24).toString('base64url'),
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
        token_endpoint_auth_method: 'client_secret_post',
        // Its default is RS256, for which there is no key here.
        id_token_signed_response_alg: 'ES256',
        // A client without this member may have every scope there is.
        scope: scopes.join(' ') || 'nothing',
    };
}

async function configuration(clients, { ttl_s: ttl, claims }) {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const scopes = [...new Set(clients.flatMap((each) => each.scope.split(' ').filter(Boolean)))];
    return {
        clients,
        scopes,
        jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig' }] },
        ttl: { ClientCredentials: ttl },
        // A machine's role is its name.
        extraTokenClaims: (_context, token) => ({ ...claims, roles: [token.clientId] }),
        features: {
            devInteractions: { enabled: false },
            clientCredentials: { enabled: true },
            resourceIndicators: {
                enabled: true,
                getResourceServerInfo: (_context, resource) => {
                    if (!URL.canParse(resource)) throw new errors.InvalidTarget();
                    return {
                        scope: scopes.join(' '),
                        audience: resource,
                        accessTokenFormat: 'jwt',
                        accessTokenTTL: ttl,
                        jwt: { sign: { alg: 'ES256' } },
                    };
                },
            },
        },
    };
}

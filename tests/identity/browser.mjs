// What a browser and its user do in an authorization, without either: follows redirects with
// cookies from the authorization endpoint until they lead to the client's redirect URI.

/** The redirect URI as it was called, with its parameters. `fetch` is Node's own: no SDK watches. */
export async function follow(authorizationUrl, redirectUri) {
    const cookies = new Map();
    let url = new URL(authorizationUrl);
    for (let hops = 0; hops < HOPS_MAX; hops += 1) {
        const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
        const answer = await fetch(url, { redirect: 'manual', headers: { cookie } });
        for (const line of answer.headers.getSetCookie()) {
            const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
            if (value) cookies.set(name, value);
            else cookies.delete(name);
        }
        const next = answer.headers.get('location');
        if (!next) throw new Error(`no redirect at ${url.pathname}: ${answer.status} ${await answer.text()}`);
        url = new URL(next, url);
        if (url.href.startsWith(redirectUri)) return url;
    }
    throw new Error('the redirects lead nowhere');
}

/** A public client of one user, in memory: what both TypeScript SDKs ask of an application. */
export class Application {
    redirectUrl = 'http://127.0.0.1:1/callback';
    clientMetadata = {
        client_name: 'sallyport-tests',
        redirect_uris: [this.redirectUrl],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
        application_type: 'native',
    };
    #kept = {};
    #asked = null;

    state = () => (this.#kept.state = crypto.randomUUID());
    clientInformation = () => this.#kept.client;
    saveClientInformation = (client) => void (this.#kept.client = client);
    tokens = () => this.#kept.tokens;
    saveTokens = (tokens) => void (this.#kept.tokens = tokens);
    codeVerifier = () => this.#kept.verifier;
    saveCodeVerifier = (verifier) => void (this.#kept.verifier = verifier);
    redirectToAuthorization = (url) => void (this.#asked = url);
    discoveryState = () => this.#kept.discovery;
    saveDiscoveryState = (discovery) => void (this.#kept.discovery = discovery);

    /** Lets the user agree to what was asked for last. */
    async authorized() {
        const back = await follow(this.#asked, this.redirectUrl);
        if (back.searchParams.get('state') !== this.#kept.state) throw new Error('another state came back');
        return back.searchParams;
    }
}

/**
 * Runs `action`; when the SDK says that the user has to agree first, lets him agree, tells the SDK
 * with `finish(parameters)`, and runs it once more.
 */
export async function agreeing(application, { isUnauthorized, finish }, action) {
    try {
        return await action();
    } catch (error) {
        if (!isUnauthorized(error)) throw error;
        await finish(await application.authorized());
        return action();
    }
}

const HOPS_MAX = 16;

"""The Python SDK with its own OAuth client: jobs and results as in py-client.py, on both lines."""

import asyncio
import importlib.util
import json
import pathlib
import ssl
import sys
from urllib.parse import parse_qs, urljoin, urlsplit

from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import OAuthClientMetadata

HERE = pathlib.Path(__file__).resolve().parent
HOPS_MAX = 16
REDIRECT_URI = "http://127.0.0.1:1/callback"

spec = importlib.util.spec_from_file_location("py_client", HERE.parent / "peers" / "py-client.py")
py_client = importlib.util.module_from_spec(spec)
spec.loader.exec_module(py_client)


class Kept:
    """What the application keeps for its one user."""

    def __init__(self):
        self.tokens = None
        self.client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class User:
    """Follows redirects with cookies until they lead to the application, as a browser does."""

    def __init__(self, ca):
        self.back = None
        self.trust = ssl.create_default_context(cafile=ca)

    async def visit(self, url):
        async with py_client.httpx.AsyncClient(verify=self.trust) as browser:
            for _ in range(HOPS_MAX):
                answer = await browser.get(url)
                if "location" not in answer.headers:
                    raise RuntimeError(f"no redirect: {answer.status_code} {answer.text}")
                url = urljoin(str(answer.request.url), answer.headers["location"])
                if url.startswith(REDIRECT_URI):
                    self.back = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
                    return
        raise RuntimeError("the redirects lead nowhere")

    async def came_back(self):
        try:
            from mcp.shared.auth import AuthorizationCodeResult
        except ImportError:  # the 1.x line
            return self.back["code"], self.back.get("state")
        return AuthorizationCodeResult(**{each: self.back.get(each) for each in ("code", "state", "iss")})


def provider(job):
    metadata = OAuthClientMetadata(
        client_name="sallyport-tests",
        redirect_uris=[REDIRECT_URI],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method="none",
        application_type="native",
    )
    user = User(job.get("ca"))
    return OAuthClientProvider(job["url"], metadata, Kept(), user.visit, user.came_back)


def signed_in(job):
    class Wire(py_client.Wire):
        def factory(self, trust):
            make = super().factory(trust)
            auth = provider(job)
            return lambda headers=None, timeout=30, **_: make(headers, timeout, auth)

    return Wire


if __name__ == "__main__":
    job = json.load(sys.stdin)
    py_client.Wire = signed_in(job)
    outcome, broken = asyncio.run(py_client.run(job))
    print(json.dumps(outcome))
    sys.exit(1 if broken else 0)

"""A real identity provider (PyPI `canaille`) on a free loopback port, with its data in memory.

Usage:  second-provider.py
Prints: one JSON line {issuer, token_endpoint, registration_endpoint, introspection_endpoint, user,
        password, clients: {NAME: {id, secret}}} once it serves.
Knows:  three clients for client credentials, as an administrator made them: `gateway` and `machine`
        have the audience `gateway`, `elsewhere` has itself.
Offers: OpenID Connect Discovery, open dynamic registration, introspection (RFC 7662, for the token's
        audience, with `client_secret_basic`), and its own choice of tokens:
        client credentials get an opaque token; grants in which a user takes part get a JWT (RS256,
        `typ: JWT`) whose `aud` is the client's id and which has no `scope`. It has no resource
        indicators: what a client asks for in `resource` changes nothing.
The password grant stands for all of the latter: it is the one that needs no pages.
"""

import json
import logging
import secrets
import socket
import sys

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from werkzeug.serving import make_server

logging.disable(logging.INFO)
listener = socket.create_server(("127.0.0.1", 0))
authority = "127.0.0.1:{}".format(listener.getsockname()[1])
issuer = f"http://{authority}"
app = create_app(
    {
        "SECRET_KEY": secrets.token_hex(),
        "SERVER_NAME": authority,
        "PREFERRED_URL_SCHEME": "http",
        "CANAILLE": {"DATABASE": "memory", "LOGGING": None},
        "CANAILLE_OIDC": {"DYNAMIC_CLIENT_REGISTRATION_OPEN": True},
    }
)
password = secrets.token_urlsafe()
with app.app_context():
    with Backend.instance.session():
        user = models.User(user_name="alice", family_name="Doe", formatted_name="Alice", emails=["alice@example.com"])
        Backend.instance.save(user)
        Backend.instance.set_user_password(user, password)
    clients = {}
    with Backend.instance.session():
        for name in ("gateway", "machine", "elsewhere"):
            clients[name] = models.Client(
                client_id=secrets.token_hex(12),
                client_secret=secrets.token_urlsafe(),
                client_name=name,
                redirect_uris=["http://127.0.0.1:1/callback"],
                grant_types=["client_credentials"],
                scope=["openid", "profile"],
                token_endpoint_auth_method="client_secret_basic",
            )
            Backend.instance.save(clients[name])
        for name, audience in (("gateway", "gateway"), ("machine", "gateway"), ("elsewhere", "elsewhere")):
            clients[name].audience = [clients[audience]]
            Backend.instance.save(clients[name])
        told = {name: {"id": each.client_id, "secret": each.client_secret} for name, each in clients.items()}
server = make_server("127.0.0.1", 0, app, threaded=False, fd=listener.fileno())
print(
    json.dumps(
        {
            "issuer": issuer,
            "token_endpoint": f"{issuer}/oauth/token",
            "registration_endpoint": f"{issuer}/oauth/register",
            "introspection_endpoint": f"{issuer}/oauth/introspect",
            "user": "alice",
            "password": password,
            "clients": told,
        }
    ),
    flush=True,
)
sys.stdout = sys.stderr
server.serve_forever()

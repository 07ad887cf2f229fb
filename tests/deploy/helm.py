"""Lints or renders a chart with the code of Helm itself; there is no cluster.

    helm.py lint CHART             prints what the linter says, as JSON
    helm.py render CHART VALUES    prints the release that the values (JSON) make, as JSON

Helm renders for an installation, so that it is given an API server that knows the kinds and takes
everything. What the server answers proves nothing, and nothing here looks at it.
"""

import asyncio
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import helm_sdkpy

GROUPS = {
    "v1": {"configmaps": "ConfigMap", "services": "Service", "pods": "Pod", "secrets": "Secret"},
    "apps/v1": {"deployments": "Deployment"},
    "policy/v1": {"poddisruptionbudgets": "PodDisruptionBudget"},
    "networking.k8s.io/v1": {"networkpolicies": "NetworkPolicy"},
    "autoscaling/v2": {"horizontalpodautoscalers": "HorizontalPodAutoscaler"},
    "monitoring.coreos.com/v1": {"podmonitors": "PodMonitor"},
}


def discovery(path):
    if path == "/version":
        return {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        groups = []
        for version in GROUPS:
            name, _, short = version.rpartition("/")
            if name:
                this = {"groupVersion": version, "version": short}
                groups.append({"name": name, "versions": [this], "preferredVersion": this})
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    version = path.removeprefix("/apis/").removeprefix("/api/")
    if version in GROUPS:
        verbs = ["create", "get", "list", "patch", "update", "delete", "watch"]
        kinds = [
            {"name": name, "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": verbs}
            for name, kind in GROUPS[version].items()
        ]
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": kinds}
    return None


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, code, value):
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        found = discovery(self.path.partition("?")[0])
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
        self.answer(200, found) if found else self.answer(404, status)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(201, json.loads(body))

    def log_message(self, *_):
        pass


def main():
    # Helm sees the environment that the process began with, not what is changed later.
    if os.environ.get("HELM_DRIVER") != "memory":
        sys.exit("set HELM_DRIVER=memory, so that Helm keeps its releases to itself")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    kubeconfig = {
        "apiVersion": "v1", "kind": "Config", "current-context": "none",
        "clusters": [{"name": "none", "cluster": {"server": address}}],
        "users": [{"name": "none", "user": {}}],
        "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
    }
    # JSON at the top would be taken for the name of a file.
    text = "\n".join(f"{key}: {json.dumps(value)}" for key, value in kubeconfig.items())
    config = helm_sdkpy.Configuration(namespace="team", kubeconfig=text)
    if sys.argv[1] == "lint":
        result = asyncio.run(helm_sdkpy.Lint(config).run(sys.argv[2]))
    else:
        values = json.loads(sys.argv[3])
        install = helm_sdkpy.Install(config).run("notes", sys.argv[2], values=values, wait=False, timeout=30)
        try:
            release = asyncio.run(install)
        except helm_sdkpy.HelmError as error:
            sys.exit(str(error))
        hooks = [hook["manifest"] for hook in release["hooks"]]
        result = {"manifest": release["manifest"], "notes": release["info"]["notes"], "hooks": hooks}
    print(json.dumps(result))


main()

//! The promises of the second gate.

mod fields;
mod place;

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::{Edge, Judged, Target, testing};
use crate::call::Action;
use crate::config::{Profile, RestRoute, Server};
use crate::reject::{Code, Rejection};

/// A request head that passes, to be spoilt one way at a time.
struct Ask {
    method: Method,
    uri: String,
    headers: Vec<(String, Vec<u8>)>,
    client: IpAddr,
}

impl Ask {
    fn new(method: Method, uri: &str) -> Self {
        let body = method == Method::POST;
        let ask = Self {
            method,
            uri: uri.to_owned(),
            headers: Vec::new(),
            client: "192.0.2.7".parse().unwrap(),
        }
        .with("host", "gw.example");
        match body {
            true => ask
                .with("content-type", "application/json")
                .with("accept", "application/json, text/event-stream")
                .with("content-length", "2"),
            false => ask.with("accept", "text/event-stream"),
        }
    }

    fn post() -> Self {
        Self::new(Method::POST, "/mcp")
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(n, _)| n != name);
        self
    }

    fn set(self, name: &str, value: &str) -> Self {
        self.without(name).with(name, value)
    }

    fn at(mut self, uri: &str) -> Self {
        self.uri = uri.to_owned();
        self
    }

    fn judged(&self, edge: &Edge) -> Result<Judged, Rejection> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value).unwrap(),
            );
        }
        edge.judge(&self.method, &self.uri.parse::<Uri>().unwrap(), &headers, self.client)
    }

    fn target(&self, edge: &Edge) -> Target {
        self.judged(edge).unwrap().target
    }

    fn code(&self, edge: &Edge) -> Code {
        self.judged(edge).unwrap_err().code
    }
}

fn mcp() -> Server {
    testing::server("crm", "https://gw.example/mcp")
}

fn edge() -> Edge {
    Edge::new(&testing::config(vec![mcp()]))
}

fn edge_of(servers: Vec<Server>) -> Edge {
    Edge::new(&testing::config(servers))
}

fn rest() -> Server {
    let route = |method: Method, template: &str| RestRoute {
        method,
        template: template.to_owned(),
        action: Action::ContextRead,
        resource: None,
        subject: None,
    };
    let mut server = testing::server("memory", "https://gw.example/");
    server.profile = Profile::Rest(vec![
        route(Method::GET, "/mcp/context"),
        route(Method::POST, "/mcp/tools/{name}"),
    ]);
    server
}

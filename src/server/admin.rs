//! The admin listener: health, readiness, metrics. Plain HTTP/1.1, loopback by default.
//!
//! Assumes nothing of the rest of the gateway: text and readiness come from [`Status`].
//! Guarantees: it answers three paths, and `/revocations` to whoever has the admin token where one
//! is configured, and nothing else; holds few connections, shows no secret, and no personal data
//! without the token; on loopback it answers only to local names, so that no web page can read
//! it through DNS rebinding. It should be shut down last, after the drain of the others.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use super::{BindError, Bounds, Handler, Inherited, Listeners, admin_revocations};
use crate::body::ReplyBody;
use crate::config;
use crate::limits::ADMIN_CONNECTIONS_MAX;
use crate::net::Peer;
use crate::reject::Code;
use crate::revocation::Desk;
use crate::secret::Secret;

/// What the admin listener shows.
pub trait Status: Send + Sync + 'static {
    /// All metrics in the text format of Prometheus 0.0.4.
    fn metrics(&self) -> String;

    /// Whether new work is welcome.
    fn readiness(&self) -> Readiness;

    /// Behind which one may revoke; `None` switches that off.
    fn admin_token(&self) -> Option<Secret> {
        None
    }

    /// Where one revokes.
    fn desk(&self) -> Option<&Desk> {
        None
    }
}

/// Whether new work is welcome, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Whether it is.
    pub ready: bool,
    /// One line each; no secrets. May also hold warnings while ready.
    pub reasons: Vec<String>,
}

/// Binds the admin listener; serve it with [`AdminPages`].
pub async fn bind(
    admin: &config::Admin,
    bounds: Bounds,
    inherited: &Inherited,
) -> Result<Listeners, BindError> {
    let listener = config::Listener {
        name: Arc::from("admin"),
        bind: admin.bind,
        tls: None,
        proxy_protocol: false,
        reuse_port: false,
    };
    let bounds = Bounds { connections_max: ADMIN_CONNECTIONS_MAX, ..bounds };
    super::bind_with(&[listener], &[], bounds, inherited).await
}

/// Answers requests of the admin listener.
#[derive(Debug)]
pub struct AdminPages<S> {
    status: S,
    /// Whether only local names are answered to.
    local_names_only: bool,
}

impl<S: Status> AdminPages<S> {
    /// Pages for a listener on `address`.
    pub fn new(status: S, address: SocketAddr) -> Self {
        Self { status, local_names_only: address.ip().is_loopback() }
    }

    /// Whether a foreign name was asked for where only local ones count.
    fn is_misdirected<B>(&self, request: &Request<B>) -> bool {
        self.local_names_only && !request.headers().get(HOST).is_some_and(is_local)
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Bytes> {
        if self.is_misdirected(request) {
            return text(StatusCode::MISDIRECTED_REQUEST, "ask for localhost\n".into());
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, String::new());
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        match request.uri().path() {
            "/healthz" => text(StatusCode::OK, "alive\n".into()),
            "/readyz" => ready_text(&self.status.readiness()),
            "/metrics" => {
                let mut answer = text(StatusCode::OK, self.status.metrics());
                answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROMETHEUS));
                answer
            }
            _ => text(StatusCode::NOT_FOUND, "/healthz, /readyz, /metrics\n".into()),
        }
    }
}

impl<S: Status> Handler for AdminPages<S> {
    async fn handle(
        self: &Arc<Self>,
        _peer: Arc<Peer>,
        request: Request<Incoming>,
    ) -> Response<ReplyBody> {
        let path = request.uri().path();
        let revokes = path == "/revocations" || path.starts_with("/revocations/");
        match (self.status.admin_token(), self.status.desk()) {
            (Some(token), Some(desk)) if revokes && !self.is_misdirected(&request) => {
                admin_revocations::answer(&token, desk, request).await
            }
            (_, _) => self.answer(&request),
        }
        .map(ReplyBody::whole)
    }

    fn refused_on_the_wire(
        &self,
        _peer: &Peer,
        code: Code,
        _detail: &'static str,
    ) -> Response<Bytes> {
        let row = code.row();
        let status = StatusCode::from_u16(row.status).unwrap_or(StatusCode::BAD_REQUEST);
        text(status, format!("{}\n", row.public))
    }
}

fn ready_text(readiness: &Readiness) -> Response<Bytes> {
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut body = String::from(if readiness.ready { "ready\n" } else { "not ready\n" });
    for reason in &readiness.reasons {
        body.push_str(reason);
        body.push('\n');
    }
    text(status, body)
}

pub(super) fn text(status: StatusCode, body: String) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// `localhost` or an address: names that no foreign DNS server can point here.
fn is_local(host: &HeaderValue) -> bool {
    let Ok(host) = host.to_str() else { return false };
    let address = host.parse::<SocketAddr>().is_ok() || host.parse::<std::net::IpAddr>().is_ok();
    let name = host.rsplit_once(':').map_or(host, |(name, _port)| name);
    let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let literal = bracketed.is_some_and(|h| h.parse::<std::net::Ipv6Addr>().is_ok());
    address || literal || name.eq_ignore_ascii_case("localhost")
}

const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

#[cfg(test)]
mod tests {
    use http::{Request, StatusCode};

    use super::{AdminPages, Readiness, Status};

    struct Fixed(bool);

    impl Status for Fixed {
        fn metrics(&self) -> String {
            "sallyport_up 1\n".into()
        }

        fn readiness(&self) -> Readiness {
            Readiness { ready: self.0, reasons: vec!["audit log: slow".into()] }
        }
    }

    fn get(
        pages: &AdminPages<Fixed>,
        method: &str,
        path: &str,
        host: &str,
    ) -> (StatusCode, String) {
        let request = Request::builder().method(method).uri(path).header("host", host);
        let answer = pages.answer(&request.body(()).unwrap());
        (answer.status(), String::from_utf8(answer.body().to_vec()).unwrap())
    }

    fn pages(ready: bool) -> AdminPages<Fixed> {
        AdminPages::new(Fixed(ready), "127.0.0.1:9464".parse().unwrap())
    }

    #[test]
    fn readiness_says_no_with_503_and_its_reasons() {
        let (status, body) = get(&pages(false), "GET", "/readyz", "localhost:9464");
        assert_eq!((status.as_u16(), body.as_str()), (503, "not ready\naudit log: slow\n"));
        assert_eq!(get(&pages(true), "GET", "/readyz", "[::1]:9464").0, StatusCode::OK);
    }

    #[test]
    fn only_three_paths_and_two_methods_are_answered() {
        assert_eq!(get(&pages(true), "GET", "/metrics", "127.0.0.1").1, "sallyport_up 1\n");
        assert_eq!(get(&pages(true), "GET", "/healthz", "localhost").0, StatusCode::OK);
        assert_eq!(get(&pages(true), "GET", "/", "localhost").0, StatusCode::NOT_FOUND);
        assert_eq!(
            get(&pages(true), "POST", "/metrics", "localhost").0,
            StatusCode::METHOD_NOT_ALLOWED
        );
    }

    #[test]
    fn loopback_listener_answers_to_local_names_only() {
        for host in ["evil.test", "evil.test:9464", "localhost.evil.test", "127.0.0.1.evil.test"] {
            let (status, body) = get(&pages(true), "GET", "/metrics", host);
            assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{host}");
            assert!(!body.contains("sallyport_up"));
        }
        let open = AdminPages::new(Fixed(true), "0.0.0.0:9464".parse().unwrap());
        assert_eq!(get(&open, "GET", "/metrics", "gateway.test").0, StatusCode::OK);
    }
}

//! A scripted authorization server: what it says of tokens is set, what it was asked is kept.
//!
//! Include it with `#[path = "../support/authority.rs"] mod authority;`.
#![allow(dead_code, reason = "each test binary uses its own part of the helper")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What the server answers to a question.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub media_type: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Answer {
    pub fn json(body: impl Into<String>) -> Self {
        let body = body.into();
        Self { status: 200, media_type: "application/json", headers: Vec::new(), body }
    }
}

/// A question as it came.
#[derive(Clone)]
pub struct Asked {
    pub headers: HeaderMap,
    pub form: Vec<(String, String)>,
}

impl Asked {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// A running authorization server on loopback. Ends when dropped.
pub struct Authority {
    url: String,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

/// What is said of a token.
type Script = Box<dyn Fn(&str) -> Answer + Send>;

struct State {
    answer: Mutex<Script>,
    metadata: Mutex<Value>,
    asked: Mutex<Vec<Asked>>,
    lookups: Mutex<usize>,
    held: watch::Sender<bool>,
    arrived: watch::Sender<usize>,
}

impl Authority {
    /// Every token is unknown to it.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let endpoint = format!("{url}/introspect");
        let state = Arc::new(State {
            answer: Mutex::new(Box::new(|_| Answer::json(r#"{"active":false}"#))),
            metadata: Mutex::new(json!({"issuer": url, "introspection_endpoint": endpoint})),
            asked: Mutex::default(),
            lookups: Mutex::default(),
            held: watch::channel(false).0,
            arrived: watch::channel(0).0,
        });
        let own = Arc::clone(&state);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let state = Arc::clone(&own);
                tokio::spawn(async move {
                    let answer = service_fn(|request| answer(request, &state));
                    // The gateway may hang up in the middle.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), answer)
                        .await;
                });
            }
        });
        Self { url, state, task }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn endpoint(&self) -> String {
        format!("{}/introspect", self.url)
    }

    /// What it says of each token from now on.
    pub fn answers(&self, answer: impl Fn(&str) -> Answer + Send + 'static) {
        *self.state.answer.lock().unwrap() = Box::new(answer);
    }

    /// One answer to everything.
    pub fn says(&self, answer: Answer) {
        self.answers(move |_| answer.clone());
    }

    pub fn set_metadata(&self, metadata: Value) {
        *self.state.metadata.lock().unwrap() = metadata;
    }

    /// Questions so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }

    /// How many questions were asked so far.
    pub fn count(&self) -> usize {
        self.state.asked.lock().unwrap().len()
    }

    /// How often its metadata was read.
    pub fn lookups(&self) -> usize {
        *self.state.lookups.lock().unwrap()
    }

    /// Answers wait until [`Authority::release`].
    pub fn hold(&self) {
        self.state.held.send_replace(true);
    }

    pub fn release(&self) {
        self.state.held.send_replace(false);
    }

    /// Waits until this many questions have come since the start.
    pub async fn arrived(&self, count: usize) {
        self.state.arrived.subscribe().wait_for(|n| *n >= count).await.unwrap();
    }

    /// Nobody listens there any more.
    pub async fn stop(mut self) {
        self.task.abort();
        // The port is closed when the task, and with it the listener, is gone.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    request: Request<Incoming>,
    state: &State,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    if head.uri.path().starts_with("/.well-known/") {
        *state.lookups.lock().unwrap() += 1;
        let text = state.metadata.lock().unwrap().to_string();
        return Ok(Response::new(Full::from(text)));
    }
    assert_eq!((head.method.as_str(), head.uri.path()), ("POST", "/introspect"));
    assert_eq!(head.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(head.headers["accept"], "application/json");
    let body = body.collect().await.unwrap().to_bytes();
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let asked = Asked { headers: head.headers, form };
    let token = asked.field("token").unwrap().to_owned();
    state.asked.lock().unwrap().push(asked);
    state.arrived.send_modify(|n| *n += 1);
    state.held.subscribe().wait_for(|held| !held).await.unwrap();
    let answer = state.answer.lock().unwrap()(&token);
    let mut response =
        Response::builder().status(answer.status).header("content-type", answer.media_type);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    Ok(response.body(Full::from(answer.body)).unwrap())
}

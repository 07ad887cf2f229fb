//! A provider as they are found: `OpenID` discovery and nothing else, no registration, no word of
//! PKCE although it keeps it, and a refusal of every `resource`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use url::{Url, form_urlencoded};

use crate::issuer::{NOW, SigningKey, TokenBuilder, b64};

pub type Pairs = HashMap<String, String>;

pub struct Provider {
    pub url: String,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

struct State {
    url: String,
    key: SigningKey,
    audience: String,
    script: Mutex<Script>,
    codes: Mutex<HashMap<String, Pairs>>,
    seen: Mutex<Vec<Seen>>,
    discoveries: AtomicUsize,
    /// A token request takes one before it is answered.
    permits: Semaphore,
}

#[derive(Default)]
struct Script {
    /// Members that replace those of the metadata; null takes one out.
    metadata: Vec<(String, Value)>,
    metadata_status: Option<u16>,
    /// What the token endpoint answers instead.
    token: Option<(u16, &'static str, String)>,
    iss: Option<String>,
}

/// One token request.
#[derive(Debug, Clone)]
pub struct Seen {
    pub form: Pairs,
    pub authorization: Option<String>,
    pub other_headers: Vec<String>,
}

impl Provider {
    /// Its tokens have this audience.
    pub async fn start(audience: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            url: url.clone(),
            key: SigningKey::es256("key-1"),
            audience: audience.to_owned(),
            script: Mutex::default(),
            codes: Mutex::default(),
            seen: Mutex::default(),
            discoveries: AtomicUsize::new(0),
            permits: Semaphore::new(Semaphore::MAX_PERMITS),
        });
        let own = Arc::clone(&state);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let state = Arc::clone(&own);
                tokio::spawn(async move {
                    let answer = service_fn(|request| serve(request, &state));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), answer)
                        .await;
                });
            }
        });
        Self { url, state, task }
    }

    pub fn set_metadata(&self, member: &str, value: Value) {
        self.state.script.lock().unwrap().metadata.push((member.to_owned(), value));
    }

    pub fn fail_metadata(&self, status: Option<u16>) {
        self.state.script.lock().unwrap().metadata_status = status;
    }

    pub fn answer_tokens_with(&self, status: u16, media_type: &'static str, body: &str) {
        self.state.script.lock().unwrap().token = Some((status, media_type, body.to_owned()));
    }

    /// Puts this `iss` into answers.
    pub fn name_itself(&self, iss: &str) {
        self.state.script.lock().unwrap().iss = Some(iss.to_owned());
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    pub fn discoveries(&self) -> usize {
        self.state.discoveries.load(Ordering::SeqCst)
    }

    /// Token requests wait until [`Provider::release`].
    pub fn hold(&self) {
        self.state.permits.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub fn release(&self) {
        self.state.permits.add_permits(1000);
    }

    /// What a browser does: asks, and tells where it is sent.
    pub async fn visit(&self, url: &str) -> (u16, String) {
        let url = Url::parse(url).unwrap();
        let address = format!("127.0.0.1:{}", url.port().unwrap());
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let target = format!("{}?{}", url.path(), url.query().unwrap());
        let request =
            Request::get(target).header("host", "provider").body(Full::<Bytes>::default());
        let response = sender.send_request(request.unwrap()).await.unwrap();
        let location = response.headers().get("location");
        let location = location.map_or("", |value| value.to_str().unwrap()).to_owned();
        (response.status().as_u16(), location)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The parameters of an address or a form; none stands twice.
pub fn pairs(text: &str) -> Pairs {
    let query = text.split_once('?').map_or(text, |(_, query)| query);
    let mut all = Pairs::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let before = all.insert(name.clone().into_owned(), value.into_owned());
        assert_eq!(before, None, "{name} stands twice in {text}");
    }
    all
}

pub fn challenge(verifier: &str) -> String {
    b64(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

async fn serve(
    request: Request<Incoming>,
    state: &State,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    Ok(match (head.method.as_str(), head.uri.path()) {
        ("GET", "/.well-known/openid-configuration") => metadata(state),
        ("GET", "/jwks") => answer(200, &json!({ "keys": [state.key.jwk()] })),
        ("GET", "/tenant/authorize") => authorize(state, head.uri.query().unwrap_or_default()),
        ("POST", "/tenant/token") => {
            let form = body.collect().await.unwrap().to_bytes();
            let form = pairs(std::str::from_utf8(&form).unwrap());
            let text = |name: &str| head.headers.get(name).map(|v| v.to_str().unwrap().to_owned());
            state.seen.lock().unwrap().push(Seen {
                form: form.clone(),
                authorization: text("authorization"),
                other_headers: head.headers.keys().map(ToString::to_string).collect(),
            });
            state.permits.acquire().await.unwrap().forget();
            token(state, &form)
        }
        _ => answer(404, &json!({})),
    })
}

fn metadata(state: &State) -> Response<Full<Bytes>> {
    state.discoveries.fetch_add(1, Ordering::SeqCst);
    let url = &state.url;
    let script = state.script.lock().unwrap();
    if let Some(status) = script.metadata_status {
        return answer(status, &json!({}));
    }
    let mut members = json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/tenant/authorize?p=policy"),
        "token_endpoint": format!("{url}/tenant/token"),
        "jwks_uri": format!("{url}/jwks"),
        "response_types_supported": ["code", "id_token", "code id_token"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "token_endpoint_auth_methods_supported":
            ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "scopes_supported": ["openid", "offline_access"],
        "request_uri_parameter_supported": true,
        "dpop_signing_alg_values_supported": ["ES256"],
        "signed_metadata": "a.b.c",
    });
    for (name, value) in &script.metadata {
        match value {
            Value::Null => drop(members.as_object_mut().unwrap().remove(name)),
            value => members[name] = value.clone(),
        }
    }
    answer(200, &members)
}

fn authorize(state: &State, query: &str) -> Response<Full<Bytes>> {
    let asked = pairs(query);
    let complete = ["client_id", "redirect_uri", "code_challenge"];
    if asked.contains_key("resource")
        || asked.get("p").map(String::as_str) != Some("policy")
        || complete.iter().any(|name| !asked.contains_key(*name))
    {
        return answer(400, &json!({ "error": "AADSTS9010010" }));
    }
    let mut codes = state.codes.lock().unwrap();
    let code = format!("secret-code-{}", codes.len());
    let mut back = Url::parse(&asked["redirect_uri"]).unwrap();
    back.query_pairs_mut().append_pair("code", &code).append_pair("session_state", "x");
    if let Some(said) = asked.get("state") {
        back.query_pairs_mut().append_pair("state", said);
    }
    if let Some(iss) = &state.script.lock().unwrap().iss {
        back.query_pairs_mut().append_pair("iss", iss);
    }
    codes.insert(code, asked);
    let redirect = Response::builder().status(302).header("location", back.as_str());
    redirect.body(Full::default()).unwrap()
}

fn token(state: &State, form: &Pairs) -> Response<Full<Bytes>> {
    if let Some((status, media_type, body)) = &state.script.lock().unwrap().token {
        let answer = Response::builder().status(*status).header("content-type", *media_type);
        return answer.body(Full::from(body.clone())).unwrap();
    }
    let refuse = |error: &str| {
        answer(
            400,
            &json!({ "error": error, "error_description": "AADSTS1: no.\r\nTrace ID: 7",
                "error_codes": [1], "trace_id": "7" }),
        )
    };
    if form.contains_key("resource") {
        return refuse("invalid_target");
    }
    let grant = form.get("grant_type").map_or("", String::as_str);
    let scope = match grant {
        "authorization_code" => {
            let asked = form.get("code").and_then(|code| state.codes.lock().unwrap().remove(code));
            let Some(asked) = asked else { return refuse("invalid_grant") };
            let proven = form.get("code_verifier").map(|v| challenge(v));
            let same = |name: &str| asked.get(name) == form.get(name);
            if proven.as_ref() != asked.get("code_challenge")
                || !same("client_id")
                || !same("redirect_uri")
            {
                return refuse("invalid_grant");
            }
            asked.get("scope").cloned().unwrap_or_default()
        }
        _ => form.get("scope").cloned().unwrap_or_default(),
    };
    // Entra names scopes in tokens without the resource before them.
    let short: Vec<&str> = scope.split(' ').map(|s| s.rsplit('/').next().unwrap()).collect();
    let signed = TokenBuilder::new(&state.url, &state.key, NOW).audience(&state.audience);
    let access_token = signed.scope(&short.join(" ")).sign();
    answer(
        200,
        &json!({ "access_token": access_token, "token_type": "Bearer", "expires_in": 600,
            "refresh_token": "secret-refresh", "scope": scope }),
    )
}

fn answer(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert("content-type", "application/json".parse().unwrap());
    response
}

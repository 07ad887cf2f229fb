//! A modern client in front of a modern server that has no HTTP: the same era, another transport.
//!
//! Guarantees that the judged message goes as it is, but for the numbers by which the shared
//! stream is told apart, and that what comes back has the status that Streamable HTTP gives it.

use bytes::Bytes;
use futures_util::stream::unfold;
use http::StatusCode;

use super::call::{event_stream, json};
use super::wire::{Heard, Question, Wire};
use crate::json::Document;
use crate::mcp::ANSWER;
use crate::mcp::sse::{self, KEEPALIVE};
use crate::record::Recorded;
use crate::reject::{Code, Rejection};
use crate::upstream::answer::{BodyBroken, Raw};

/// Carries one call. Dropping the future, or the body of its answer, cancels it.
///
/// # Errors
/// When the server cannot be reached or does not answer.
pub(in crate::upstream) async fn pass(wire: &Wire, call: &Recorded) -> Result<Raw, Rejection> {
    let question = Question { message: call.plan().body.clone(), headers: Vec::new() };
    let mut answers = wire.ask(call.principal(), question).await?;
    let first = match answers.next().await {
        Some(Ok(Heard::Message(message))) => message,
        Some(Ok(Heard::Alive)) => Bytes::new(),
        Some(Err(error)) => return Err(error.into()),
        None => return Err(Rejection::new(Code::UpstreamInvalid, "the server did not answer")),
    };
    if let Some(status) = answered(&first) {
        return Ok(Raw { status, ..json(first) });
    }
    let rest = unfold((Some(first), answers), |(first, mut answers)| async move {
        if let Some(first) = first {
            return Some((Ok(sse::message(&first)), (None, answers)));
        }
        let piece = match answers.next().await? {
            Ok(Heard::Message(message)) => Ok(sse::message(&message)),
            Ok(Heard::Alive) => Ok(KEEPALIVE),
            Err(_) => Err(BodyBroken),
        };
        Some((piece, (None, answers)))
    });
    Ok(event_stream(Box::pin(rest)))
}

/// The status of an answer; `None` when it is none (MCP 2026-07-28, Streamable HTTP, "Error
/// Responses").
fn answered(message: &Bytes) -> Option<StatusCode> {
    let document = Document::parse(message.clone(), &ANSWER).ok()?;
    let root = document.root();
    if root.get("result").is_some() {
        return Some(StatusCode::OK);
    }
    Some(match root.get("error")?.get("code").and_then(|code| code.as_i64()) {
        Some(-32601) => StatusCode::NOT_FOUND,
        Some(-32022..=-32020) => StatusCode::BAD_REQUEST,
        Some(_) | None => StatusCode::OK,
    })
}

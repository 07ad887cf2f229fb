//! Where the flow leaves the MCP endpoint for the authorization-server facade of a server.

use bytes::Bytes;
use http::Response;

use super::Outgoing;
use crate::body::ReplyBody;
use crate::config::OauthEndpoint;
use crate::exchange::Exchange;
use crate::facade::Reply;
use crate::hygiene::Wellformed;
use crate::observe::Record;
use crate::reject::{Code, Rejection};
use crate::reply;
use crate::snapshot::Gates;

/// The metadata of an authorization server at this path, if one stands there.
pub(super) async fn document(gates: &Gates, path: &str) -> Result<Bytes, Rejection> {
    match gates.facade.as_ref().filter(|facade| facade.is_published_at(path)) {
        Some(facade) => facade.document().await,
        None => Err(Rejection::new(Code::RouteUnknown, "the gateway is no authorization server")),
    }
}

/// Asks an endpoint. What it grants is in the audit trail before it leaves.
pub(super) async fn ask(
    gates: &Gates,
    record: &mut Record,
    ex: Exchange<Wellformed>,
    endpoint: OauthEndpoint,
) -> Result<Outgoing, Rejection> {
    record.route(&gates.server.name, &gates.metrics);
    record.visit(endpoint.operation());
    let none = || Rejection::new(Code::Internal, "the server has no facade");
    let mut said = gates.facade.as_ref().ok_or_else(none)?.ask(ex, endpoint).await?;
    let bytes = u64::try_from(said.body.len()).unwrap_or(u64::MAX);
    record.granted(said.status.as_u16(), bytes, said.client.take()).await?;
    Ok(Outgoing::Facade(Box::new(said)))
}

/// The answer leaves; its metrics close when its body ends.
pub(super) fn answered(
    said: Reply,
    mut record: Record,
    cx: &reply::Context,
) -> Response<ReplyBody> {
    let status = said.status.as_u16();
    let response = reply::oauth(said.status, said.headers, said.body, cx);
    response.map(|body| body.on_close(move |closed| record.close_visit(status, closed)))
}

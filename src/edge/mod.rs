//! The door for SDK clients: `/v1`.
//!
//! Reads requests, hands them to the road, sends what comes back. Every route also works without `/v1`.

mod balance;
mod body;
mod cause;
mod failure;
mod head;
mod models;
mod path;
mod recording;
mod respond;
mod timing;
mod unpack;
mod usage;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use actix_cors::Cors;
use actix_web::dev::{Service as _, ServiceRequest};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};
use actors::vocabulary::{Family, Protocol};
use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use futures_util::future::{Either, ready};
use head::{RequestId, client_address};

use crate::admission::{Caller, Head, Inbound, Refused, Stopped, look, recognise};
use crate::capacity::{Capacity, Footprint};
use crate::config::{Patience, TrustedProxies};
use crate::metrics::Metrics;
use crate::relay::{Failure, Road, Why, relay};
use crate::traces::Traces;
use crate::translation::{Ask, Fault, structure};

use body::{Announced, BadBody};
use failure::Told;

pub use path::normalise as normalise_path;

/// Response headers that browsers' scripts may read.
const EXPOSED: [&str; 5] = ["x-request-id", "request-id", "retry-after", "x-should-retry", "x-relay-error-origin"];

/// What the door works with, beside the road.
#[derive(Clone, Debug)]
pub struct Door {
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// Bounds on slow clients.
    pub patience: Patience,
    /// Requests under way, their answers included.
    pub in_flight: Arc<AtomicUsize>,
    /// Cancelled when the process may wait for its requests no longer. Each worker has one of its own, so that those who
    /// wait for it do not meet on one lock.
    pub late: CancellationToken,
    /// Memory for bodies, threads for large ones.
    pub capacity: Capacity,
    /// Counts those whose key is not known: nobody else hears of them.
    pub metrics: Arc<Metrics>,
    /// Makes spans of requests; `None` = nobody wants any.
    pub traces: Option<Traces>,
}

/// Counts a request until its answer has gone out.
pub(crate) struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn begin(door: &Door) -> Self {
        door.in_flight.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(&door.in_flight))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Registers the routes below `/v1`. `road` belongs to this worker. To be called before other routes are registered:
/// they are looked through in order, and almost every request is one of these.
pub fn routes(config: &mut ServiceConfig, road: &Road, door: &Door) {
    config.app_data(Data::new(road.clone())).app_data(Data::new(door.clone()));
    below("/v1", config, road);
    balance::routes(config);
    config.service(web::scope("/v1").default_service(web::to(unknown_path)));
}

/// Registers the same routes without `/v1`, behind what else has such a path.
pub fn short_routes(config: &mut ServiceConfig, road: &Road) {
    below("", config, road);
}

fn below(prefix: &str, config: &mut ServiceConfig, road: &Road) {
    for protocol in Protocol::ALL {
        let path = format!("{prefix}/{}", protocol.path());
        let post = web::post().to(move |request, payload, road, door| serve(protocol, request, payload, road, door));
        config.service(resource(&path, road).route(post).default_service(web::to(wrong_method)));
    }
    let mut get = |path: &str, handler: actix_web::Route| {
        config.service(resource(&format!("{prefix}/{path}"), road).route(handler).default_service(web::to(wrong_method)));
    };
    get("models", web::get().to(models::list));
    get("models/{id:.+}", web::get().to(models::one));
    get("usage", web::get().to(usage::usage));
    get("dashboard/billing/subscription", web::get().to(balance::subscription));
    get("dashboard/billing/usage", web::get().to(balance::usage));
}

/// A route that browsers may call from the origins that the settings allow.
fn resource(
    path: &str,
    road: &Road,
) -> Resource<
    impl actix_web::dev::ServiceFactory<
        actix_web::dev::ServiceRequest,
        Config = (),
        Response = actix_web::dev::ServiceResponse<impl actix_web::body::MessageBody + use<>>,
        Error = actix_web::Error,
        InitError = (),
    > + use<>,
> {
    let settings = road.desk.cellar.cache.reader().clone();
    let is_allowed = move |origin: &HeaderValue| {
        let snapshot = settings.load();
        let mut origins = snapshot.settings.cors_origins.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        origins.any(|listed| listed == "*" || origin.as_bytes() == listed.as_bytes())
    };
    let allowed = is_allowed.clone();
    let cors = Cors::default()
        .allowed_origin_fn(move |origin, _| allowed(origin))
        .allow_any_method()
        .allow_any_header()
        .expose_headers(EXPOSED)
        .max_age(3600);
    web::resource(path).wrap(cors).wrap_fn(move |request, routes| match strange_origin(&request, &is_allowed) {
        Some(origin) => Either::Left(ready(Ok(request.into_response(cors_refusal(&origin)).map_into_right_body()))),
        None => Either::Right(routes.call(request)),
    })
}

/// The origin of a browser's preflight request that the settings do not allow.
fn strange_origin(request: &ServiceRequest, is_allowed: impl Fn(&HeaderValue) -> bool) -> Option<String> {
    if request.method() != Method::OPTIONS || !request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let origin = request.headers().get(header::ORIGIN).filter(|origin| !is_allowed(origin))?;
    Some(String::from_utf8_lossy(origin.as_bytes()).into_owned())
}

fn cors_refusal(origin: &str) -> HttpResponse {
    let message =
        format!("pages of {origin} may not call this gateway: an admin can allow that origin in the setting corsOrigins");
    Told::refusal(Fault::INVALID, message).respond(Family::OpenAi, &RequestId::new())
}

/// One relayed request, in a span of its own.
async fn serve(protocol: Protocol, request: HttpRequest, payload: Payload, road: Data<Road>, door: Data<Door>) -> HttpResponse {
    let arrived = Instant::now();
    let id = RequestId::new();
    let span = id.span();
    served(protocol, request, payload, road, door, id, arrived).instrument(span).await
}

async fn served(
    protocol: Protocol,
    request: HttpRequest,
    payload: Payload,
    road: Data<Road>,
    door: Data<Door>,
    id: RequestId,
    arrived: Instant,
) -> HttpResponse {
    let under_way = UnderWay::begin(&door);
    let reading = read(protocol, &request, payload, &road, &door, &id, arrived);
    let read = tokio::select! {
        biased;
        read = reading => read,
        () = door.late.cancelled() => Err(failed(Why::Stopping, None)),
    };
    let inbound = match read {
        Ok(inbound) => inbound,
        Err(Unread::Failure(failure)) => {
            if failure.pending.is_none() {
                door.metrics.refused(&cause::of(&failure.why).word);
            }
            return failure::answer(*failure, protocol.family(), &id);
        }
        Err(Unread::Body(bad, caller)) => return bad_body(&bad, *caller, &id),
    };
    match relay(&road, inbound).await {
        Ok(answer) => respond::respond(answer, &id, under_way),
        Err(failure) => failure::answer(failure, protocol.family(), &id),
    }
}

/// Why a request was not even read.
enum Unread {
    Failure(Box<Failure>),
    Body(BadBody, Box<Caller>),
}

/// Mints an [`Inbound`], what costs least first: the key, what the head says, then the body, then what it asks for.
async fn read(
    protocol: Protocol,
    request: &HttpRequest,
    payload: Payload,
    road: &Road,
    door: &Door,
    id: &RequestId,
    arrived: Instant,
) -> Result<Inbound, Unread> {
    let headers = request.headers();
    let head = Head {
        credential: head::credential(headers),
        address: client_address(request, &door.trusted_proxies),
        protocol,
        request_id: &id.0,
        client_request_id: head::label(headers),
        arrived,
        trace: door.traces.as_ref().map(|traces| traces.begin(headers)),
    };
    let caller = match recognise(&road.desk, &head).await {
        Ok(caller) => caller,
        Err(stopped) => {
            body::discard(request, payload).await;
            return Err(failed(stopped.why.into(), stopped.pending));
        }
    };
    let announced = match Announced::read(request, most_bytes(&caller, door)) {
        Ok(announced) => announced,
        Err(bad) => {
            body::refuse(payload).await;
            return Err(Unread::Body(bad, Box::new(caller)));
        }
    };
    let mut caller = match look(&road.desk, caller).await {
        Ok(caller) => caller,
        Err(stopped) => {
            body::discard(request, payload).await;
            return Err(failed(stopped.why.into(), stopped.pending));
        }
    };
    let mut footprint = door.capacity.footprint(caller.key.owner.id, head.address);
    let body = match body::read(payload, announced, &mut footprint, &door.patience).await {
        Ok(body) => body,
        Err(bad) => return Err(Unread::Body(bad, Box::new(caller))),
    };
    caller.pending.body_read();
    let ask = match asked(protocol, &body, &footprint).await {
        Ok(ask) => ask,
        Err(refused) => return Err(failed(refused.into(), Some(caller.pending))),
    };
    let record = caller.snapshot.settings.record_all_request_details;
    caller.pending.note(|receipt| {
        receipt.model.clone_from(&ask.model);
        receipt.stream = ask.stream;
        receipt.details = record.then(|| recording::details(request, &body));
    });
    let (forwarded, session) = (head::forwarded(headers), head::session(headers));
    Ok(Inbound { caller, ask, body, footprint, headers: forwarded, query: request.query_string().to_owned(), session })
}

/// The largest body taken: by the setting, and never more than the budget of memory has room for.
fn most_bytes(caller: &Caller, door: &Door) -> usize {
    let settings = &caller.snapshot.settings;
    door.capacity.memory.follow(settings.body_memory_bytes, settings.max_request_bytes)
}

/// What a body asks for; a large one is read on a thread for such work.
async fn asked(protocol: Protocol, body: &Bytes, footprint: &Footprint) -> Result<Ask, Refused> {
    let bytes = body.clone();
    Ok(footprint.work(body.len(), move || structure::read(protocol, &bytes)).await??)
}

fn failed(why: Why, pending: Option<actors::usage_ledger::PendingReceipt>) -> Unread {
    Unread::Failure(Box::new(Stopped { why, pending }))
}

fn bad_body(bad: &BadBody, caller: Caller, id: &RequestId) -> HttpResponse {
    let fault = match bad {
        BadBody::TooLarge { .. } => Fault::TOO_LARGE,
        BadBody::UnknownEncoding => Fault::UNSUPPORTED,
        BadBody::TooSlow => Fault::TOO_SLOW,
        BadBody::Broken => Fault::INVALID,
        BadBody::Overloaded(_) => Fault::UNAVAILABLE,
    };
    let retry_ms = matches!(bad, BadBody::Overloaded(_)).then_some(1_000);
    let told = Told { retry_ms, ..Told::refusal(fault, bad.to_string()) };
    let (mut pending, family) = (caller.pending, caller.protocol.family());
    let mut response = told.respond(family, id);
    timing::tell(&mut response, pending.spent());
    pending.note(|receipt| receipt.cause = Some(cause::of_body(bad)));
    pending.close_later(told.ending, fault.status, Some(bad.to_string()));
    response
}

/// Whose shape an answer outside a protocol's own routes takes.
fn family_of(request: &HttpRequest) -> Family {
    let headers = request.headers();
    let is_claude = headers.contains_key("anthropic-version")
        || request.path().contains("/messages")
        || (headers.contains_key("x-api-key") && !headers.contains_key("authorization"));
    if is_claude { Family::Claude } else { Family::OpenAi }
}

async fn unknown_path(request: HttpRequest) -> HttpResponse {
    let fault = Fault { openai_code: "unknown_url", ..Fault::NOT_FOUND };
    let mut message = format!("{} {} is not a route of this gateway", request.method(), request.path());
    if let Some(route) = path::meant(request.path()) {
        message.push_str(&format!("; did you mean /v1{route}? Check the base URL your client is set to"));
    }
    Told::refusal(fault, message).respond(family_of(&request), &RequestId::new())
}

async fn wrong_method(request: HttpRequest) -> HttpResponse {
    let upgrade = request.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok());
    if upgrade.is_some_and(|to| to.eq_ignore_ascii_case("websocket")) && request.path().ends_with("/responses") {
        return no_web_socket(&request);
    }
    let message = format!("{} is not allowed for {}", request.method(), request.path());
    Told::refusal(Fault::WRONG_METHOD, message).respond(family_of(&request), &RequestId::new())
}

/// Codex tries a web socket first and turns to HTTP at once on this status alone.
fn no_web_socket(request: &HttpRequest) -> HttpResponse {
    let message = "web sockets are not served here; send the request with POST";
    let mut response = Told::refusal(Fault::NO_WEB_SOCKET, message).respond(family_of(request), &RequestId::new());
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("HTTP/1.1"));
    response
}

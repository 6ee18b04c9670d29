//! One request from arrival to answer.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde_json::Value;

use super::answer::Answer;
use super::ask::Ask;
use super::call::Call;
use super::directive::Directive;
use super::reply::Reply;
use super::responses::Echo;
use super::route::{Protocol, Route, Vendor, key_of};
use super::script::{Asked, Script};
use super::telling::{Telling, Voice};
use super::vendor_error::VendorError;
use super::{chat, claude, control, embeddings, models, responses, responses_stream};

/// Answers whatever comes.
pub(super) async fn serve(request: HttpRequest, body: Bytes, script: web::Data<Script>) -> HttpResponse {
    let route = Route::of(&request);
    if let Route::Control(what) = &route {
        return control::answer(&request, what, &body, &script);
    }
    let vendor = route.vendor(&request);
    let mut call = Call { vendor, presence: script.recorder().arrives(&request, &body), reply: Arc::default() };
    if !script.lets_in(key_of(&request)) {
        let bearer = request.headers().contains_key("authorization");
        return call.refuse(&VendorError::wrong_key(vendor, bearer));
    }
    let json = if route.generates() { Some(serde_json::from_slice::<Value>(&body)) } else { None };
    let parsed = json.as_ref().and_then(|json| json.as_ref().ok());
    call.reply = match chosen_reply(&request, &route, parsed, &script) {
        Ok(reply) => reply,
        Err(reason) => return call.refuse(&VendorError::bad_request(format!("x_mock: {reason}"))),
    };
    call.reply.wait_before_head().await;
    if let Some(status) = call.reply.refusal() {
        return call.refuse(&VendorError::usual(vendor, status));
    }
    if let Some(raw) = call.reply.raw_body_plan().cloned() {
        return call.send_raw(&raw);
    }
    let said = match json {
        Some(Err(reason)) => Err(VendorError::not_json(vendor, &reason)),
        Some(Ok(body)) => generated(&route, vendor, body, &call),
        None => listed(&route, vendor, &request, &script),
    };
    match said {
        Ok(Said::Whole(body)) => call.send_json(body),
        Ok(Said::Stream(telling)) => call.send_stream(telling),
        Err(error) => call.refuse(&error),
    }
}

/// What the request itself prescribes, else what the script has for it.
fn chosen_reply(
    request: &HttpRequest,
    route: &Route,
    body: Option<&Value>,
    script: &Script,
) -> Result<Arc<Reply>, serde_json::Error> {
    if let Some(header) = request.headers().get("x-mock") {
        return Ok(Arc::new(serde_json::from_slice::<Directive>(header.as_bytes())?.into_reply()));
    }
    if let Some(wanted) = body.and_then(|body| body.get("x_mock")) {
        return Ok(Arc::new(serde_json::from_value::<Directive>(wanted.clone())?.into_reply()));
    }
    let model = match route {
        Route::Model(id) => Some(id.as_str()),
        _ => body.and_then(|body| body["model"].as_str()),
    };
    let (path, generates) = (request.path(), route.generates());
    Ok(script.choose(&Asked { path, generates, model, key: key_of(request) }))
}

/// An answer before it is sent.
enum Said {
    Whole(String),
    Stream(Telling),
}

fn generated(route: &Route, vendor: Vendor, body: Value, call: &Call) -> Result<Said, VendorError> {
    let protocol = match route {
        Route::Talk(protocol) => *protocol,
        Route::CountTokens => {
            let ask = Ask::counting(vendor, body)?;
            return Ok(Said::Whole(wire!({ "input_tokens": (ask.input_tokens) })));
        }
        _ => return embeddings::answer(&body, &call.reply).map(Said::Whole),
    };
    let ask = Ask::read(protocol, vendor, body)?;
    let mut answer = Answer::compose(&ask, &call.reply, call.presence.serial);
    if ask.stream {
        let voice: Box<dyn Voice> = match protocol {
            Protocol::Messages => Box::new(claude::ClaudeVoice),
            Protocol::Chat => Box::new(chat::ChatVoice::new(&answer, ask.include_usage)),
            Protocol::Responses => Box::new(responses_stream::ResponsesVoice::new(Echo::of(&ask))),
        };
        return Ok(Said::Stream(Telling::new(answer, voice)));
    }
    if call.reply.is_empty() {
        return Ok(Said::Whole(String::new()));
    }
    let mut body = whole(&ask, &answer);
    if let Some(wanted) = call.reply.padded_to() {
        answer.fill(wanted.saturating_sub(body.len()));
        body = whole(&ask, &answer);
    }
    Ok(Said::Whole(body))
}

fn whole(ask: &Ask, answer: &Answer) -> String {
    match ask.protocol {
        Protocol::Messages => claude::whole(answer),
        Protocol::Chat => chat::whole(answer),
        Protocol::Responses => responses::whole(answer, &Echo::of(ask)),
    }
}

fn listed(route: &Route, vendor: Vendor, request: &HttpRequest, script: &Script) -> Result<Said, VendorError> {
    let known = script.listed_models();
    match route {
        Route::Models => Ok(Said::Whole(models::all(vendor, &known))),
        Route::Model(id) if known.contains(id) => Ok(Said::Whole(models::one(vendor, id))),
        Route::Model(id) => Err(VendorError::no_such_model(vendor, id)),
        _ => Err(VendorError::no_such_path(vendor, request.method().as_str(), request.path())),
    }
}

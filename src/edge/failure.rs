//! The one place that knows which failure is which HTTP status (contract §2).

use std::borrow::Cow;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actors::settings_cache::NoOffer;
use actors::user_gate::Refusal;
use actors::vocabulary::{Ending, Family};

use super::head::RequestId;
use super::{cause, timing};
use crate::admission::{Refused, Stopped};
use crate::relay::{Failure, Why};
use crate::routing::NoRoute;
use crate::translation::{BadAsk, Fault, faults};
use crate::upstream::Failed;

/// Seconds told to clients that are to come back without a better figure.
const RETRY_SECONDS: i64 = 1;

/// What a client is told.
#[derive(Debug)]
pub struct Told {
    /// Which row of the table.
    pub fault: Fault,
    /// The message.
    pub message: String,
    /// OpenAI's `param`.
    pub param: Option<Cow<'static, str>>,
    /// Milliseconds until another try makes sense.
    pub retry_ms: Option<i64>,
    /// Tells SDKs not to retry by themselves.
    pub final_answer: bool,
    /// Limit and whether it counts tokens, for the rate-limit headers.
    pub limit: Option<(i64, Counted)>,
    /// Whose words: `gateway` or `upstream`.
    pub origin: &'static str,
    /// How the request ended.
    pub ending: Ending,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Requests.
    Requests,
    /// Tokens.
    Tokens,
}

impl Told {
    /// A refusal by the gateway.
    pub fn refusal(fault: Fault, message: impl Into<String>) -> Self {
        Self {
            fault,
            message: message.into(),
            param: None,
            retry_ms: None,
            final_answer: false,
            limit: None,
            origin: "gateway",
            ending: Ending::Refused,
        }
    }

    fn retry(self, retry_ms: i64) -> Self {
        Self { retry_ms: Some(retry_ms), ..self }
    }

    fn limited_to(self, limit: i64, counted: Counted) -> Self {
        Self { limit: Some((limit, counted)), ..self }
    }

    fn finally(self) -> Self {
        Self { final_answer: true, ..self }
    }

    /// The HTTP answer.
    pub fn respond(&self, family: Family, id: &RequestId) -> HttpResponse {
        let status = StatusCode::from_u16(self.fault.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let mut response = HttpResponse::build(status);
        response.content_type("application/json");
        response.insert_header(("x-relay-error-origin", self.origin));
        id.write(family, &mut response);
        if let Some(retry_ms) = self.retry_ms {
            response.insert_header((header::RETRY_AFTER, ((retry_ms + 999) / 1000).max(1).to_string()));
        }
        if self.final_answer {
            response.insert_header(("x-should-retry", "false"));
        }
        if let Some((limit, counted)) = self.limit {
            for (name, value) in limit_headers(family, limit, counted, self.retry_ms.unwrap_or(1_000)) {
                response.insert_header((name, value));
            }
        }
        response.body(faults::body(family, self.fault, &self.message, self.param.as_deref(), &id.0))
    }
}

/// The protocol's rate-limit headers: limit, what remains, when it is reset.
fn limit_headers(family: Family, limit: i64, counted: Counted, reset_ms: i64) -> Vec<(HeaderName, HeaderValue)> {
    let what = if counted == Counted::Tokens { "tokens" } else { "requests" };
    let reset = match family {
        Family::Claude => {
            let at =
                jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_millis(reset_ms)).unwrap_or(jiff::Timestamp::MAX);
            format!("{at:.0}")
        }
        Family::OpenAi => format!("{}ms", reset_ms.max(1)),
    };
    let start = match family {
        Family::Claude => format!("anthropic-ratelimit-{what}-"),
        Family::OpenAi => "x-ratelimit-".to_owned(),
    };
    let end = match family {
        Family::Claude => String::new(),
        Family::OpenAi => format!("-{what}"),
    };
    [("limit", limit.to_string()), ("remaining", "0".to_owned()), ("reset", reset)]
        .into_iter()
        .filter_map(|(part, value)| {
            let name = HeaderName::try_from(format!("{start}{part}{end}")).ok()?;
            Some((name, HeaderValue::from_str(&value).ok()?))
        })
        .collect()
}

/// Tells the client why there is no answer, and closes the request's receipt.
pub fn answer(failure: Failure, family: Family, id: &RequestId) -> HttpResponse {
    let Stopped { why, pending } = failure;
    let (mut response, told) = match &why {
        Why::Failed(Failed::NoSuchModel(answered)) => {
            let mut response = HttpResponse::build(StatusCode::from_u16(answered.status).unwrap_or(StatusCode::NOT_FOUND));
            if let Some(content_type) = answered.headers.get(header::CONTENT_TYPE) {
                response.insert_header((header::CONTENT_TYPE, content_type.clone()));
            }
            response.insert_header(("x-relay-error-origin", "upstream"));
            id.write(family, &mut response);
            (
                response.body(answered.body.clone()),
                Told { ending: Ending::Completed, ..Told::refusal(Fault::NOT_FOUND, why.to_string()) },
            )
        }
        why => {
            let told = told(why, family);
            (told.respond(family, id), told)
        }
    };
    if let Some(mut pending) = pending {
        timing::tell(&mut response, pending.spent());
        pending.note(|receipt| receipt.cause = Some(cause::of(&why)));
        pending.close_later(told.ending, response.status().as_u16(), Some(why.to_string()));
    }
    response
}

fn told(why: &Why, family: Family) -> Told {
    let message = why.to_string();
    match why {
        Why::Refused(Refused::UnknownKey { shown }) => Told::refusal(Fault::UNAUTHENTICATED, unknown_key(family, shown)),
        Why::Refused(refused) => refused_told(refused, message),
        Why::NoRoute(NoRoute::NoneLive { retry_ms }) => Told::refusal(Fault::UNAVAILABLE, message).retry(*retry_ms),
        Why::NoRoute(NoRoute::UnknownResponse) => Told {
            param: Some("previous_response_id".into()),
            ..Told::refusal(Fault { openai_code: "previous_response_not_found", ..Fault::NOT_FOUND }, message)
        },
        Why::NoRoute(NoRoute::UnknownThread) => {
            Told { param: Some(faults::LOST_THREAD.into()), ..Told::refusal(Fault::NOT_FOUND, message) }
        }
        Why::NoRoute(NoRoute::Unanswered) | Why::Unrecorded | Why::Stopping => {
            Told::refusal(Fault::UNAVAILABLE, message).retry(1_000)
        }
        Why::Failed(failed) => failed_told(failed, message),
    }
}

/// The status of a refusal.
pub(super) fn status_of(refused: &Refused) -> u16 {
    refused_told(refused, String::new()).fault.status
}

/// An unknown key in the vendor's own words, by which clients know it.
pub fn unknown_key(family: Family, shown: &str) -> String {
    match family {
        Family::Claude => "invalid x-api-key".to_owned(),
        Family::OpenAi => format!("Incorrect API key provided: {shown}"),
    }
}

fn refused_told(refused: &Refused, message: String) -> Told {
    match refused {
        Refused::NoKey | Refused::UnknownKey { .. } => Told::refusal(Fault::UNAUTHENTICATED, message),
        Refused::Guessing { retry_ms } => Told::refusal(Fault::LIMITED, message).retry(*retry_ms),
        Refused::Forbidden(_) => Told::refusal(Fault::FORBIDDEN, message),
        Refused::Maintenance(_) => Told::refusal(Fault::UNAVAILABLE, message).retry(60_000).finally(),
        Refused::Bad(BadAsk::Field { field, .. }) => {
            Told { param: Some((*field).into()), ..Told::refusal(Fault::INVALID, message) }
        }
        Refused::Bad(BadAsk::TooMuch { field, .. }) => {
            Told { param: Some(field.clone().into()), ..Told::refusal(Fault::INVALID, message) }
        }
        Refused::Bad(_) => Told::refusal(Fault::INVALID, message),
        Refused::NoOffer { why: NoOffer::UnknownModel, .. } => {
            Told { param: Some("model".into()), ..Told::refusal(Fault::NOT_FOUND, message) }
        }
        Refused::NoOffer { why: NoOffer::NoChannel, .. } => Told::refusal(Fault::UNAVAILABLE, message).retry(10_000),
        Refused::NoOffer { .. } => Told::refusal(Fault::FORBIDDEN, message),
        Refused::Gate(refusal) => gate_told(refusal, message),
        Refused::Unrecordable | Refused::StorageIll | Refused::Overloaded(_) => {
            Told::refusal(Fault::UNAVAILABLE, message).retry(RETRY_SECONDS * 1_000)
        }
    }
}

fn gate_told(refusal: &Refusal, message: String) -> Told {
    match refusal {
        Refusal::NoBalance | Refusal::BalanceTooSmall | Refusal::BudgetUsedUp => Told::refusal(Fault::UNPAID, message),
        Refusal::DailyQuota { limit } => {
            Told::refusal(Fault::LIMITED, message).retry(3_600_000).limited_to(*limit, Counted::Tokens).finally()
        }
        Refusal::Rpm { limit, retry_ms, .. } => {
            Told::refusal(Fault::LIMITED, message).retry(*retry_ms).limited_to(i64::from(*limit), Counted::Requests)
        }
        Refusal::Tpm { limit, retry_ms, .. } => {
            Told::refusal(Fault::LIMITED, message).retry(*retry_ms).limited_to(i64::from(*limit), Counted::Tokens)
        }
        Refusal::NoSlot { limit } => {
            Told::refusal(Fault::LIMITED, message).retry(RETRY_SECONDS * 1_000).limited_to(i64::from(*limit), Counted::Requests)
        }
        Refusal::DailyHeld { limit } => {
            Told::refusal(Fault::LIMITED, message).retry(RETRY_SECONDS * 1_000).limited_to(*limit, Counted::Tokens)
        }
        Refusal::BalanceHeld => {
            Told::refusal(Fault::LIMITED, message).retry(RETRY_SECONDS * 1_000).limited_to(0, Counted::Requests)
        }
        Refusal::StorageIll => Told::refusal(Fault::UNAVAILABLE, message).retry(1_000),
    }
}

fn failed_told(failed: &Failed, message: String) -> Told {
    let ms = |pause: Duration| i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
    match failed {
        Failed::NoneLive { retry_ms } => Told::refusal(Fault::UNAVAILABLE, message).retry(*retry_ms),
        Failed::Saturated | Failed::Unanswered | Failed::Overloaded(_) => {
            Told::refusal(Fault::UNAVAILABLE, message).retry(RETRY_SECONDS * 1_000)
        }
        Failed::Deadline => Told { ending: Ending::TimedOut, ..Told::refusal(Fault::TIMEOUT, message) },
        Failed::NoSuchModel(_) => Told::refusal(Fault::NOT_FOUND, message),
        Failed::CannotCarry(what) => Told { param: Some(what.field.clone().into()), ..Told::refusal(Fault::INVALID, message) },
        Failed::All { status, retry_after, timed_out, .. } => {
            let fault = match status {
                Some(status) => Fault::kept(*status),
                None if *timed_out => Fault::TIMEOUT,
                None => Fault::UPSTREAM,
            };
            let ending = if *timed_out && status.is_none() { Ending::TimedOut } else { Ending::UpstreamFailed };
            let told = Told { ending, origin: "upstream", ..Told::refusal(fault, message) };
            let wants_pause = matches!(fault.status, 429 | 503 | 529);
            match retry_after.map(ms).or(Some(RETRY_SECONDS * 1_000).filter(|_| wants_pause)) {
                Some(retry_ms) => told.retry(retry_ms),
                None => told,
            }
        }
    }
}

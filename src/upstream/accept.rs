//! What a 200 is: an answer of the form that was asked for or of the other one, or none.

use std::time::Duration;

use actors::settings_cache::Offer;
use actors::usage_ledger::PendingReceipt;
use actors::vocabulary::{Price, Protocol};
use bytes::Bytes;
use tokio::time::Instant;

use super::account_faults::account_fault;
use super::attempt::{Clocks, Said};
use super::complaint::Complaint;
use super::events::{Broken, Events, Next};
use super::form::{Form, open, whole_body};
use super::verdict::Miss;
use super::wire::Response;
use super::words::own_words;
use crate::admission::Inbound;
use crate::capacity::NoTurn;
use crate::translation::hub::Answer;
use crate::translation::{Circumstances, Conversion, Frame, Heard, Meaning, Speech, UsageTap};

/// Held at most this long after the first event before the commit (contract §2).
const COMMIT_WITHIN: Duration = Duration::from_secs(3);
/// Held at most so many bytes before the commit (contract §2).
const COMMIT_BYTES: usize = 64 << 10;
/// What is said of an end with nothing before it.
const NOTHING_BEFORE: &str = "closed the stream before any content";
/// What is said of a page or a sentence.
const NOT_JSON: &str = "answered with something that is not JSON";
/// What is said of an answer without output.
const NO_OUTPUT: &str = "answered without any output";
/// What is said of a body that is something else.
const NOT_AN_ANSWER: &str = "answered with something that is no answer";

/// One attempt, as it was sent.
pub(super) struct Asked<'a> {
    pub(super) offer: &'a Offer,
    pub(super) clocks: Clocks,
    pub(super) input_tokens: i64,
    /// The caller's own body: what an error repeats of it proves nothing.
    pub(super) request: Bytes,
    /// Most bytes taken of an answer.
    pub(super) most_bytes: usize,
}

/// An answer, and how it is told.
pub(super) struct Accepted {
    pub(super) said: Said,
    pub(super) speech: Speech,
    /// What it is, where the upstream's label says something else.
    pub(super) content_type: Option<&'static str>,
}

/// Takes in what stands behind a head that promises an answer.
pub(super) async fn accept(
    mut response: Response,
    inbound: &mut Inbound,
    asked: &Asked<'_>,
    speech: Speech,
) -> Result<Accepted, Miss> {
    let Asked { offer, clocks, .. } = asked;
    let protocol = offer.protocol;
    let can_stream = !matches!(protocol, Protocol::Embeddings | Protocol::CountTokens);
    let streams = inbound.ask.stream && can_stream;
    let empty_is_failure = inbound.caller.snapshot.settings.proxy_treat_empty_output_as_failure;
    let tap = tap(offer);
    let label = label(&response);
    let unlike = move |wanted: &'static str| Some(wanted).filter(|wanted| !label.starts_with(wanted));
    let opened = open(&mut response, opened_by(clocks, streams)).await?;
    match opened.form {
        Form::Empty => Err(Miss::NoAnswer("answered with nothing".to_owned())),
        Form::Events if streams => {
            let events = Events::new(response, opened.head, tap, clocks.idle);
            let said = until_commit(events, empty_is_failure, clocks.commit_by, &mut inbound.caller.pending, asked).await?;
            Ok(Accepted { said, speech, content_type: unlike("text/event-stream") })
        }
        Form::Events if !can_stream => Err(Miss::NoAnswer("answered with a stream that nobody asked for".to_owned())),
        Form::Events => {
            let conversion = speech.reformed(|| within(inbound, offer));
            let events = Events::new(response, opened.head, tap, clocks.idle);
            let pending = Some(&mut inbound.caller.pending);
            let (answer, tap, bytes) = gathered(events, &conversion, pending, asked, empty_is_failure).await?;
            let said = Said::Whole(Heard::Read(answer), Box::new(tap), bytes);
            Ok(Accepted { said, speech: Speech::Converted(conversion), content_type: None })
        }
        Form::Whole | Form::Foreign => {
            let by = if streams { clocks.commit_by } else { clocks.answer_by };
            let must_produce = empty_is_failure && protocol.is_billed();
            let speech = match speech {
                native @ Speech::Native(_) if !streams => native,
                other => Speech::Converted(other.reformed(|| within(inbound, offer))),
            };
            let is_foreign = opened.form == Form::Foreign;
            let body = whole_body(response, opened, by, asked.most_bytes).await?;
            if is_foreign {
                return Err(Miss::NoAnswer(NOT_JSON.to_owned()));
            }
            let bytes = body.len();
            let reading = move || whole_answer(tap, &speech, body, must_produce).map(|(heard, tap)| (heard, tap, speech));
            let read = inbound.footprint.finish(bytes, reading).await.map_err(unread)?;
            let (heard, tap, speech) = read.map_err(|not| not.told(asked))?;
            Ok(Accepted { said: Said::Whole(heard, Box::new(tap), bytes), speech, content_type: unlike("application/json") })
        }
    }
}

/// One of several answers, as far as its form goes.
pub(super) enum Taken {
    /// A body, not read yet.
    Whole(Bytes),
    /// A stream that was put together, and how many bytes it came in.
    Gathered(Box<(Answer, UsageTap)>, usize),
}

impl Taken {
    /// How many bytes it came in.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Whole(body) => body.len(),
            Self::Gathered(_, bytes) => *bytes,
        }
    }

    /// Reads it, if it is not read yet.
    pub(super) fn read(self, tap: &UsageTap, speech: &Speech, must_produce: bool) -> Result<(Answer, UsageTap), NoAnswer> {
        match self {
            Self::Gathered(gathered, _) => Ok(*gathered),
            Self::Whole(body) => match whole_answer(tap.clone(), speech, body, must_produce)? {
                (Heard::Read(answer), tap) => Ok((answer, tap)),
                _ => Err(NoAnswer::Unreadable),
            },
        }
    }
}

/// Takes in one of several whole answers that are asked for side by side on a converted route.
pub(super) async fn accept_one(
    mut response: Response,
    asked: &Asked<'_>,
    conversion: &Conversion,
    empty_is_failure: bool,
) -> Result<Taken, Miss> {
    let by = asked.clocks.answer_by;
    let opened = open(&mut response, by).await?;
    match opened.form {
        Form::Events => {
            let events = Events::new(response, opened.head, tap(asked.offer), asked.clocks.idle);
            let (answer, tap, bytes) = gathered(events, conversion, None, asked, empty_is_failure).await?;
            Ok(Taken::Gathered(Box::new((answer, tap)), bytes))
        }
        Form::Whole => Ok(Taken::Whole(whole_body(response, opened, by, asked.most_bytes).await?)),
        Form::Empty => Err(Miss::NoAnswer("answered with nothing".to_owned())),
        Form::Foreign => Err(Miss::NoAnswer(NOT_JSON.to_owned())),
    }
}

/// What reads an offer's figures.
pub(super) fn tap(offer: &Offer) -> UsageTap {
    let have_a_price = offer.tariff.prices.is_some_and(|prices| prices.cache_creation != Price::default());
    UsageTap::new(offer.protocol).splitting_cache_writes(have_a_price)
}

/// The content type as the upstream has it, in small letters.
fn label(response: &Response) -> String {
    let header = response.headers().get(actix_web::http::header::CONTENT_TYPE);
    header.and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase()
}

/// Until when the first bytes must be there.
fn opened_by(clocks: &Clocks, streams: bool) -> Instant {
    match streams {
        true if clocks.idle.is_zero() => clocks.commit_by,
        true => clocks.commit_by.min(Instant::now() + clocks.idle),
        false => clocks.answer_by,
    }
}

/// The conversion of an answer of the client's own protocol that has not the form that was asked for.
fn within(inbound: &Inbound, offer: &Offer) -> Conversion {
    let caller = &inbound.caller;
    let way = Circumstances {
        client: caller.protocol,
        upstream: offer.protocol,
        model: &offer.upstream_model,
        asked: &inbound.ask.model,
        request_id: &caller.request_id,
        created: caller.pending.ts() / 1_000,
        include_usage: inbound.ask.include_usage,
        stream: inbound.ask.stream,
    };
    Conversion::within(offer.protocol, &way)
}

/// A failure in the upstream's words, if it has any; and whose it is.
fn failed(what: &str, body: &[u8], asked: &Asked<'_>) -> Miss {
    let words = own_words(body, &asked.offer.channel);
    if let Some(fault) = account_fault(body, &asked.request) {
        return Miss::Account { status: 200, fault, words };
    }
    let why = words.map_or_else(|| what.to_owned(), |words| format!("{what}: {words}"));
    if Complaint::read(body).is_about_the_request() { Miss::Declined(why) } else { Miss::NoAnswer(why) }
}

/// The reading itself went wrong.
pub(super) fn unread(_: NoTurn) -> Miss {
    Miss::NoAnswer("could not be read".to_owned())
}

/// Why a whole body is no answer.
pub(super) enum NoAnswer {
    /// It is something else, perhaps an error.
    Said(Bytes),
    /// It looks like one, and cannot be read.
    Unreadable,
    /// It has no output, and must have.
    Empty,
}

impl NoAnswer {
    pub(super) fn told(self, asked: &Asked<'_>) -> Miss {
        match self {
            Self::Said(body) => failed(NOT_AN_ANSWER, &body, asked),
            Self::Unreadable => Miss::NoAnswer(NOT_AN_ANSWER.to_owned()),
            Self::Empty => Miss::Declined(NO_OUTPUT.to_owned()),
        }
    }
}

/// Reads a whole body.
pub(super) fn whole_answer(
    mut tap: UsageTap,
    speech: &Speech,
    body: Bytes,
    must_produce: bool,
) -> Result<(Heard, UsageTap), NoAnswer> {
    if !tap.whole(&body) {
        return Err(NoAnswer::Said(body));
    }
    if must_produce && !tap.produced() {
        return Err(NoAnswer::Empty);
    }
    let heard = speech.hear(body).ok_or(NoAnswer::Unreadable)?;
    Ok((heard, tap))
}

/// Puts a stream together where a whole answer was asked for.
async fn gathered(
    mut events: Events,
    conversion: &Conversion,
    mut pending: Option<&mut PendingReceipt>,
    asked: &Asked<'_>,
    empty_is_failure: bool,
) -> Result<(Answer, UsageTap, usize), Miss> {
    let mut gatherer = conversion.gatherer();
    let mut bytes = 0;
    loop {
        match events.next(asked.clocks.answer_by).await {
            Next::Event(frame, meaning) => {
                bytes += frame.raw.len();
                if bytes > asked.most_bytes {
                    return Err(Miss::NoAnswer("answered with more than 64 MiB".to_owned()));
                }
                let (usage, estimated) = events.tap().reading(asked.input_tokens);
                if let Some(pending) = &mut pending {
                    pending.used(usage, estimated);
                }
                fault(&frame, meaning, asked)?;
                gatherer.event(&frame);
                if meaning == Meaning::End {
                    break;
                }
            }
            Next::Closed => break,
            Next::Quiet | Next::Broken(Broken::Idle) => return Err(Miss::TimedOut("the whole answer")),
            Next::Broken(Broken::Network) => return Err(Miss::Network("the answer broke off".to_owned())),
            Next::Broken(broken @ Broken::TooLong) => return Err(Miss::NoAnswer(broken.to_string())),
        }
    }
    let began = events.tap().began();
    let answer = gatherer.finish().filter(|_| began).map(|answer| conversion.finished(answer));
    let answer = answer.ok_or_else(|| Miss::NoAnswer("closed the stream before its end".to_owned()))?;
    if events.tap().is_unreadable() || (empty_is_failure && !events.tap().produced()) {
        return Err(Miss::Declined(NO_OUTPUT.to_owned()));
    }
    Ok((answer, events.tap().clone(), bytes))
}

/// What of an event says that there is no answer.
fn fault(frame: &Frame, meaning: Meaning, asked: &Asked<'_>) -> Result<(), Miss> {
    let data = frame.data.as_deref().unwrap_or_default();
    match meaning {
        Meaning::Error => Err(failed("answered with an error event", data, asked)),
        Meaning::Fault => Err(failed("answered with an event that cannot be used", data, asked)),
        _ => Ok(()),
    }
}

/// Holds events back until one makes the answer definite, or the bounds are reached.
async fn until_commit(
    mut events: Events,
    empty_is_failure: bool,
    by: Instant,
    pending: &mut PendingReceipt,
    asked: &Asked<'_>,
) -> Result<Said, Miss> {
    let mut held: Vec<(Frame, Meaning)> = Vec::new();
    let mut bytes = 0;
    let mut commit_at = Instant::now() + Duration::from_secs(86_400);
    loop {
        match events.next(commit_at.min(by)).await {
            Next::Event(frame, meaning) => {
                let (usage, estimated) = events.tap().reading(asked.input_tokens);
                pending.used(usage, estimated);
                fault(&frame, meaning, asked)?;
                let must_produce = empty_is_failure || events.tap().is_unreadable();
                match meaning {
                    Meaning::End if !events.tap().began() => return Err(Miss::NoAnswer(NOTHING_BEFORE.to_owned())),
                    Meaning::End if must_produce && !events.tap().produced() => {
                        return Err(Miss::Declined(NO_OUTPUT.to_owned()));
                    }
                    _ => {}
                }
                if held.is_empty() && !empty_is_failure {
                    commit_at = Instant::now() + COMMIT_WITHIN;
                }
                bytes += frame.raw.len();
                held.push((frame, meaning));
                let stop_alone = meaning == Meaning::Content && must_produce && !events.tap().produced();
                if (meaning == Meaning::Content && !stop_alone) || meaning == Meaning::End || bytes > COMMIT_BYTES {
                    return Ok(Said::Stream(held, Box::new(events)));
                }
            }
            Next::Quiet if commit_at <= by => return Ok(Said::Stream(held, Box::new(events))),
            Next::Quiet | Next::Broken(Broken::Idle) => return Err(Miss::TimedOut("the first content")),
            Next::Closed => return Err(Miss::NoAnswer(NOTHING_BEFORE.to_owned())),
            Next::Broken(Broken::Network) => return Err(Miss::Network("the answer broke off".to_owned())),
            Next::Broken(broken @ Broken::TooLong) => return Err(Miss::NoAnswer(broken.to_string())),
        }
    }
}

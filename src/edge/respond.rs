//! An answer as HTTP.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpResponse, HttpResponseBuilder};
use futures_util::{Stream, stream};
use tracing::Span;

use super::UnderWay;
use super::head::RequestId;
use super::timing;
use crate::metering::{Answer, Body};
use crate::upstream::comes_back;

/// Turns an answer into the response.
pub(super) fn respond(answer: Answer, id: &RequestId, under_way: UnderWay) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK));
    id.write(answer.protocol.family(), &mut response);
    pass_headers(&answer, &mut response);
    let spent = answer.spent;
    let mut response = match answer.body {
        Body::Whole(body) => response.body(body),
        Body::Declined(body) => response.insert_header(("x-relay-error-origin", "upstream")).body(body),
        Body::Stream(metered) => {
            response.insert_header((header::CACHE_CONTROL, "no-cache"));
            response.insert_header(("x-accel-buffering", "no"));
            // The state machine is dropped with the body: a client that leaves ends it at once.
            response.streaming(InSpan::new(stream::unfold((metered, under_way), |(mut metered, under_way)| async move {
                metered.next().await.map(|bytes| (Ok::<_, Infallible>(bytes), (metered, under_way)))
            })))
        }
    };
    timing::tell(&mut response, spent);
    response
}

/// A body that goes on in its request's span after the request's future has ended, and is dropped in it.
struct InSpan<S> {
    span: Span,
    body: Option<Pin<Box<S>>>,
}

impl<S> InSpan<S> {
    fn new(body: S) -> Self {
        Self { span: Span::current(), body: Some(Box::pin(body)) }
    }
}

impl<S: Stream> Stream for InSpan<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let Self { span, body } = self.get_mut();
        let _entered = span.enter();
        body.as_mut().map_or(Poll::Ready(None), |body| body.as_mut().poll_next(context))
    }
}

impl<S> Drop for InSpan<S> {
    fn drop(&mut self) {
        let _entered = self.span.enter();
        self.body = None;
    }
}

/// Content type, the upstream's request id and its rate limits.
fn pass_headers(answer: &Answer, response: &mut HttpResponseBuilder) {
    let own = answer.content_type.map(header::HeaderValue::from_static);
    let content_type = own.or_else(|| answer.headers.get(header::CONTENT_TYPE).cloned());
    response.insert_header((header::CONTENT_TYPE, content_type.unwrap_or(header::HeaderValue::from_static("application/json"))));
    for (name, value) in &answer.headers {
        let renamed = comes_back(name.as_str(), answer.upstream).and_then(|name| HeaderName::try_from(name).ok());
        if let Some(name) = renamed {
            response.insert_header((name, value.clone()));
        }
    }
    if !answer.left_out.is_empty() {
        response.insert_header(("x-relay-left-out", answer.left_out.to_string()));
    }
    if answer.is_estimate {
        response.insert_header(("x-relay-estimated", "true"));
    }
}

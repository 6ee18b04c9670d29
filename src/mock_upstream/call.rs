//! A request that is being answered, and the ways to answer it.

use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, HttpResponseBuilder};
use bytes::Bytes;

use super::headers;
use super::performance::{Performance, Source};
use super::recorder::Presence;
use super::reply::{Raw, Reply, Twist};
use super::route::Vendor;
use super::telling::Telling;
use super::vendor_error::VendorError;

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream; charset=utf-8";

/// A request that is being answered.
pub(super) struct Call {
    pub(super) vendor: Vendor,
    pub(super) presence: Presence,
    pub(super) reply: Arc<Reply>,
}

impl Call {
    pub(super) fn refuse(self, error: &VendorError) -> HttpResponse {
        let id = headers::request_id(self.vendor, self.presence.serial);
        let body = match self.reply.scripted_error_body() {
            Some(body) if self.reply.refusal().is_some() => body.clone(),
            _ => error.body(self.vendor, &id).into(),
        };
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.send_whole(status, JSON, body)
    }

    pub(super) fn send_raw(self, raw: &Raw) -> HttpResponse {
        if raw.chunked {
            let source = Source::chunks(raw.chunks.iter().cloned());
            return self.send(StatusCode::OK, &raw.content_type, source, None);
        }
        self.send_whole(StatusCode::OK, &raw.content_type, raw.chunks.concat().into())
    }

    fn send_whole(self, status: StatusCode, content_type: &str, body: Bytes) -> HttpResponse {
        let course = &self.reply.course;
        // An error event that has no stream to appear in becomes an error.
        let lacks_stream = course.fails_at_once || matches!(course.twist, Some((_, Twist::ErrorEvent)));
        if lacks_stream && status.is_success() {
            let usual = if self.vendor == Vendor::Claude { 529 } else { 500 };
            let error = VendorError::usual(self.vendor, usual);
            return self.refuse(&error);
        }
        let halved = self.reply.has_a_course() && !lacks_stream;
        let length = if halved { None } else { Some(body.len() as u64) };
        self.send(status, content_type, Source::whole(body, halved), length)
    }

    /// A whole answer in JSON.
    pub(super) fn send_json(self, body: String) -> HttpResponse {
        self.send_whole(StatusCode::OK, JSON, body.into())
    }

    pub(super) fn send_stream(self, telling: Telling) -> HttpResponse {
        self.send(StatusCode::OK, EVENTS, Source::Stream(Box::new(telling)), None)
    }

    fn send(mut self, status: StatusCode, content_type: &str, source: Source, length: Option<u64>) -> HttpResponse {
        let scripted = StatusCode::from_u16(self.reply.status_or_ok()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponseBuilder::new(if status.is_success() { scripted } else { status });
        let id = headers::request_id(self.vendor, self.presence.serial);
        response.insert_header(("content-type", content_type));
        response.insert_header((headers::id_name(self.vendor), id));
        for header in headers::usual(self.vendor) {
            response.insert_header(*header);
        }
        if length.is_none() {
            response.insert_header(("cache-control", "no-cache"));
        }
        for (name, value) in self.reply.headers() {
            response.insert_header((name.as_str(), value.as_str()));
        }
        if length == Some(0) {
            self.presence.finish();
            return response.body(BoxBody::new(Bytes::new()));
        }
        response.body(BoxBody::new(Performance::new(source, length, self.reply, self.presence)))
    }
}

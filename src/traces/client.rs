//! The HTTP client towards the collector. Not the one towards providers: that belongs to the threads that serve requests.

use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};

/// Longest for one exchange with the collector.
const DEADLINE: Duration = Duration::from_secs(10);
/// Most of what the collector answers.
const MOST_ANSWER_BYTES: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Collector(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Collector {
    pub(super) fn new(tls: &rustls::ClientConfig) -> Self {
        let mut tls = tls.clone();
        // The connector says itself what it speaks.
        tls.alpn_protocols.clear();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = self.0.request(request.map(Full::new)).await?.into_parts();
        let body = Limited::new(body, MOST_ANSWER_BYTES).collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        tokio::time::timeout(DEADLINE, self.exchange(request)).await?
    }
}

//! The HTTP client towards upstreams: awc, HTTP/1.1, one per worker, with its defaults put right.
//!
//! awc by itself forgets to set TCP_NODELAY, stops at 100 requests in flight, gives up after 5 s, and does not
//! retry a pooled connection that the server had just closed. Admission does the limiting here, deadlines are
//! set per request, and [`Wire::send`] asks once more on a fresh connection if the first was a kept one.

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, Uri};
use actors::settings_cache::SnapshotReader;
use awc::error::{ConnectError as AwcConnectError, PayloadError, SendRequestError};
use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::LocalBoxFuture;
use tokio::net::TcpStream;

use super::address::is_public;

/// Idle connections are closed after this; most servers keep theirs longer.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Connections are not used longer than this, so that DNS changes are seen.
const LIFETIME: Duration = Duration::from_secs(600);
/// A pooled connection that breaks within this time, before any answer, was stale.
const STALE_WITHIN: Duration = Duration::from_secs(1);
/// Most of a body handed to the connection at once.
const PIECE_BYTES: usize = 64 << 10;
/// TLS handshakes may take this long.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// An upstream's answer: its head, and its body as it comes.
pub type Response = awc::ClientResponse<Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>>>;

tokio::task_local! {
    /// Whether the request under way has dialled: its connection is not one that was kept.
    static DIALLED: Cell<bool>;
}

/// What became of a request: its answer, and the try before it, if there was one.
#[derive(Debug)]
pub struct Sent {
    /// A try on a kept connection that turned out to be closed.
    pub stale: Option<Stale>,
    /// The answer.
    pub answered: Result<Response, SendRequestError>,
}

/// A try on a kept connection that its server had closed.
#[derive(Clone, Copy, Debug)]
pub struct Stale {
    /// When it began.
    pub began: Instant,
    /// How long it took to notice.
    pub took: Duration,
}

/// A request as it goes out.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Its method.
    pub method: Method,
    /// Where to.
    pub uri: Uri,
    /// With these headers.
    pub headers: HeaderMap,
    /// And this body.
    pub body: Bytes,
}

/// One worker's client.
#[derive(Clone)]
pub struct Wire {
    pooled: awc::Client,
    fresh: awc::Client,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    /// A client for this worker. `tls` is shared by all workers.
    pub fn new(tls: &Arc<rustls::ClientConfig>, settings: SnapshotReader) -> Self {
        let client = |keep_alive| {
            let connector = awc::Connector::new()
                .connector(Dial { settings: settings.clone() })
                .rustls_0_23(Arc::clone(tls))
                .limit(0)
                .timeout(Duration::from_secs(86_400))
                .handshake_timeout(HANDSHAKE)
                .conn_keep_alive(keep_alive)
                .conn_lifetime(LIFETIME);
            awc::Client::builder().connector(connector).disable_redirects().no_default_headers().disable_timeout().finish()
        };
        Self { pooled: client(KEEP_ALIVE), fresh: client(Duration::ZERO) }
    }

    /// Sends a request and waits for the answer's head, at most `deadline`. A kept connection that turns out to be closed
    /// is no try of the caller's: the request goes out once more, on a fresh one.
    pub async fn send(&self, outgoing: &Outgoing, deadline: Duration) -> Sent {
        let began = Instant::now();
        let (answered, dialled) = DIALLED
            .scope(Cell::new(false), async {
                let answered = request(&self.pooled, outgoing, deadline).await;
                (answered, DIALLED.with(Cell::get))
            })
            .await;
        match answered {
            Err(error) if !dialled && is_stale(&error) && began.elapsed() < STALE_WITHIN => {
                let took = began.elapsed();
                let answered = request(&self.fresh, outgoing, deadline.saturating_sub(took)).await;
                Sent { stale: Some(Stale { began, took }), answered }
            }
            answered => Sent { stale: None, answered },
        }
    }
}

async fn request(client: &awc::Client, outgoing: &Outgoing, deadline: Duration) -> Result<Response, SendRequestError> {
    let mut request = client.request(outgoing.method.clone(), outgoing.uri.clone()).no_decompress().timeout(deadline);
    *request.headers_mut() = outgoing.headers.clone();
    request.send_body(Pieces(outgoing.body.clone())).await
}

/// A body handed over in pieces, so that the connection's buffer stays as small as one of them.
struct Pieces(Bytes);

impl MessageBody for Pieces {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0.len() as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let piece = self.0.len().min(PIECE_BYTES);
        Poll::Ready(Some(self.0.split_to(piece)).filter(|piece| !piece.is_empty()).map(Ok))
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        Ok(self.0)
    }
}

/// Whether the failure is that of a pooled connection its server had just closed.
fn is_stale(error: &SendRequestError) -> bool {
    let closed = |error: &io::Error| {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        matches!(error.kind(), ConnectionReset | BrokenPipe | ConnectionAborted | UnexpectedEof)
    };
    match error {
        SendRequestError::Connect(AwcConnectError::Disconnected) => true,
        SendRequestError::Send(error) | SendRequestError::Connect(AwcConnectError::Io(error)) => closed(error),
        SendRequestError::Response(actix_web::error::ParseError::Io(error)) => closed(error),
        _ => false,
    }
}

/// The TLS settings towards upstreams: the operator's certificates where `SSL_CERT_FILE` or `SSL_CERT_DIR`
/// names some, Mozilla's otherwise; HTTP/1.1 only, since awc's HTTP/2 pool does not notice dead connections.
pub fn tls_config(own_certificates: bool) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    if own_certificates {
        let loaded = rustls_native_certs::load_native_certs();
        let (added, ignored) = roots.add_parsable_certificates(loaded.certs);
        tracing::info!(added, ignored, "upstream certificates are checked against the operator's own");
    } else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let mut config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// Resolves, checks and connects: after DNS, so that a name cannot point inside.
#[derive(Clone)]
struct Dial {
    settings: SnapshotReader,
}

impl Service<ConnectInfo<Uri>> for Dial {
    type Response = Connection<Uri, TcpStream>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, ConnectError>>;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&self, to: ConnectInfo<Uri>) -> Self::Future {
        let _outside_of_a_request = DIALLED.try_with(|dialled| dialled.set(true));
        let (deadline, allow_private) = {
            let snapshot = self.settings.load();
            (snapshot.settings.connect_timeout_sec, snapshot.settings.allow_private_upstreams)
        };
        let (host, port) = (to.hostname().trim_matches(['[', ']']).to_owned(), to.port());
        let uri = to.request().clone();
        Box::pin(async move {
            let connecting = connect(&host, port, allow_private);
            let stream = if deadline.is_zero() {
                connecting.await
            } else {
                tokio::time::timeout(deadline, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            };
            let stream = stream.map_err(ConnectError::Io)?;
            stream.set_nodelay(true).map_err(ConnectError::Io)?;
            Ok(Connection::new(uri, stream))
        })
    }
}

async fn connect(host: &str, port: u16, allow_private: bool) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in tokio::net::lookup_host((host, port)).await? {
        if !allow_private && !is_public(address.ip()) {
            failure = io::Error::new(io::ErrorKind::PermissionDenied, "the address is private (setting allowPrivateUpstreams)");
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

//! Connections towards upstreams: resolved, checked and opened here, and the peer looked at again whenever something is
//! sent, since a connection may outlive the rule it was opened under.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_rt::net::{ActixStream, Ready};
use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use actix_web::http::Uri;
use actors::settings_cache::SnapshotReader;
use actors::vocabulary::address::is_public;
use futures_util::future::LocalBoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::wire::note_dial;

/// Resolves, checks and connects: after DNS, so that a name cannot point inside.
#[derive(Clone)]
pub(super) struct Dial {
    pub(super) settings: SnapshotReader,
}

impl Service<ConnectInfo<Uri>> for Dial {
    type Response = Connection<Uri, Peer>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, ConnectError>>;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&self, to: ConnectInfo<Uri>) -> Self::Future {
        note_dial();
        let deadline = self.settings.load().settings.connect_timeout_sec;
        let (host, port) = (to.hostname().trim_matches(['[', ']']).to_owned(), to.port());
        let (uri, settings) = (to.request().clone(), self.settings.clone());
        Box::pin(async move {
            let connecting = connect(&host, port, settings);
            let peer = if deadline.is_zero() {
                connecting.await
            } else {
                tokio::time::timeout(deadline, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            };
            Ok(Connection::new(uri, peer.map_err(ConnectError::Io)?))
        })
    }
}

async fn connect(host: &str, port: u16, settings: SnapshotReader) -> io::Result<Peer> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in tokio::net::lookup_host((host, port)).await? {
        let inside = (!is_public(address.ip())).then(|| settings.clone());
        if let Err(error) = still_allowed(inside.as_ref()) {
            failure = error;
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(Peer { stream, inside });
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Passes public peers, and others while the rule allows them.
fn still_allowed(inside: Option<&SnapshotReader>) -> io::Result<()> {
    match inside {
        Some(settings) if !settings.load().settings.allow_private_upstreams => {
            Err(io::Error::new(io::ErrorKind::PermissionDenied, "the address is private (setting allowPrivateUpstreams)"))
        }
        _ => Ok(()),
    }
}

/// An open connection. One to a private address refuses to send anything once the rule forbids such addresses.
pub(super) struct Peer {
    stream: TcpStream,
    /// Where the rule is read; `None` for a public address, to which it does not apply.
    inside: Option<SnapshotReader>,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stream.fmt(f)
    }
}

impl AsyncRead for Peer {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Peer {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        still_allowed(self.inside.as_ref())?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        still_allowed(self.inside.as_ref())?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl ActixStream for Peer {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(&self.stream, cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(&self.stream, cx)
    }
}

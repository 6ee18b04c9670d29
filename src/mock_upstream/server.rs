//! The provider's server: its own thread, one worker, gone when its handle is dropped.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::rt::System;
use actix_web::{App, HttpServer, web};
use tokio::sync::{oneshot, watch};

use super::script::Script;
use super::serve::serve;

/// The largest request body taken.
const LARGEST_BODY: usize = 512 * 1024 * 1024;
/// How long a connection may be idle.
const KEEP_ALIVE: Duration = Duration::from_secs(3600);
/// How many connections may wait to be accepted.
const BACKLOG: u32 = 4096;

/// A running scripted provider. Dropping it stops it and closes its connections at once.
#[derive(Debug)]
pub struct MockUpstream {
    addr: SocketAddr,
    script: Script,
    handle: ServerHandle,
    stopped: watch::Receiver<()>,
}

impl MockUpstream {
    /// Starts a provider with an empty script; port 0 takes any free one.
    pub async fn start(addr: SocketAddr) -> io::Result<Self> {
        Self::start_with(addr, Script::new()).await
    }

    /// Starts a provider with a script that exists already, for instance that of a provider which was stopped.
    pub async fn start_with(addr: SocketAddr, script: Script) -> io::Result<Self> {
        let (tell_started, started) = oneshot::channel();
        let (tell_stopped, stopped) = watch::channel(());
        let played = script.clone();
        // A thread of its own: the handle's drop can stop the server though the caller's runtime is ending.
        std::thread::Builder::new().name("mock-upstream".to_owned()).spawn(move || {
            System::new().block_on(async move {
                match bind(addr, played) {
                    Ok((server, addr)) => {
                        let _ = tell_started.send(Ok((addr, server.handle())));
                        if let Err(reason) = server.await {
                            tracing::warn!(%reason, "the scripted provider ended");
                        }
                    }
                    Err(reason) => {
                        let _ = tell_started.send(Err(reason));
                    }
                }
            });
            drop(tell_stopped);
        })?;
        let (addr, handle) = started.await.map_err(|_| io::Error::other("the provider's thread ended"))??;
        Ok(Self { addr, script, handle, stopped })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its address as a base URL, without `/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Its script.
    pub fn script(&self) -> Script {
        self.script.clone()
    }

    /// Stops it at once, open connections included, and waits until its port is free.
    pub async fn stop(self) {
        let mut stopped = self.stopped.clone();
        drop(self);
        // Nothing is ever sent: the error is the end of the thread.
        let _ = stopped.changed().await;
    }
}

impl Drop for MockUpstream {
    fn drop(&mut self) {
        // The command is sent by the call; the future only waits for the answer.
        drop(self.handle.stop(false));
    }
}

/// Serves until the process is asked to end (Ctrl-C). `record` keeps requests to be looked at.
pub async fn run(addr: SocketAddr, record: bool) -> io::Result<()> {
    let provider = MockUpstream::start(addr).await?;
    provider.script().record(record);
    tracing::info!(base_url = provider.base_url(), "the scripted provider listens");
    tokio::signal::ctrl_c().await?;
    provider.stop().await;
    Ok(())
}

fn bind(addr: SocketAddr, script: Script) -> io::Result<(Server, SocketAddr)> {
    let script = web::Data::new(script);
    let app = move || {
        App::new().app_data(script.clone()).app_data(web::PayloadConfig::new(LARGEST_BODY)).default_service(web::to(serve))
    };
    let server = HttpServer::new(app)
        .workers(1)
        .backlog(BACKLOG)
        .max_connections(100_000)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(Duration::ZERO)
        .tcp_nodelay(true)
        .h1_allow_half_closed(false)
        .disable_signals()
        .shutdown_timeout(1)
        .bind(addr)?;
    let addr = server.addrs().first().copied().ok_or_else(|| io::Error::other("no address was bound"))?;
    Ok((server.run(), addr))
}

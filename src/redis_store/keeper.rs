//! Keeps the connections: connects again, beats, listens, and says how instances stand to each other.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use actors::user_gate::shared::Standing;
use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{self, AsyncConnectionConfig};
use futures_util::StreamExt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::news::CHANNELS;
use super::{COMMAND_DEADLINE, Inner, PeerEvent, named, words};

/// Longest wait for a connection.
const CONNECT_DEADLINE: Duration = Duration::from_secs(2);
/// Pause between tries to connect.
const CONNECT_PAUSE: Duration = Duration::from_millis(500);
/// How often ended instances are looked for.
const BURY_EVERY: Duration = Duration::from_secs(60);

/// Closed when the first try to connect has ended, well or not.
pub(super) type First = oneshot::Receiver<()>;

/// Whether Redis answers, and lets us in.
pub(super) async fn answers(client: &redis::Client) -> Result<(), String> {
    let asking = async {
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("PING").query_async::<()>(&mut connection).await
    };
    match timeout(CONNECT_DEADLINE, asking).await {
        Ok(answered) => answered.map_err(|error| words(&error)),
        Err(_late) => Err("it does not answer".to_owned()),
    }
}

/// Starts the thread, which goes on trying until it is told to close.
pub(super) fn start(inner: Arc<Inner>, outbox: mpsc::Receiver<redis::Cmd>, closing: CancellationToken) -> io::Result<First> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (told, first) = oneshot::channel();
    let keeper = Keeper { inner, outbox, first: Some(told), joined_before: false };
    std::thread::Builder::new()
        .name("redis".to_owned())
        .spawn(move || runtime.block_on(closing.run_until_cancelled(keeper.run())))?;
    Ok(first)
}

/// The connection for commands, and the one that listens.
async fn connect(client: &redis::Client) -> redis::RedisResult<(MultiplexedConnection, redis::aio::PubSub)> {
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_DEADLINE)).set_response_timeout(Some(COMMAND_DEADLINE));
    let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    let mut listening = client.get_async_pubsub().await?;
    for channel in CHANNELS {
        listening.subscribe(named("news", channel)).await?;
    }
    Ok((connection, listening))
}

struct Keeper {
    inner: Arc<Inner>,
    outbox: mpsc::Receiver<redis::Cmd>,
    first: Option<oneshot::Sender<()>>,
    joined_before: bool,
}

impl Keeper {
    async fn run(mut self) {
        loop {
            match self.join().await {
                Ok(listening) => {
                    self.first = None;
                    self.serve(listening).await;
                    self.inner.connection.store(None);
                    let alone = Standing::Alone(self.inner.instances_alive());
                    self.inner.stands(alone);
                }
                Err(problem) => {
                    tracing::debug!(problem, "Redis does not answer yet");
                    self.first = None;
                }
            }
            // What waits for a Redis that is away is told again when it is back.
            while self.outbox.try_recv().is_ok() {}
            tokio::time::sleep(CONNECT_PAUSE).await;
        }
    }

    /// Connects, takes its place among the others, and listens.
    async fn join(&mut self) -> Result<redis::aio::PubSub, String> {
        let inner = &self.inner;
        let connecting = timeout(CONNECT_DEADLINE, connect(&inner.client));
        let (connection, listening) =
            connecting.await.map_err(|_late| "it does not answer".to_owned())?.map_err(|error| words(&error))?;
        inner.connection.store(Some(Arc::new(connection)));
        let lost = |_| "the connection was lost".to_owned();
        if !self.joined_before {
            inner.clear_own_share().await.map_err(lost)?;
        }
        inner.beat().await.map_err(lost)?;
        let instances = inner.instances_alive();
        // At its start this instance has no share that the others could miss.
        inner.stands(if self.joined_before { Standing::Rejoining(instances) } else { Standing::Together });
        if self.joined_before {
            tracing::info!("Redis answers again");
        }
        self.joined_before = true;
        inner.tell(PeerEvent::TellAll);
        inner.tell_all_slots();
        inner.catch_up_on_channels().await.map_err(lost)?;
        Ok(listening)
    }

    /// Beats, sends and listens until the connection is lost.
    async fn serve(&mut self, listening: redis::aio::PubSub) {
        let mut news = listening.into_on_message();
        let mut beat = tokio::time::interval(self.inner.rhythm.beat);
        let mut bury = tokio::time::interval(BURY_EVERY);
        let mut together_at = Some(Instant::now() + self.inner.rhythm.rejoin);
        loop {
            let inner = Arc::clone(&self.inner);
            let joining = async {
                match together_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = beat.tick() => match inner.beat_unless_left().await {
                    Ok(true) => {}
                    Ok(false) => {
                        tracing::warn!("Redis has forgotten what it was told; every instance tells its share again");
                        inner.stands(Standing::Rejoining(inner.instances_alive()));
                        together_at = Some(Instant::now() + self.inner.rhythm.rejoin);
                        inner.tell(PeerEvent::TellAll);
                        inner.tell_all_slots();
                    }
                    Err(_) => return,
                },
                () = joining => {
                    together_at = None;
                    inner.stands(Standing::Together);
                    inner.tell(PeerEvent::TellAll);
                }
                _ = bury.tick() => if inner.bury_the_silent().await.is_err() { return },
                command = self.outbox.recv() => match command {
                    Some(command) => if !self.send(command).await { return },
                    None => return,
                },
                message = news.next() => match message {
                    Some(message) => inner.heard(message.get_channel_name(), message.get_payload_bytes()),
                    None => return,
                },
                () = inner.look.notified() => if inner.connection.load().is_none() { return },
            }
        }
    }

    /// Sends a command, and whatever else waits, in one go.
    async fn send(&mut self, first: redis::Cmd) -> bool {
        let mut pipeline = redis::pipe();
        pipeline.add_command(first).ignore();
        for _ in 1..1_000 {
            let Ok(command) = self.outbox.try_recv() else { break };
            pipeline.add_command(command).ignore();
        }
        let ask = async |mut connection: MultiplexedConnection| pipeline.query_async::<()>(&mut connection).await;
        self.inner.within_deadline(ask).await.is_ok()
    }
}

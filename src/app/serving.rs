//! The HTTP server: started last, stopped first.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::dev::{ServerHandle, Service as _};
use actix_web::http::KeepAlive;
use actix_web::http::header::ACCEPT;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use actors::log_broadcaster::LogBroadcaster;
use actors::ports::Clock;
use actors::system::Cellar;
use actors::vocabulary::{IdMaker, InstanceId};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::chores::Chores;
use super::instance::Instance;
use super::lanes::Lane;
use super::leases::Rhythm;
use super::process::Process;
use super::upstreams::Providers;
use super::{StartError, metrics_listener, together};
use crate::admission::Desk;
use crate::api::{self, ApiContext};
use crate::capacity::Capacity;
use crate::config::Config;
use crate::console::{self, Console, FrontEnd};
use crate::edge::{self, Door};
use crate::metrics::Metrics;
use crate::redis_store::{Facts, InstanceFacts, RedisForms, RedisStore, SharedMemories};
use crate::relay::Road;
use crate::routing::{Conversations, RecentItems, ResponseOrigins};
use crate::services::channels::UpstreamsHandle;
use crate::services::error::NOT_FOUND;
use crate::services::system::SystemHandle;
use crate::services::{ServiceError, Services};
use crate::session::{Doorstep, careful_headers};
use crate::traces::Traces;
use crate::upstream::{Wire, tls_config};

/// Idle connections stay open this long; longer than the proxies usually put in front.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long the last events of answers that the deadline ended may take to go out, and then, where their clients do not
/// read, the server to close their connections.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often the number of requests under way is looked at while stopping.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What the server is made of.
pub(super) struct Parts {
    pub(super) config: Config,
    pub(super) cellar: Cellar,
    pub(super) services: Services,
    pub(super) ids: Arc<IdMaker>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) in_flight: Arc<AtomicUsize>,
    pub(super) capacity: Capacity,
    pub(super) metrics: Arc<Metrics>,
    pub(super) traces: Option<Traces>,
    pub(super) instance: Instance,
    pub(super) redis: Option<RedisStore>,
    pub(super) id: InstanceId,
    pub(super) lane: Lane,
}

/// A running gateway.
pub struct Running {
    /// Where it listens.
    pub listening: SocketAddr,
    /// Its actors.
    pub cellar: Cellar,
    /// Its services.
    pub services: Services,
    /// Memory for bodies, threads for large ones.
    pub capacity: Capacity,
    server: ServerHandle,
    in_flight: Arc<AtomicUsize>,
    late: CancellationToken,
    shutdown_timeout: Duration,
    chores: Chores,
    lane: Lane,
    /// Where `/metrics` is found; `None` = nowhere.
    pub metrics_at: Option<SocketAddr>,
    metrics: Option<ServerHandle>,
    traces: Option<Traces>,
    _instance: Instance,
    redis: Option<RedisStore>,
}

pub(super) fn bind(listen: SocketAddr) -> Result<(SocketAddr, TcpListener), StartError> {
    let bound = TcpListener::bind(listen).and_then(|listener| Ok((listener.local_addr()?, listener)));
    bound.map_err(|error| StartError::Io { what: format!("cannot listen on {listen}"), error })
}

/// What every worker opens: the three doors, and what stands behind them.
#[derive(Clone)]
struct Doors {
    desk: Desk,
    tls: Arc<rustls::ClientConfig>,
    origins: Arc<ResponseOrigins>,
    items: Arc<RecentItems>,
    conversations: Arc<Conversations>,
    door: Door,
    console: Console,
    api_routes: api::Routes,
    upstreams: Data<UpstreamsHandle>,
    system: Data<SystemHandle>,
    logs: Data<LogBroadcaster>,
}

impl Doors {
    fn new(parts: &Parts) -> Self {
        let Parts { config, cellar, services, ids, clock, in_flight, capacity, metrics, traces, instance, id, redis, .. } = parts;
        let tls = tls_config(config.own_certificates);
        let settings = cellar.cache.reader().clone();
        let providers = Providers::start(Arc::clone(&tls), settings, cellar.health.clone());
        let process = Process {
            id: id.clone(),
            cellar: cellar.clone(),
            started_at: clock.now_ms(),
            in_flight: Arc::clone(in_flight),
            exclusivity: instance.exclusivity(),
            redis: redis.clone(),
        };
        let system = SystemHandle(Arc::new(process));
        let proxies = config.trusted_proxies.clone();
        let front_end = FrontEnd::embedded(config.console_without_npm);
        let memories = redis.clone().map(|redis| SharedMemories::start(redis, services.sealer.clone()));
        let forms = redis.clone().map(|redis| RedisForms::new(redis, services.sealer.clone()));
        Self {
            desk: Desk {
                cellar: cellar.clone(),
                ids: Arc::clone(ids),
                clock: Arc::clone(clock),
                throttle: Arc::clone(&services.throttles.keys),
            },
            tls,
            origins: Arc::new(ResponseOrigins::new(memories.clone())),
            items: Arc::new(RecentItems::new(memories.clone())),
            conversations: Arc::new(Conversations::new(memories)),
            door: Door {
                trusted_proxies: proxies.clone(),
                patience: config.patience,
                in_flight: Arc::clone(in_flight),
                late: CancellationToken::new(),
                capacity: capacity.clone(),
                metrics: Arc::clone(metrics),
                traces: traces.clone(),
            },
            console: Console::new(Doorstep { services: services.clone(), proxies }, system.clone(), front_end, forms),
            api_routes: api::routes(),
            upstreams: Data::new(UpstreamsHandle(Arc::new(providers))),
            system: Data::new(system),
            logs: Data::new(cellar.logs.clone()),
        }
    }

    /// Opens them on one worker, which gets a client towards upstreams of its own.
    fn open(&self, config: &mut ServiceConfig) {
        let door = Door { late: self.door.late.child_token(), ..self.door.clone() };
        let road = Road {
            desk: self.desk.clone(),
            wire: Wire::new(&self.tls, self.desk.cellar.cache.reader().clone()),
            origins: Arc::clone(&self.origins),
            items: Arc::clone(&self.items),
            conversations: Arc::clone(&self.conversations),
            keep_alive: door.patience.keep_alive,
            late: door.late.clone(),
        };
        config.app_data(self.upstreams.clone()).app_data(self.system.clone()).app_data(self.logs.clone());
        edge::routes(config, &road, &door);
        self.api_routes.configure(config, &ApiContext(self.console.doorstep.clone()));
        api::probes(config);
        console::routes(config, &self.console);
        edge::short_routes(config, &road);
        config.default_service(web::to(elsewhere));
    }
}

/// Whatever no route has: a page for browsers, JSON for everybody else.
async fn elsewhere(request: HttpRequest) -> HttpResponse {
    let accepted = request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    if accepted.into_iter().any(|kinds| kinds.contains("text/html")) {
        console::not_found(&request).await
    } else {
        api::error::refuse(&request, ServiceError::new(&NOT_FOUND))
    }
}

/// Binds, starts the workers and the chores.
pub(super) async fn serve(parts: Parts) -> Result<Running, StartError> {
    let (listening, listener) = bind(parts.config.listen)?;
    let doors = Doors::new(&parts);
    let scraped = metrics_listener::Scraped {
        metrics: Arc::clone(&parts.metrics),
        system: doors.system.get_ref().clone(),
        services: parts.services.clone(),
        health: parts.cellar.health.clone(),
    };
    let scraping = metrics_listener::open(parts.config.metrics, scraped)?;
    let (metrics_at, metrics) = scraping.unzip();
    let Parts { config, cellar, services, in_flight, capacity, traces, instance, id, lane, redis, clock, .. } = parts;
    if let Some(redis) = &redis {
        let facts = facts(&cellar, &in_flight, listening, clock.now_ms());
        let joined = redis.join(together::listener(&cellar), facts).await;
        joined.map_err(|error| StartError::Io { what: "the system starts no thread".to_owned(), error })?;
    }
    let upstreams = doors.upstreams.get_ref().clone();
    let late = doors.door.late.clone();
    let app = move || {
        App::new()
            .wrap(careful_headers())
            .wrap_fn(|mut request, routes| {
                edge::normalise_path(&mut request);
                routes.call(request)
            })
            .configure(|config| doors.open(config))
    };
    let mut server = HttpServer::new(app)
        .tcp_nodelay(true)
        .h1_allow_half_closed(false)
        .keep_alive(KeepAlive::Timeout(KEEP_ALIVE))
        .client_request_timeout(config.patience.head)
        .shutdown_timeout((config.shutdown_timeout + FAREWELL).as_secs() + 1)
        .disable_signals();
    if let Some(workers) = config.workers {
        server = server.workers(workers.max(1));
    }
    let server = server.listen(listener).map_err(|error| StartError::Io { what: "cannot listen".to_owned(), error })?.run();
    let handle = server.handle();
    rt::spawn(server);
    let chores = Chores::start(&services, &id, Rhythm::USUAL, upstreams, cellar.cache.reader().clone());
    Ok(Running {
        listening,
        cellar,
        services,
        capacity,
        server: handle,
        in_flight,
        late,
        shutdown_timeout: config.shutdown_timeout,
        chores,
        lane,
        metrics_at,
        metrics,
        traces,
        _instance: instance,
        redis,
    })
}

/// What this instance says of itself to the others.
fn facts(cellar: &Cellar, in_flight: &Arc<AtomicUsize>, listening: SocketAddr, started_at: i64) -> Facts {
    let (cellar, in_flight) = (cellar.clone(), Arc::clone(in_flight));
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Box::new(move || InstanceFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        place: format!("{host} {listening}"),
        started_at,
        in_flight: in_flight.load(Ordering::Acquire) as u64,
        unbooked: cellar.ledger.observe().backlog,
        readers: cellar.logs.readers() as u64,
    })
}

impl Running {
    /// Relayed requests under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// Stops in order: background work handed over, no new connections, live readers away, running answers finished (up to the deadline, which ends
    /// them legally), every receipt in the database. Answers whether all of that was done in time.
    pub async fn stop(self) -> bool {
        let by = Instant::now() + self.shutdown_timeout;
        self.chores.stop().await;
        let mut stopping = rt::spawn(self.server.stop(true));
        self.cellar.logs.dismiss().await;
        let finished = idle(&self.in_flight, by).await;
        if !finished {
            self.cellar.bookkeeper.close();
            self.late.cancel();
            idle(&self.in_flight, by + FAREWELL).await;
        }
        // A request is done when its answer's last bytes are handed over; a slow client is still reading them. The
        // server closes what is idle by itself, and stops when nobody reads any more, or two seconds after the deadline.
        let until = if finished { by } else { by + 3 * FAREWELL };
        let finished = tokio::time::timeout_at(until, &mut stopping).await.is_ok() && finished;
        // What is dropped with its connection still has to be booked.
        idle(&self.in_flight, Instant::now() + FAREWELL).await;
        let booked = self.cellar.ledger.drain(by.saturating_duration_since(Instant::now()).max(Duration::from_secs(2))).await;
        if let Some(redis) = &self.redis {
            redis.leave().await;
        }
        self.lane.give_back().await;
        if let Some(traces) = &self.traces {
            traces.stop().await;
        }
        self.services.db.close().await;
        if let Some(metrics) = self.metrics {
            metrics.stop(false).await;
        }
        finished && booked
    }
}

/// Waits until no request is under way; answers whether that came in time.
async fn idle(in_flight: &AtomicUsize, by: Instant) -> bool {
    while in_flight.load(Ordering::Acquire) > 0 {
        if Instant::now() >= by {
            return false;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    true
}

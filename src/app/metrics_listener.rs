//! `/metrics`, on a listener and a thread of its own: strangers at the public port cannot ask for it, and a scrape waits for
//! no request.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::http::header::ContentType;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer, rt};
use actors::channel_health::{ChannelHealth, Circuit};
use prometheus::TEXT_FORMAT;

use super::StartError;
use super::serving::bind;
use crate::config::{METRICS_DEFAULT, MetricsListen};
use crate::metrics::{ChannelGauge, Metrics, Standing};
use crate::services::Services;
use crate::services::system::{Figures, SystemHandle};

/// Longest wait for the database and for channel health; what does not answer is left out.
const DEADLINE: Duration = Duration::from_secs(2);
/// Connections of scrapers at once.
const MOST_CONNECTIONS: usize = 64;

/// What a scrape looks at.
#[derive(Clone)]
pub(super) struct Scraped {
    pub(super) metrics: std::sync::Arc<Metrics>,
    pub(super) system: SystemHandle,
    pub(super) services: Services,
    pub(super) health: ChannelHealth,
}

/// Answers `/metrics` where it is wanted; `None` = nowhere. The default address may be taken, by another gateway on this
/// machine for one; an address that somebody chose may not.
pub(super) fn open(wanted: MetricsListen, scraped: Scraped) -> Result<Option<(SocketAddr, ServerHandle)>, StartError> {
    let bound = match wanted {
        MetricsListen::Off => return Ok(None),
        MetricsListen::At(address) => bind(address)?,
        MetricsListen::Default => match bind(METRICS_DEFAULT) {
            Ok(bound) => bound,
            Err(error) => {
                tracing::warn!(%error, "metrics are not served: set METRICS_LISTEN to a free address, or to off");
                return Ok(None);
            }
        },
    };
    let (address, listener) = bound;
    let scraped = Data::new(scraped);
    let app = move || App::new().app_data(scraped.clone()).route("/metrics", web::get().to(scrape));
    let server = HttpServer::new(app).workers(1).max_connections(MOST_CONNECTIONS).disable_signals();
    let server = server.listen(listener).map_err(|error| StartError::Io { what: "cannot serve metrics".to_owned(), error })?;
    let running = server.run();
    let handle = running.handle();
    rt::spawn(running);
    tracing::info!(%address, "metrics");
    Ok(Some((address, handle)))
}

async fn scrape(scraped: Data<Scraped>) -> HttpResponse {
    let standing = standing(&scraped).await;
    match scraped.metrics.text(&standing) {
        Ok(text) => HttpResponse::Ok().insert_header(("content-type", TEXT_FORMAT)).body(text),
        Err(error) => HttpResponse::InternalServerError().insert_header(ContentType::plaintext()).body(error.to_string()),
    }
}

async fn standing(scraped: &Scraped) -> Standing {
    let Scraped { system, services, health, .. } = scraped;
    let figures = system.0.figures().await;
    let mut plain = of_process(&figures, services.clock.now_ms());
    plain.push(("ready", f64::from(u8::from(system.0.can_relay()))));
    let (open, idle) = services.db.connections();
    plain.extend([("database_connections", f64::from(open)), ("database_connections_idle", idle as f64)]);
    let asked = Instant::now();
    if let Ok(Ok(())) = tokio::time::timeout(DEADLINE, services.db.ping()).await {
        plain.push(("database_ping_seconds", asked.elapsed().as_secs_f64()));
    }
    if let Some(redis) = system.0.redis() {
        let alive = redis.instances.iter().filter(|instance| instance.is_alive).count();
        plain.extend([
            ("redis_together", f64::from(u8::from(redis.is_together()))),
            ("redis_latency_seconds", redis.latency_us as f64 / 1e6),
            ("redis_losses", redis.losses as f64),
            ("redis_failures", redis.failures as f64),
            ("instances_alive", alive as f64),
        ]);
    }
    if let Some(free) = services.db.disk_free() {
        plain.push(("database_disk_free_bytes", free as f64));
    }
    let actors = figures.actors.iter().map(|actor| (actor.name, actor.mailbox, actor.handled, actor.restarts)).collect();
    Standing { plain, actors, channels: channels(services, health).await }
}

fn of_process(figures: &Figures, now_ms: i64) -> Vec<(&'static str, f64)> {
    let books = &figures.books;
    let age = books.oldest_unbooked_at.map_or(0, |since| now_ms.saturating_sub(since));
    let mut plain = vec![
        ("in_flight_requests", figures.in_flight as f64),
        ("waiting_requests", figures.waiting_requests as f64),
        ("slots_held", figures.slots_held as f64),
        ("holds", figures.holds as f64),
        ("held_usd", figures.held_usd.0.0 as f64 / 1e9),
        ("active_users", figures.active_users as f64),
        ("cached_keys", figures.cached_keys as f64),
        ("live_log_readers", figures.live_readers as f64),
        ("can_record", f64::from(u8::from(books.can_record))),
        ("unbooked_receipts", books.unbooked as f64),
        ("oldest_unbooked_seconds", age as f64 / 1_000.0),
        ("set_aside_receipts", books.set_aside as f64),
        ("disbelieved_usage", books.disbelieved_usage as f64),
        ("journal_bytes", books.journal_bytes as f64),
        ("lost_log_lines", figures.lost_log_lines as f64),
    ];
    plain.extend(books.last_booked_at.map(|at| ("last_booking_timestamp_seconds", at as f64 / 1_000.0)));
    plain.extend(books.journal_disk_free_bytes.map(|free| ("journal_disk_free_bytes", free as f64)));
    plain
}

/// Enabled channels; one that nobody asked yet is live.
async fn channels(services: &Services, health: &ChannelHealth) -> Vec<ChannelGauge> {
    let Some(snapshot) = services.settings.snapshot() else { return Vec::new() };
    let observed = tokio::time::timeout(DEADLINE, health.observe()).await;
    let states = observed.ok().and_then(Result::ok).unwrap_or_default();
    let now = services.clock.now_ms();
    let gauge = |channel: &actors::vocabulary::Channel| {
        let state = states.iter().find(|state| state.channel == channel.id);
        let rests = |until: Option<i64>| until.is_some_and(|until| until > now);
        ChannelGauge {
            name: channel.name.clone(),
            is_live: state.is_none_or(|state| !matches!(state.circuit, Circuit::Open { .. }) && !rests(state.resting_until_ms)),
            in_flight: state.map_or(0, |state| state.in_flight),
        }
    };
    snapshot.channels().iter().map(|channel| gauge(channel)).collect()
}

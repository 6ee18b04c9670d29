//! How the process stands at the moment somebody scrapes.

use prometheus::{Gauge, GaugeVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, Result as Registered};

use super::{PREFIX, counter};

/// A channel.
#[derive(Clone, Debug)]
pub struct ChannelGauge {
    /// Its name.
    pub name: String,
    /// Whether its circuit lets requests through.
    pub is_live: bool,
    /// Attempts under way.
    pub in_flight: u32,
}

/// The process at one moment.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Gauges without labels: name as in the table below, value.
    pub plain: Vec<(&'static str, f64)>,
    /// Actors: name, messages that wait, messages handled, restarts.
    pub actors: Vec<(&'static str, u64, u64, u64)>,
    /// Enabled channels.
    pub channels: Vec<ChannelGauge>,
}

/// Name and help of each gauge without labels.
const PLAIN: [(&str, &str); 22] = [
    ("in_flight_requests", "Requests under way, their answers included."),
    ("waiting_requests", "Requests that wait for a slot, tokens or money."),
    ("slots_held", "Concurrency slots of users that are taken."),
    ("holds", "Requests that hold money or a slot."),
    ("held_usd", "Money held by requests under way, in USD."),
    ("active_users", "Users with a gate at work."),
    ("cached_keys", "Keys in memory."),
    ("live_log_readers", "Readers of the live log."),
    ("ready", "1 while requests can be relayed."),
    ("can_record", "1 while the usage journal takes receipts."),
    ("unbooked_receipts", "Receipts in the journal that the database does not have yet."),
    ("oldest_unbooked_seconds", "Age of the oldest of them."),
    ("set_aside_receipts", "Receipts that cannot be booked."),
    ("disbelieved_usage", "Answers since the start whose usage nobody can believe."),
    ("journal_bytes", "Bytes of the usage journal."),
    ("journal_disk_free_bytes", "Bytes left on the journal's disk."),
    ("database_disk_free_bytes", "Bytes left on the embedded database's disk."),
    ("last_booking_timestamp_seconds", "When receipts were last booked."),
    ("database_connections", "Connections to the database that are open."),
    ("database_connections_idle", "Those of them that nobody uses."),
    ("database_ping_seconds", "How long the database took to answer just now."),
    ("lost_log_lines", "Log lines since the start that could not be written."),
];

/// The gauges.
pub struct Gauges {
    plain: Vec<(&'static str, Gauge)>,
    mailbox: IntGaugeVec,
    handled: IntCounterVec,
    restarts: IntCounterVec,
    live: IntGaugeVec,
    in_flight: IntGaugeVec,
    live_channels: IntGauge,
}

fn labelled(registry: &Registry, name: &str, help: &str, label: &str) -> Registered<IntGaugeVec> {
    let made = IntGaugeVec::new(Opts::new(name, help).namespace(PREFIX), &[label])?;
    registry.register(Box::new(made.clone()))?;
    Ok(made)
}

impl Gauges {
    pub(super) fn register(registry: &Registry) -> Registered<Self> {
        let mut plain = Vec::with_capacity(PLAIN.len());
        for (name, help) in PLAIN {
            let gauge = Gauge::with_opts(Opts::new(name, help).namespace(PREFIX))?;
            registry.register(Box::new(gauge.clone()))?;
            plain.push((name, gauge));
        }
        let live_channels = IntGauge::with_opts(
            Opts::new("live_channels", "Enabled channels whose circuit lets requests through.").namespace(PREFIX),
        )?;
        registry.register(Box::new(live_channels.clone()))?;
        let build = GaugeVec::new(Opts::new("build_info", "1; the version is the label.").namespace(PREFIX), &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1.0);
        registry.register(Box::new(build))?;
        Ok(Self {
            plain,
            mailbox: labelled(registry, "actor_mailbox", "Messages that wait for an actor or are at work.", "actor")?,
            handled: counter(registry, "actor_handled_total", "Messages that an actor handled.", &["actor"])?,
            restarts: counter(
                registry,
                "actor_restarts_total",
                "How often an actor was started anew after a fault.",
                &["actor"],
            )?,
            live: labelled(registry, "channel_live", "1 while a channel's circuit lets requests through.", "channel")?,
            in_flight: labelled(registry, "channel_in_flight", "Attempts under way at a channel.", "channel")?,
            live_channels,
        })
    }

    pub(super) fn set(&self, standing: &Standing) {
        for (name, gauge) in &self.plain {
            if let Some((_, value)) = standing.plain.iter().find(|(known, _)| known == name) {
                gauge.set(*value);
            }
        }
        let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for (actor, waiting, handled, restarts) in &standing.actors {
            self.mailbox.with_label_values(&[*actor]).set(whole(*waiting));
            reached(&self.handled, actor, *handled);
            reached(&self.restarts, actor, *restarts);
        }
        // Channels that are gone, or have another name, leave no series behind.
        self.live.reset();
        self.in_flight.reset();
        for channel in &standing.channels {
            self.live.with_label_values(&[channel.name.as_str()]).set(i64::from(channel.is_live));
            self.in_flight.with_label_values(&[channel.name.as_str()]).set(i64::from(channel.in_flight));
        }
        self.live_channels.set(whole(standing.channels.iter().filter(|channel| channel.is_live).count() as u64));
    }
}

/// Brings a counter that somebody else keeps to where it is now.
fn reached(counters: &IntCounterVec, label: &str, count: u64) {
    let counter = counters.with_label_values(&[label]);
    counter.inc_by(count.saturating_sub(counter.get()));
}

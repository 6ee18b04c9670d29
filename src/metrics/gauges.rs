//! Gauges: the state of the process at the moment of a scrape. Made anew for each, so that what is not known then, or exists no
//! longer, has no series instead of an old figure or a zero.

use prometheus::{Error, Gauge, IntGaugeVec, Opts, Registry, Result as Registered};

use super::{PREFIX, counter};

/// An enabled channel.
#[derive(Clone, Debug)]
pub struct ChannelGauge {
    /// The label of its series.
    pub name: String,
    /// Whether its circuit lets requests through.
    pub is_live: bool,
    /// Attempts under way.
    pub in_flight: u32,
}

/// The process at one moment.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Gauges without labels: name as in the table below, value. What is not known is left out.
    pub plain: Vec<(&'static str, f64)>,
    /// Actors: name, messages that wait, messages handled, restarts.
    pub actors: Vec<(&'static str, u64, u64, u64)>,
    /// Enabled channels.
    pub channels: Vec<ChannelGauge>,
}

/// Name and help of each gauge without labels.
const PLAIN: [(&str, &str); 27] = [
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
    ("redis_together", "1 while limits are common ones of all instances; 0 while this one keeps to its part of them."),
    ("redis_latency_seconds", "How long Redis took to answer last."),
    ("redis_losses", "How often the connection to Redis was lost since the start."),
    ("redis_failures", "Commands to Redis since the start that failed or were dropped."),
    ("instances_alive", "Instances that share this one's limits, this one included."),
    ("lost_log_lines", "Log lines since the start that could not be written."),
];

/// All gauges of one moment.
///
/// # Errors
/// When one has no name in the table, or one is told twice.
pub(super) fn registry(standing: &Standing) -> Registered<Registry> {
    let registry = Registry::new();
    for (name, value) in &standing.plain {
        let help = PLAIN.iter().find(|(known, _)| known == name).map(|(_, help)| *help);
        plain(&registry, name, help.ok_or_else(|| Error::Msg(format!("no gauge is called {name}")))?, *value)?;
    }
    let live = standing.channels.iter().filter(|channel| channel.is_live).count();
    plain(&registry, "live_channels", "Enabled channels whose circuit lets requests through.", live as f64)?;
    let build = labelled(&registry, "build_info", "1; the version is the label.", "version")?;
    build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    let mailbox = labelled(&registry, "actor_mailbox", "Messages that wait for an actor or are at work.", "actor")?;
    let handled = counter(&registry, "actor_handled_total", "Messages that an actor handled.", &["actor"])?;
    let restarts = counter(&registry, "actor_restarts_total", "How often an actor was started anew after a fault.", &["actor"])?;
    for (actor, waiting, messages, faults) in &standing.actors {
        mailbox.with_label_values(&[*actor]).set(i64::try_from(*waiting).unwrap_or(i64::MAX));
        handled.with_label_values(&[*actor]).inc_by(*messages);
        restarts.with_label_values(&[*actor]).inc_by(*faults);
    }
    let live = labelled(&registry, "channel_live", "1 while a channel's circuit lets requests through.", "channel")?;
    let in_flight = labelled(&registry, "channel_in_flight", "Attempts under way at a channel.", "channel")?;
    for channel in &standing.channels {
        live.with_label_values(&[channel.name.as_str()]).set(i64::from(channel.is_live));
        in_flight.with_label_values(&[channel.name.as_str()]).set(i64::from(channel.in_flight));
    }
    Ok(registry)
}

fn plain(registry: &Registry, name: &str, help: &str, value: f64) -> Registered<()> {
    let gauge = Gauge::with_opts(Opts::new(name, help).namespace(PREFIX))?;
    gauge.set(value);
    registry.register(Box::new(gauge))
}

fn labelled(registry: &Registry, name: &str, help: &str, label: &str) -> Registered<IntGaugeVec> {
    let made = IntGaugeVec::new(Opts::new(name, help).namespace(PREFIX), &[label])?;
    registry.register(Box::new(made.clone()))?;
    Ok(made)
}

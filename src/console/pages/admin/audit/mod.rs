//! The audit log: who did what, to what, when and from where.

mod diff;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path, ServiceConfig};
use minijinja::{Value, context};
use serde::Serialize;

use self::diff::Changes;
use crate::console::pages::{id, overview, people};
use crate::console::render::{Voice, shown};
use crate::console::visit::{Admin, SignedIn, Visit};
use crate::console::{format, lists};
use crate::services::Served;
use crate::services::activity::{self, ActivityFilter, ActivityView};

/// Everything that is ever done, by the kind of thing it is done to.
const DEEDS: &[(&str, &[&str])] = &[
    ("user", &["user.register", "user.create", "user.update", "user.password", "user.quota", "user.end_sessions", "user.remove"]),
    ("session", &["session.start"]),
    ("key", &["key.create", "key.update", "key.rotate", "key.remove"]),
    ("gift_card", &["gift_card.create", "gift_card.redeem", "gift_card.revoke"]),
    ("channel", &["channel.create", "channel.update", "channel.delete", "channel.add_models", "channel.close_circuit"]),
    ("model", &["model.create", "model.add", "model.update", "model.delete", "model.dismiss"]),
    ("mapping", &["mapping.create", "mapping.update", "mapping.delete"]),
    ("price", &["price.create", "price.update", "price.delete", "price.import"]),
    ("settings", &["settings.update"]),
    ("admin_token", &["admin_token.create", "admin_token.remove"]),
    ("receipt", &["receipt.retry", "receipt.drop"]),
    ("config", &["config.export", "config.import"]),
    ("export", &["export.download"]),
    ("archive", &["archive.download", "archive.delete"]),
];

/// The ranges that are offered; the first is everything.
const RANGES: [&str; 4] = [ALL, "24h", "7d", "30d"];
const ALL: &str = "all";
const DAY_MS: i64 = 86_400_000;

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config.route("/admin/audit", web::get().to(list)).route("/admin/audit/{id}", web::get().to(detail));
}

/// A row of the log, ready to be read.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    row: ActivityView,
    /// What was done, in words.
    deed: String,
    changes: Changes,
    /// The name of the thing, if it has one.
    name: Option<String>,
    /// The page of the thing, where it has one.
    page: Option<String>,
}

/// `GET /admin/audit`
async fn list(Admin(SignedIn { visit, .. }): Admin) -> HttpResponse {
    rows(&visit).await.unwrap_or_else(|error| visit.failure(&error))
}

/// `GET /admin/audit/{id}`
async fn detail(Admin(SignedIn { visit, .. }): Admin, path: Path<String>) -> HttpResponse {
    one(&visit, id(&path)).await.unwrap_or_else(|error| visit.failure(&error))
}

async fn one(visit: &Visit, id: i64) -> Served<HttpResponse> {
    let rows = vec![activity::get(visit.services(), id).await?];
    let told = told(visit, rows).await?;
    Ok(visit.page(StatusCode::OK, "audit/detail.html", context! { told => shown(&told.first()) }))
}

async fn rows(visit: &Visit) -> Served<HttpResponse> {
    let asked = lists::asked(visit);
    let actor = visit.asked("actor");
    let actor_id = match &actor {
        Some(name) => Some(people::id_of(visit, name).await?),
        None => None,
    };
    // One list offers both: every kind of thing, and every deed.
    let (action, subject_kind) = match visit.asked("what") {
        Some(word) if word.contains('.') => (Some(word), None),
        kind => (None, kind),
    };
    let Span { range, from, to } = span(visit);
    let subject_id = visit.asked("subject").and_then(|id| id.parse().ok());
    let filter = ActivityFilter { actor_id, action, subject_kind, subject_id, from, to };
    let filtered = range != ALL || ["actor", "what", "subject", "query"].iter().any(|name| visit.asked(name).is_some());
    let page = activity::list(visit.services(), &asked, filter).await?;
    let now = visit.services().now();
    let values = context! {
        list => lists::view(&asked, &page),
        total => page.total,
        rows => shown(&told(visit, page.rows).await?),
        deeds => deeds(visit),
        people => people::names(visit).await?,
        // What the choice of ranges reads.
        stats => context! { range, from => from.unwrap_or(now - DAY_MS), to => to.unwrap_or(now) },
        ranges => shown(&RANGES),
        filtered,
    };
    Ok(visit.page(StatusCode::OK, "audit/list.html", values))
}

/// From when to when rows are wanted.
struct Span {
    range: String,
    from: Option<i64>,
    to: Option<i64>,
}

/// The range in the address: named ones end now, and without one it is everything.
fn span(visit: &Visit) -> Span {
    let wanted = overview::wanted(visit, ALL);
    let range = wanted.range.unwrap_or_default();
    let days = match range.as_str() {
        "24h" => 1,
        "7d" => 7,
        "30d" => 30,
        "custom" => return Span { range, from: wanted.from, to: wanted.to },
        _ => return Span { range: ALL.to_owned(), from: None, to: None },
    };
    Span { range, from: Some(visit.services().now() - days * DAY_MS), to: None }
}

/// The choices of the filter: kinds with their deeds, in words.
fn deeds(visit: &Visit) -> Value {
    let voice = visit.console.renderer.voice(visit.language);
    let kinds = DEEDS.iter().map(|(kind, deeds)| {
        let deeds: Vec<Value> = deeds.iter().map(|deed| context! { name => *deed, label => words(&voice, deed) }).collect();
        context! { name => *kind, label => voice.say(&format!("audit-kind-{kind}")), deeds }
    });
    kinds.collect()
}

async fn told(visit: &Visit, rows: Vec<ActivityView>) -> Served<Vec<Told>> {
    let zone = format::zone(&visit.services().settings.settings().timezone);
    let voice = visit.console.renderer.voice(visit.language);
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let changes = diff::changes(row.before.as_deref(), row.after.as_deref(), &zone, |path| field_words(&voice, path));
        let page = row.subject_id.and_then(|id| page_of(&row, id));
        all.push(Told { deed: words(&voice, &row.action), name: changes.name.clone(), changes, page, row });
    }
    // What was changed of a user's money does not name the user.
    let nameless = |told: &Told| told.name.is_none() && told.row.subject_kind == "user";
    let ids = all.iter().filter(|told| nameless(told)).filter_map(|told| told.row.subject_id);
    let names = people::names_of(visit, ids).await?;
    for told in all.iter_mut().filter(|told| nameless(told)) {
        told.name = told.row.subject_id.and_then(|id| names.get(&id.to_string()).cloned());
    }
    Ok(all)
}

/// The page of the thing `id`, while it may be there.
fn page_of(row: &ActivityView, id: i64) -> Option<String> {
    if row.action.ends_with(".remove") || row.action.ends_with(".delete") {
        return None;
    }
    match row.subject_kind.as_str() {
        "user" => Some(format!("/admin/users/{id}")),
        "key" => Some(format!("/admin/keys/{id}")),
        "channel" => Some(format!("/admin/channels/{id}")),
        _ => None,
    }
}

/// A field's path in words, as far as there are any.
fn field_words(voice: &Voice, path: &str) -> String {
    let word = |name: &str| {
        let keys = ["audit-word", "field", "setting"].map(|family| format!("{family}-{name}"));
        keys.iter().find(|key| voice.texts.has(key)).map_or_else(|| name.to_owned(), |key| voice.say(key))
    };
    path.split('.').map(word).collect::<Vec<_>>().join(" · ")
}

/// The deed in words; its own name where this version knows it no more.
fn words(voice: &Voice, action: &str) -> String {
    let key = format!("audit-deed-{}", action.replace('.', "-"));
    if voice.texts.has(&key) { voice.say(&key) } else { action.to_owned() }
}

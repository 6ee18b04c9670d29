//! Every figure on every page beside the same figure by SQL out of the tables that keep what happened: the log, the
//! ledger, accounts, keys, cards, channels and their tests. Roll-ups and stored sums are not asked.
//!
//! A page's figures are named in `figures_of`. A figure that nobody names fails the walk over all pages.

mod catalogue;
mod channels;
mod charts;
mod claims;
mod exempt;
mod format;
mod keys;
mod logs;
mod money;
mod overview;
mod people;
mod range;
mod records;
mod seen;
mod system;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use self::claims::Claims;
use self::exempt::Exempt;
use crate::books::Books;
use crate::gateway::Database;
use crate::page::Page;
use crate::pages::{PAGES, Role};
use crate::seed;
use crate::texts;
use crate::visitor::Visitor;
use crate::world::World;

/// The site's clock: eight hours before UTC's, so that days are not UTC's.
const ZONE: &str = "Asia/Shanghai";

/// A page that somebody looks at.
struct Look<'a> {
    books: &'a Books,
    visitor: &'a Visitor,
    zone: TimeZone,
    said: &'a BTreeMap<String, String>,
    /// Who looks.
    me: i64,
    /// What is looked at.
    route: &'static str,
    address: String,
    /// When it was asked for.
    now: i64,
}

impl Look<'_> {
    fn of_all(&self) -> bool {
        self.route.starts_with("/admin")
    }

    /// The id in the address.
    fn id(&self) -> i64 {
        let path = self.address.split('?').next().unwrap();
        path.split('/').find_map(|part| part.parse().ok()).unwrap()
    }

    /// A parameter of the address.
    fn asked(&self, name: &str) -> Option<String> {
        let query = self.address.split_once('?')?.1;
        url::form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    /// What a text says in English.
    fn say(&self, name: &str) -> String {
        self.said[name].clone()
    }

    fn moment(&self, ms: i64, pattern: &str) -> String {
        format::moment(ms, &self.zone, pattern)
    }

    async fn number(&self, sql: &str) -> i64 {
        self.books.number(sql).await
    }

    async fn rows(&self, sql: &str) -> Vec<Cells> {
        self.books.rows(sql).await.into_iter().map(Cells).collect()
    }

    /// What the foot of a list of so many says on its first page of fifty.
    fn foot(&self, claims: &mut Claims, all: i64) {
        self.foot_of(claims, all, 50);
    }

    /// The rows that a list of so many has on its first page, and how many pages there are, in its foot.
    fn foot_of(&self, claims: &mut Claims, all: i64, rows: i64) {
        if all > 0 {
            claims.text("#list .foot:not(.bulk) span:first-child", format!("1–{} of {}", all.min(rows), format::number(all)));
        }
        let pages = Some((all + rows - 1) / rows).filter(|pages| *pages > 1);
        let said = pages.map(|pages| format!("1 / {}", format::number(pages)));
        claims.texts("#list .foot:not(.bulk) .tn", said.into_iter().collect());
    }
}

/// A row that SQL found.
#[derive(Clone, Debug)]
struct Cells(Vec<Option<String>>);

impl Cells {
    fn number(&self, at: usize) -> i64 {
        self.some(at).unwrap_or_else(|| panic!("null at {at} of {self:?}"))
    }

    fn some(&self, at: usize) -> Option<i64> {
        self.0[at].as_deref().map(|number| number.parse().unwrap_or_else(|_| panic!("no number: {number} at {at}")))
    }

    fn text(&self, at: usize) -> String {
        self.0[at].clone().unwrap_or_else(format::none)
    }

    fn is(&self, at: usize) -> bool {
        matches!(self.0[at].as_deref(), Some("true" | "1"))
    }
}

/// What a page shows in figures, by SQL.
async fn figures_of(look: &Look<'_>) -> Claims {
    match look.route {
        "/console" | "/admin" => overview::figures(look).await,
        "/console/logs" | "/admin/logs" => logs::list(look).await,
        "/console/logs/{id}" | "/admin/logs/{id}" => logs::detail(look).await,
        "/console/balance" => money::history(look).await,
        "/console/redeem" => money::redeem(look).await,
        "/admin/users/{id}/ledger" => money::of_user(look).await,
        "/admin/gift-cards" => money::cards(look).await,
        "/admin/gift-cards/{id}/revoke" => money::revoke(look).await,
        "/console/keys" | "/admin/keys" => keys::list(look).await,
        "/console/keys/{id}" | "/admin/keys/{id}" => keys::one(look).await,
        "/console/account" => people::account(look).await,
        "/admin/users" => people::list(look).await,
        "/admin/users/{id}" => people::one(look).await,
        "/admin/users/{id}/balance" => people::balance(look).await,
        "/admin/channels" => channels::list(look).await,
        "/admin/channel-status" => channels::status(look).await,
        "/admin/channels/test" => channels::to_be_tested(look).await,
        "/admin/channels/{id}" => channels::one(look).await,
        "/admin/channels/{id}/models" => catalogue::of_channel(look).await,
        "/admin/models" | "/admin/models/discover" => catalogue::models(look).await,
        "/admin/mappings" => catalogue::mappings(look).await,
        "/admin/prices" => catalogue::prices(look).await,
        "/admin/prices/unpriced" => catalogue::unpriced(look).await,
        "/model-square" => catalogue::square(look).await,
        "/model-square/model" => catalogue::square_model(look).await,
        "/" => catalogue::front(look).await,
        "/admin/rankings" => records::rankings(look).await,
        "/admin/audit" => records::audit(look).await,
        "/admin/audit/{id}" => records::deed(look).await,
        "/admin/data" => records::archive(look).await,
        "/admin/data/archive/remove" => records::archive_removal(look).await,
        "/admin/system" => system::figures(look).await,
        "/admin/settings" => system::settings(look).await,
        "/docs" => system::guide(look).await,
        _ => Claims::default(),
    }
}

/// The addresses at which a page is looked at: as it stands in the table, and with everything that changes its figures.
async fn addresses(books: &Books, page: &crate::pages::Page, me: i64) -> Vec<String> {
    let mut all = vec![page.address(books, me).await];
    let first = all[0].clone();
    if first.contains('?') {
        return all;
    }
    match page.route {
        "/console" | "/admin" => all.extend(range::queries().map(|query| format!("{first}?{query}"))),
        "/admin/rankings" => {
            for by in ["users", "keys", "models", "channels"] {
                for sort in ["cost", "tokens", "requests"] {
                    all.extend(range::queries().map(|query| format!("{first}?by={by}&sort={sort}&{query}")));
                }
            }
        }
        "/console/balance" => {
            all.extend(["24h", "7d", "30d"].map(|range| format!("{first}?range={range}")));
            all.extend(["usage", "card", "adjustment"].map(|kind| format!("{first}?kind={kind}")));
            all.push(format!("{first}?{}", range::custom()));
        }
        "/console/logs" | "/admin/logs" => {
            all.extend(["1h", "24h", "7d", "30d"].map(|range| format!("{first}?range={range}")));
            all.extend(["completed", "refused"].map(|ending| format!("{first}?ending={ending}")));
        }
        "/console/logs/{id}" | "/admin/logs/{id}" => {
            let whose = if page.route.starts_with("/admin") { "true".to_owned() } else { format!("user_id = {me}") };
            let kinds = format!(
                "SELECT max(id) FROM request_log WHERE {whose} GROUP BY ending, status, model, key_name, protocol ORDER BY 1"
            );
            let ids = books.rows(&kinds).await.into_iter().flatten().flatten();
            all.extend(ids.map(|id| page.route.replace("{id}", &id)));
        }
        "/admin/users/{id}" => {
            for one in every(books, "users WHERE deleted_at IS NULL", page.route).await {
                all.extend(range::queries().map(|query| format!("{one}?{query}")));
            }
        }
        "/admin/users/{id}/ledger" => all.extend(every(books, "users WHERE deleted_at IS NULL", page.route).await),
        "/admin/channels/{id}" => all.extend(every(books, "channels", page.route).await),
        "/admin/keys/{id}" => all.extend(every(books, "api_keys", page.route).await),
        "/console/keys/{id}" => all.extend(every(books, &format!("api_keys WHERE user_id = {me}"), page.route).await),
        "/admin/audit" => all.extend(range::queries().map(|query| format!("{first}?{query}"))),
        "/admin/data" => all.push(format!("{first}?before={}", range::days().0)),
        _ => {}
    }
    all
}

/// The addresses of a page for everything there is.
async fn every(books: &Books, rows: &str, route: &str) -> Vec<String> {
    let ids = books.rows(&format!("SELECT id FROM {rows}")).await.into_iter().flatten().flatten();
    ids.map(|id| route.replace("{id}", &id)).collect()
}

/// Somebody who compares pages with the database.
struct Reader {
    books: Books,
    visitor: Visitor,
    said: BTreeMap<String, String>,
    exempt: Exempt,
    me: i64,
}

impl Reader {
    async fn new(world: &World, role: Role) -> Self {
        let (books, visitor) = (world.books(), role.visitor(world).await);
        visitor.speaks("en");
        let (exempt, me) = (Exempt::of(&books).await, role.id(&books).await);
        Self { books, visitor, said: texts::said("en"), exempt, me }
    }

    fn look(&self, route: &'static str, address: &str) -> Look<'_> {
        Look {
            books: &self.books,
            visitor: &self.visitor,
            zone: TimeZone::get(ZONE).unwrap(),
            said: &self.said,
            me: self.me,
            route,
            address: address.to_owned(),
            now: Timestamp::now().as_millisecond(),
        }
    }

    /// Looks at a page, as `shown` brings it, and finds what is wrong with its figures.
    async fn wrong_with(&self, route: &'static str, address: &str, shown: impl AsyncFn() -> Page) -> Vec<String> {
        // What moves by itself, such as the requests of the last minute, may move between the two looks.
        for last in [false, false, true] {
            let claims = figures_of(&self.look(route, address)).await;
            let wrong = claims.wrong_with(&shown().await, &self.exempt);
            if last || wrong.is_empty() {
                return wrong.into_iter().map(|wrong| format!("{address}: {wrong}")).collect();
            }
        }
        Vec::new()
    }
}

/// Elements whose figures are the same in every language, but for what changes from one look to the next.
const IN_EVERY_LANGUAGE: &str = "[data-figure]:not([data-figure=uptime], [data-figure=memory], [data-figure=databaseSize], \
    [data-figure=journalDisk], [data-figure=databaseDisk], [data-figure=diskLeft]), \
    [data-figure] + .d:not([data-figure]), td.num:not([data-l]), .foot span, .cells li";

/// A page in Chinese has the figures that it has in English.
async fn same_in_chinese(reader: &Reader, address: &str) -> Option<String> {
    let in_language = async |language: &str| {
        reader.visitor.speaks(language);
        let page = reader.visitor.get(address).await.shown();
        page.texts(IN_EVERY_LANGUAGE).iter().map(|text| records::words(text)).collect::<Vec<_>>()
    };
    for last in [false, true] {
        let (chinese, english) = (in_language("zh").await, in_language("en").await);
        // English says “one”, and the day before the hour.
        let differ =
            |(one, other): &(&Vec<String>, &Vec<String>)| !other.is_empty() && one.iter().any(|figure| !other.contains(figure));
        let found = chinese.iter().zip(&english).find(differ);
        match found {
            Some(found) if last => return Some(format!("{address}: Chinese and English show {found:?}")),
            Some(_) => {}
            None => {
                return (chinese.len() != english.len()).then(|| format!("{address}: more in one language than in the other"));
            }
        }
    }
    None
}

/// Looks at all pages of a part of the site as somebody.
async fn walk(database: Database, role: Role, part: fn(&str) -> bool) {
    let world = seed::grown_old(database, ZONE).await;
    let reader = Reader::new(&world, role).await;
    let mut wrong = Vec::new();
    for page in PAGES.iter().filter(|page| page.is_for(role) && part(page.route)) {
        let addresses = addresses(&reader.books, page, reader.me).await;
        wrong.extend(same_in_chinese(&reader, &addresses[0]).await);
        for address in addresses {
            let shown = async || reader.visitor.get(&address).await.shown();
            wrong.extend(reader.wrong_with(page.route, &address, shown).await);
        }
    }
    assert!(wrong.is_empty(), "{role:?}: {} figures are wrong or nobody's:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(world.errors(), Vec::<String>::new());
}

/// A figure over time, looked at in every range, is far more pages than all others.
fn over_time(route: &str) -> bool {
    matches!(route, "/admin" | "/admin/rankings" | "/admin/users/{id}" | "/admin/audit" | "/admin/logs/{id}")
}

macro_rules! on_both {
    ($($name:ident: $role:expr, $part:expr;)*) => { $(
        mod $name {
            use super::*;

            #[actix_web::test]
            async fn on_sqlite() {
                walk(Database::Sqlite, $role, $part).await;
            }

            #[actix_web::test]
            async fn on_postgres() {
                walk(Database::Postgres, $role, $part).await;
            }
        }
    )* };
}

on_both! {
    strangers_see_what_sql_counts: Role::Stranger, |_| true;
    users_see_what_sql_counts: Role::User, |_| true;
    admins_see_what_sql_counts_over_time: Role::Admin, over_time;
    admins_see_what_sql_counts_everywhere_else: Role::Admin, |route| !over_time(route);
}

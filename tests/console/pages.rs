//! The table of all pages, and who is shown which.

use std::collections::BTreeSet;

use crate::books::Books;
use crate::router;
use crate::seed;
use crate::visitor::Visitor;
use crate::world::World;

/// Who is shown a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// Whoever is not signed in; others are sent on.
    Strangers,
    Everybody,
    Users,
    Admins,
}

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Stranger,
    User,
    Admin,
}

pub const ROLES: [Role; 3] = [Role::Stranger, Role::User, Role::Admin];
const LANGUAGES: [(&str, &str); 2] = [("en", "en"), ("zh", "zh-CN")];

/// A page: the route that serves it, and how to find one that is there.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub route: &'static str,
    whom: For,
    query: &'static str,
    id: &'static str,
}

/// Every page that is opened by GET. A route that is missing here fails `every_route_is_a_page_that_is_tested`.
#[rustfmt::skip]
pub const PAGES: &[Page] = &[
    // Anybody's.
    page("/sign-in", For::Strangers),
    page("/register", For::Strangers),
    page("/", For::Everybody),
    page("/docs", For::Everybody),
    page("/model-square", For::Everybody),
    page("/model-square/model", For::Everybody).asking("?provider=claude&name=claude-haiku-4-5"),
    // One's own.
    page("/console", For::Users),
    page("/console/keys", For::Users),
    page("/console/keys/new", For::Users),
    page("/console/keys/{id}", For::Users).of("SELECT min(id) FROM api_keys WHERE user_id = {me}"),
    page("/console/keys/{id}/rotate", For::Users).of("SELECT min(id) FROM api_keys WHERE user_id = {me}"),
    page("/console/keys/{id}/remove", For::Users).of("SELECT min(id) FROM api_keys WHERE user_id = {me}"),
    page("/console/logs", For::Users),
    page("/console/logs/{id}", For::Users).of("SELECT max(id) FROM request_log WHERE user_id = {me}"),
    page("/console/logs", For::Users).asking("?ending=killed&range=1h"),
    page("/console/balance", For::Users),
    page("/console/redeem", For::Users),
    page("/console/account", For::Users),
    page("/console/balance", For::Users),
    page("/console/balance", For::Users).asking("?kind=refund&from=2025-01-01&to=2025-01-31"),
    page("/console/redeem", For::Users),
    page("/console/redeem", For::Users).asking("?done=redeemed"),
    // Everybody's, for admins.
    page("/admin", For::Admins),
    page("/admin/logs", For::Admins),
    page("/admin/logs/{id}", For::Admins).of("SELECT min(id) FROM request_log WHERE ending = 'upstream_failed'"),
    page("/admin/channels", For::Admins),
    page("/admin/channels/new", For::Admins),
    page("/admin/channels/test", For::Admins),
    page("/admin/channels/{id}", For::Admins).of("SELECT max(id) FROM channels WHERE enabled"),
    page("/admin/channels/{id}/edit", For::Admins).of("SELECT max(id) FROM channels"),
    page("/admin/channels/{id}/models", For::Admins).of("SELECT max(id) FROM channels WHERE enabled"),
    page("/admin/channels/{id}/remove", For::Admins).of("SELECT min(id) FROM channels"),
    page("/admin/channel-status", For::Admins),
    page("/admin/models", For::Admins),
    page("/admin/models", For::Admins).asking("?query=nothing-like-it&done=none"),
    page("/admin/models/new", For::Admins),
    page("/admin/models/discover", For::Admins),
    page("/admin/models/{id}", For::Admins).of("SELECT min(id) FROM catalogue_models"),
    page("/admin/models/{id}/remove", For::Admins).of("SELECT max(id) FROM catalogue_models"),
    page("/admin/mappings", For::Admins),
    page("/admin/mappings/new", For::Admins),
    page("/admin/mappings/{id}", For::Admins).of("SELECT min(id) FROM model_mappings"),
    page("/admin/mappings/{id}/remove", For::Admins).of("SELECT min(id) FROM model_mappings"),
    page("/admin/prices", For::Admins),
    page("/admin/prices/new", For::Admins).asking("?provider=openai&model=gpt-new"),
    page("/admin/prices/unpriced", For::Admins),
    page("/admin/prices/import", For::Admins),
    page("/admin/prices/{id}", For::Admins).of("SELECT min(id) FROM model_prices"),
    page("/admin/prices/{id}/remove", For::Admins).of("SELECT min(id) FROM model_prices"),
    page("/admin/rankings", For::Admins),
    page("/admin/rankings", For::Admins).asking("?by=models&sort=tokens&range=today"),
    page("/admin/users", For::Admins),
    page("/admin/users", For::Admins).asking("?query=nobody-is-called-so&role=admin"),
    page("/admin/users/new", For::Admins),
    page("/admin/users/{id}", For::Admins).of("SELECT min(user_id) FROM request_log"),
    page("/admin/users/{id}/edit", For::Admins).of("SELECT max(id) FROM users"),
    page("/admin/users/{id}/password", For::Admins).of("SELECT max(id) FROM users"),
    page("/admin/users/{id}/balance", For::Admins).of("SELECT max(id) FROM users"),
    page("/admin/users/{id}/limits", For::Admins).of("SELECT max(id) FROM users"),
    page("/admin/users/{id}/ledger", For::Admins).of("SELECT min(user_id) FROM ledger"),
    page("/admin/users/{id}/remove", For::Admins).of("SELECT max(id) FROM users"),
    page("/admin/keys", For::Admins),
    page("/admin/keys", For::Admins).asking("?user=nobody"),
    page("/admin/keys/new", For::Admins),
    page("/admin/keys/{id}", For::Admins).of("SELECT min(id) FROM api_keys"),
    page("/admin/keys/{id}/rotate", For::Admins).of("SELECT min(id) FROM api_keys"),
    page("/admin/keys/{id}/remove", For::Admins).of("SELECT min(id) FROM api_keys"),
    page("/admin/gift-cards", For::Admins),
    page("/admin/gift-cards", For::Admins).asking("?status=expired&query=nothing-like-it"),
    page("/admin/gift-cards/new", For::Admins),
    page("/admin/gift-cards/{id}/revoke", For::Admins).of("SELECT max(id) FROM gift_cards"),
    page("/admin/audit", For::Admins),
    page("/admin/audit", For::Admins).asking("?what=user&range=24h"),
    page("/admin/gift-cards", For::Admins),
    page("/admin/gift-cards/new", For::Admins),
    page("/admin/gift-cards/{id}/revoke", For::Admins).of("SELECT max(id) FROM gift_cards WHERE redeemed_by IS NULL AND revoked_at IS NULL"),
    page("/admin/audit/{id}", For::Admins).of("SELECT max(id) FROM audit WHERE before_json IS NOT NULL"),
    page("/admin/tokens", For::Admins),
    page("/admin/tokens/new", For::Admins),
    page("/admin/tokens/{id}/remove", For::Admins).of("SELECT max(id) FROM admin_tokens"),
    page("/admin/settings", For::Admins),
    page("/admin/announcement", For::Admins),
    page("/admin/data", For::Admins),
    page("/admin/data/archive/remove", For::Admins).asking("?before=2025-01-01"),
    page("/admin/system", For::Admins),
];

/// What is opened by GET and is no page.
const NO_PAGES: &[(&str, &str)] = &[
    ("/console/logs/live", "events"),
    ("/admin/logs/live", "events"),
    ("/admin/data/export", "a file"),
    ("/admin/data/config", "a file"),
    ("/admin/data/archive", "a file"),
];

const fn page(route: &'static str, whom: For) -> Page {
    Page { route, whom, query: "", id: "" }
}

impl Page {
    /// With the id that this query finds; `{me}` stands for whoever looks.
    const fn of(self, id: &'static str) -> Self {
        Self { id, ..self }
    }

    /// With this query; `{id}` is filled in there, too.
    const fn asking(self, query: &'static str) -> Self {
        Self { query, ..self }
    }

    /// Whether somebody of this role is shown it.
    pub fn is_for(&self, role: Role) -> bool {
        match self.whom {
            For::Strangers => role == Role::Stranger,
            For::Everybody => true,
            For::Users => role != Role::Stranger,
            For::Admins => role == Role::Admin,
        }
    }

    /// Where it is for somebody.
    pub async fn address(&self, books: &Books, me: i64) -> String {
        let address = format!("{}{}", self.route, self.query);
        if self.id.is_empty() {
            return address;
        }
        let id = books.number(&self.id.replace("{me}", &me.to_string())).await;
        address.replace("{id}", &id.to_string())
    }
}

impl Role {
    /// The id of whoever looks; 0 for a stranger.
    pub async fn id(self, books: &Books) -> i64 {
        match self {
            Self::Stranger => 0,
            Self::User => books.number("SELECT id FROM users WHERE username = 'demo'").await,
            Self::Admin => books.number("SELECT id FROM users WHERE username = 'admin'").await,
        }
    }

    pub async fn visitor(self, world: &World) -> Visitor {
        match self {
            Self::Stranger => world.stranger(),
            Self::User => world.user().await,
            Self::Admin => world.admin().await,
        }
    }
}

/// A path with something in it for each thing that varies.
fn anything(route: &str) -> String {
    let segments = route.split('/').map(|segment| if segment.starts_with('{') { "1" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

#[test]
fn every_route_is_a_page_that_is_tested() {
    let opened: BTreeSet<String> = router::opened().into_iter().collect();
    let known = PAGES.iter().map(|page| page.route).chain(NO_PAGES.iter().map(|(path, _)| *path));
    let known: BTreeSet<String> = known.map(str::to_owned).collect();
    let forgotten: Vec<_> = opened.difference(&known).collect();
    assert!(forgotten.is_empty(), "add these to PAGES of tests/console/pages.rs, or to NO_PAGES with the reason: {forgotten:?}");
    let gone: Vec<_> = known.difference(&opened).collect();
    assert!(gone.is_empty(), "the console has no such routes: {gone:?}");
}

#[actix_web::test]
async fn pages_are_shown_to_whom_they_belong_in_the_language_and_colours_that_were_chosen() {
    let world = seed::lived_in().await;
    let books = world.books();
    for role in ROLES {
        let (visitor, me) = (role.visitor(&world).await, role.id(&books).await);
        for page in PAGES {
            // Whom a page is not for is told so before it is looked for.
            let address = if page.is_for(role) { page.address(&books, me).await } else { anything(page.route) };
            for ((language, tag), theme) in LANGUAGES.into_iter().zip(["light", "dark"]) {
                visitor.keep("language", language);
                visitor.keep("theme", theme);
                let answer = visitor.get(&address).await;
                let seen = format!("{answer} to {role:?} in {language} and {theme}");
                if page.is_for(role) {
                    assert_eq!(answer.status, 200, "{seen}");
                    assert_eq!((answer.count("h1"), answer.count("main")), (1, 1), "{seen}");
                    assert_eq!(answer.attribute("html", "lang").as_deref(), Some(tag), "{seen}");
                    assert_eq!(answer.attribute("html", "data-theme").as_deref(), Some(theme), "{seen}");
                    assert!(answer.policy.is_some_and(|policy| policy.starts_with("default-src 'none'")), "{seen}");
                } else if role == Role::Stranger {
                    let next = answer.location.unwrap_or_default();
                    assert!(answer.status == 303 && next.starts_with("/sign-in"), "{seen} sends to {next}");
                } else if page.whom == For::Strangers {
                    assert_eq!((answer.status, answer.location.as_deref()), (303, Some("/console")), "{seen}");
                } else {
                    assert_eq!(answer.status, 403, "{seen}");
                }
            }
        }
    }
    assert_eq!(world.errors(), Vec::<String>::new());
}

#[actix_web::test]
async fn what_is_not_there_is_said_to_be_gone() {
    let world = World::start();
    let (user, admin) = (world.user().await, world.admin().await);
    for page in PAGES.iter().filter(|page| page.route.contains("{id}")) {
        for id in ["7", "x", "99999999999999999999"] {
            let answer = if page.is_for(Role::User) { &user } else { &admin }.get(&page.route.replace("{id}", id)).await;
            assert_eq!(answer.status, 404, "{answer}");
        }
    }
}

#[actix_web::test]
async fn users_see_nothing_that_is_the_admins() {
    let world = seed::lived_in().await;
    let (user, books) = (world.user().await, world.books());
    let me = Role::User.id(&books).await;
    let mut secrets = vec![world.key.clone(), world.admin.password.clone(), world.user.password.clone(), "/admin".to_owned()];
    for hidden in ["SELECT name FROM channels", "SELECT username FROM users WHERE username NOT IN ('demo', 'admin')"] {
        secrets.extend(books.rows(hidden).await.into_iter().flatten().flatten());
    }
    for page in PAGES.iter().filter(|page| page.is_for(Role::User)) {
        let answer = user.get(&page.address(&books, me).await).await;
        for secret in &secrets {
            assert!(!answer.body.contains(secret.as_str()), "{answer} shows {secret}");
        }
    }
    let others = books.rows(&format!("SELECT id FROM request_log WHERE user_id <> {me}")).await;
    assert!(!others.is_empty());
    for id in others.into_iter().flatten().flatten() {
        assert_eq!(user.get(&format!("/console/logs/{id}")).await.status, 404);
    }
}

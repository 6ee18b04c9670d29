//! Who takes part in the trials of a room, and what is made for each.

use std::cell::Cell;

use reqwest::Method;
use serde_json::{Value, json};

use super::{By, Submit, Thing};
use crate::visitor::Visitor;
use crate::world::{Login, World};

/// The password of accounts that are made here.
const PASSWORD: &str = "a long password";

pub struct Stage {
    pub world: World,
    pub admin: Visitor,
    pub user: Visitor,
    /// Another user, with things of their own.
    pub other: Visitor,
    /// The user and the admin with a session that has ended.
    pub late_user: Visitor,
    pub late_admin: Visitor,
    provider: String,
    channel: i64,
    count: Cell<u32>,
}

/// What a trial is about, and by whom it is done where it is nobody of the stage.
#[derive(Default)]
pub struct Made {
    pub id: i64,
    pub visitor: Option<Visitor>,
    words: Vec<(&'static str, String)>,
}

impl Made {
    pub fn fill(&self, text: &str) -> String {
        let filled = text.replace("{id}", &self.id.to_string());
        self.words.iter().fold(filled, |text, (name, word)| text.replace(&format!("{{{name}}}"), word))
    }
}

impl Stage {
    pub async fn set() -> Self {
        let world = World::start();
        let (admin, user, other, provider) =
            (world.admin().await, world.user().await, world.other_user().await, world.provider().await);
        let (late_user, late_admin) = (ended(&world, &world.user).await, ended(&world, &world.admin).await);
        let channel = world.books().number("SELECT id FROM channels WHERE name = 'Scripted Claude'").await;
        Self { world, admin, user, other, late_user, late_admin, provider, channel, count: Cell::new(0) }
    }

    /// Makes what the form is about, under a name that nothing else has.
    pub async fn make(&self, submit: &Submit) -> Made {
        self.count.set(self.count.get() + 1);
        let name = format!("thing-{}", self.count.get());
        let mut made = self.made(submit.about, &name).await;
        let last = self.world.books().number("SELECT coalesce(max(id), 0) FROM gift_cards").await;
        let day = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24)).strftime("%Y-%m-%d");
        let today = jiff::Timestamp::now().strftime("%Y-%m-%d");
        made.words.extend([
            ("name", name),
            ("password", PASSWORD.to_owned()),
            ("provider", self.provider.clone()),
            ("channel", self.channel.to_string()),
            ("yesterday", day.to_string()),
            ("today", today.to_string()),
            ("last", last.to_string()),
            ("long", "x".repeat(5_000)),
        ]);
        if submit.by == By::Anybody && made.visitor.is_none() {
            made.visitor = Some(self.world.stranger());
        }
        made
    }

    async fn made(&self, about: Thing, name: &str) -> Made {
        match about {
            Thing::Nothing => Made::default(),
            Thing::Account => self.account(name).await,
            Thing::Session => {
                self.world.user().await;
                Made { id: self.world.books().number("SELECT max(id) FROM sessions").await, ..Made::default() }
            }
            Thing::Card => self.card().await,
            Thing::BrokenChannel => self.broken_channel(name).await,
            Thing::OldRequest => self.old_request().await,
            Thing::MissingModel => {
                let row =
                    format!("INSERT INTO missing_models VALUES ('claude', '{name}', 1, 1, 3, 9000000000000, 9000000000000)");
                self.world.alter(&row).await;
                Made::default()
            }
            _ => {
                let (visitor, path, body) = self.wish(about, name);
                let told = visitor.api(Method::POST, path, body).await;
                Made { id: told["id"].as_i64().unwrap(), ..Made::default() }
            }
        }
    }

    /// How the JSON API makes it.
    fn wish(&self, about: Thing, name: &str) -> (&Visitor, &'static str, Value) {
        let channel = |models: Value| json!({ "name": name, "type": "claude", "baseUrl": self.provider, "apiKey": "sk-upstream-1234", "models": models });
        match about {
            Thing::Key => (&self.user, "/api/keys", json!({ "name": name })),
            Thing::User => {
                let email = format!("{name}@example.com");
                (&self.admin, "/api/users", json!({ "username": name, "email": email, "password": PASSWORD, "quotaUsd": 3 }))
            }
            Thing::Token => (&self.admin, "/api/admin-tokens", json!({ "name": name })),
            Thing::Channel => (&self.admin, "/api/channels", channel(json!(["claude-haiku-4-5"]))),
            Thing::ListingChannel => (&self.admin, "/api/channels", channel(json!([name]))),
            Thing::Model => (&self.admin, "/api/models", json!({ "provider": "claude", "model": name })),
            Thing::Mapping => {
                let mapping = json!({ "provider": "claude", "inboundModels": [name], "upstreamModel": "claude-haiku-4-5", "channelIds": [] });
                (&self.admin, "/api/model-mappings", mapping)
            }
            Thing::Price => {
                let price = json!({ "provider": "claude", "model": name, "inputPricePerMTok": 1, "outputPricePerMTok": 2 });
                (&self.admin, "/api/model-prices", price)
            }
            _ => panic!("{about:?} is made in another way"),
        }
    }

    async fn account(&self, name: &str) -> Made {
        let (_, path, body) = self.wish(Thing::User, name);
        let id = self.admin.api(Method::POST, path, body).await["id"].as_i64().unwrap();
        let visitor =
            Visitor::signed_in(&self.world.site, &Login { account: name.to_owned(), password: PASSWORD.to_owned() }).await;
        let books = self.world.books();
        let hash = books.text(&format!("SELECT password_hash FROM users WHERE id = {id}")).await;
        let session = books.number(&format!("SELECT max(id) FROM sessions WHERE user_id = {id}")).await;
        Made { id, visitor: Some(visitor), words: vec![("hash", hash), ("session", session.to_string())] }
    }

    async fn card(&self) -> Made {
        let told = self.admin.api(Method::POST, "/api/gift-cards", json!({ "amountUsd": 2.5 })).await;
        let card = &told["cards"][0];
        Made { id: card["id"].as_i64().unwrap(), visitor: None, words: vec![("code", card["code"].as_str().unwrap().to_owned())] }
    }

    async fn broken_channel(&self, name: &str) -> Made {
        let channel = json!({ "name": name, "type": "claude", "baseUrl": "http://127.0.0.1:9", "apiKey": "sk-upstream-1234", "models": ["m"] });
        let id = self.admin.api(Method::POST, "/api/channels", channel).await["id"].as_i64().unwrap();
        for _ in 0..12 {
            self.admin.post(&format!("/admin/channels/{id}/test"), &[]).await;
        }
        Made { id, ..Made::default() }
    }

    async fn old_request(&self) -> Made {
        self.world.relays(&self.world.key, "claude-haiku-4-5", Value::Null).await;
        let id = self.world.books().number("SELECT max(id) FROM request_log").await;
        self.world.alter(&format!("UPDATE request_log SET ts = ts - 3 * 86400000 WHERE id = {id}")).await;
        Made { id, ..Made::default() }
    }

    /// Takes away what a form is about while it lies open.
    pub async fn take_away(&self, about: Thing, id: i64) {
        let path = match about {
            Thing::Key => "/api/keys",
            Thing::User | Thing::Account => "/api/users",
            Thing::Token => "/api/admin-tokens",
            Thing::Channel | Thing::BrokenChannel => "/api/channels",
            Thing::Model => "/api/models",
            Thing::Mapping => "/api/model-mappings",
            Thing::Price => "/api/model-prices",
            Thing::Card => return self.world.alter(&format!("DELETE FROM gift_cards WHERE id = {id}")).await,
            Thing::Session => return self.world.alter(&format!("DELETE FROM sessions WHERE id = {id}")).await,
            Thing::Nothing | Thing::ListingChannel | Thing::MissingModel | Thing::OldRequest => {
                panic!("no address has the id of {about:?}")
            }
        };
        self.admin.api(Method::DELETE, &format!("{path}/{id}"), Value::Null).await;
    }

    /// Who sends the form rightfully.
    pub fn rightful<'a>(&'a self, submit: &Submit, made: &'a Made) -> &'a Visitor {
        match submit.by {
            By::Admin => &self.admin,
            _ => made.visitor.as_ref().unwrap_or(&self.user),
        }
    }
}

/// Somebody whose session has ended.
async fn ended(world: &World, login: &Login) -> Visitor {
    let visitor = Visitor::signed_in(&world.site, login).await;
    world.alter("UPDATE sessions SET expires_at = 1 WHERE id = (SELECT max(id) FROM sessions)").await;
    visitor
}

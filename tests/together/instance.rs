//! One instance, as far as users' limits go: its gates, and its place in Redis.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_rt::Arbiter;
use actors::ports::{Account, CatalogueSource, Change, KeySpent, NoFaults, StorageIll, SystemClock};
use actors::settings_cache::Catalogue;
use actors::usage_ledger::Backlog;
use actors::user_gate::shared::{SharedAccounts, Standing};
use actors::user_gate::{Ask, GateParts, Hold, Load, Settlement, UserGates};
use actors::vocabulary::settings::BalancePolicy;
use actors::vocabulary::{KeyDigest, KeyId, KeyRecord, Limits, Nanos, ReceiptId, Usage, UserId};
use api_proxy::redis_store::{InstanceFacts, Membership, PeerEvent, RedisAccounts, RedisStore, Rhythm};
use async_trait::async_trait;

use crate::redis::RedisServer;

pub const USER: UserId = UserId(9_007_199_254_740_001);
pub const KEY: KeyId = KeyId(9_007_199_254_740_101);
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The database, as far as accounts go.
pub struct Accounts {
    pub quota: AtomicI64,
    pub used: AtomicI64,
}

impl Accounts {
    pub fn of(quota: i64) -> Arc<Self> {
        Arc::new(Self { quota: quota.into(), used: 0.into() })
    }

    pub fn account(&self) -> Account {
        let key = KeySpent { id: KEY, used: Nanos(self.used.load(Ordering::SeqCst)), day_start: 0, day_tokens: 0 };
        Account { quota: Nanos(self.quota.load(Ordering::SeqCst)), used: key.used, keys: vec![key] }
    }
}

#[async_trait]
impl CatalogueSource for Accounts {
    async fn catalogue(&self) -> Result<Catalogue, StorageIll> {
        Ok(Catalogue::default())
    }
    async fn key(&self, _: KeyDigest) -> Result<Option<KeyRecord>, StorageIll> {
        Ok(None)
    }
    async fn changes(&self, _: i64) -> Result<Vec<Change>, StorageIll> {
        Ok(Vec::new())
    }
    async fn account(&self, _: UserId) -> Result<Option<Account>, StorageIll> {
        Ok(Some(self.account()))
    }
}

/// Gates, with or without others.
pub struct Instance {
    pub gates: UserGates,
    pub store: Option<RedisStore>,
    accounts: Arc<Accounts>,
    receipts: Mutex<i64>,
}

pub fn rhythm() -> Rhythm {
    let ms = Duration::from_millis;
    Rhythm { beat: ms(100), lease: ms(1_000), rejoin: ms(400), buried_after: Duration::from_secs(3_600) }
}

/// Two instances of a gateway over one Redis, and their user with so much money.
pub async fn pair(quota: i64) -> (RedisServer, Arc<Accounts>, Instance, Instance) {
    let redis = RedisServer::start().await;
    let accounts = Accounts::of(quota);
    let (one, other) = (Instance::of(&redis, "one", &accounts).await, Instance::of(&redis, "other", &accounts).await);
    (redis, accounts, one, other)
}

impl Instance {
    pub fn alone(accounts: &Arc<Accounts>) -> Self {
        Self::with(accounts, None, None)
    }

    pub async fn of(redis: &RedisServer, id: &str, accounts: &Arc<Accounts>) -> Self {
        let membership = Membership { id, required: true, rhythm: rhythm() };
        let store = RedisStore::open(&redis.url(), membership, Arc::new(SystemClock)).await.unwrap();
        let instance = Self::with(accounts, Some(Arc::new(RedisAccounts(store.clone()))), Some(store.clone()));
        let gates = instance.gates.clone();
        let listener = Box::new(move |heard| match heard {
            PeerEvent::Freed(user) => gates.freed_elsewhere(user),
            PeerEvent::TellAll => gates.tell_all(),
            PeerEvent::Changed | PeerEvent::LogEntry(..) | PeerEvent::Channel(_) => {}
        });
        store.join(listener, Box::new(InstanceFacts::default)).await.unwrap();
        instance
    }

    fn with(accounts: &Arc<Accounts>, shared: Option<Arc<dyn SharedAccounts>>, store: Option<RedisStore>) -> Self {
        let gates = UserGates::new(GateParts {
            arbiter: Arbiter::new().handle(),
            source: Arc::<Accounts>::clone(accounts),
            clock: Arc::new(SystemClock),
            faults: Arc::new(NoFaults),
            backlog: Backlog::default(),
            idle_after: Duration::from_secs(600),
            shared,
            retired: Box::new(|_| {}),
        });
        Self { gates, store, accounts: Arc::clone(accounts), receipts: Mutex::new(0) }
    }

    pub async fn admit(&self, ask: &Ask) -> Result<Hold, actors::user_gate::Refusal> {
        self.gates.admit(ask.clone(), PATIENCE).await
    }

    pub async fn try_admit(&self, ask: &Ask) -> Result<Hold, actors::user_gate::Refusal> {
        self.gates.admit(ask.clone(), Duration::ZERO).await
    }

    /// The request was served, and its receipt is in the journal.
    pub fn serve(&self, hold: Hold, cost: i64) -> ReceiptId {
        let mut last = self.receipts.lock().unwrap();
        *last += 1;
        let receipt = ReceiptId(*last);
        hold.settle(Settlement::Served { receipt, usage: Usage::default(), cost: Nanos(cost), day_start: 0 });
        receipt
    }

    /// The receipts are in the database now.
    pub fn book(&self, receipts: &[ReceiptId], cost: i64) {
        self.accounts.used.fetch_add(cost, Ordering::SeqCst);
        let receipts: Vec<(UserId, ReceiptId)> = receipts.iter().map(|id| (USER, *id)).collect();
        self.gates.booked(&receipts, &[(USER, self.accounts.account())]);
    }

    pub async fn stands(&self, wanted: impl Fn(Standing) -> bool) {
        let store = self.store.as_ref().unwrap();
        eventually(|| wanted(store.standing())).await;
    }

    /// What nobody waits for has been told when nothing is held any more, here and in Redis.
    pub async fn holds_nothing(&self, redis: &RedisServer) {
        let state = || self.gates.observe(USER).unwrap_or_default();
        eventually(|| state().slots == 0 && state().held == Nanos::ZERO).await;
        let id = self.store.as_ref().unwrap().id().to_owned();
        let user = format!("api-proxy:user:{USER}");
        let field = |name: &str| redis.say(&["HGET", &user, &format!("{name}|{id}")]).trim().to_owned();
        eventually(|| field("s") == "0" && field("m") == "0").await;
    }
}

/// Waits until something is so.
pub async fn eventually(so: impl Fn() -> bool) {
    let by = tokio::time::Instant::now() + Duration::from_secs(20);
    while !so() {
        assert!(tokio::time::Instant::now() < by, "it never came about");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub fn ask(wanted: i64) -> Ask {
    let load = Load {
        floor: Nanos(1),
        wanted: Nanos(wanted),
        policy: BalancePolicy::Strict,
        budget: None,
        daily_tokens: None,
        day_hold: 0,
        day_start: 0,
    };
    Ask {
        user: USER,
        key: KEY,
        request_id: "req".into(),
        user_limits: Limits::default(),
        key_limits: Limits::default(),
        tokens: 10,
        load: Some(load),
    }
}

pub fn with_slots(wanted: i64, slots: u32) -> Ask {
    Ask { user_limits: Limits { concurrency: Some(slots), ..Limits::default() }, ..ask(wanted) }
}

pub fn with_load(mut ask: Ask, change: impl FnOnce(&mut Load)) -> Ask {
    change(ask.load.as_mut().unwrap());
    ask
}

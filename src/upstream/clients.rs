//! The pooled client of one worker, made anew when what may be reached has changed.

use std::cell::RefCell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::sync::{Arc, Weak};

use actors::settings_cache::{Snapshot, SnapshotReader};

/// Kept connections know nothing of rules and channels that changed since they were opened. Cheap to clone.
#[derive(Clone)]
pub(super) struct Clients {
    settings: SnapshotReader,
    make: Rc<dyn Fn() -> awc::Client>,
    current: Rc<RefCell<Current>>,
}

struct Current {
    /// The snapshot looked at last. Weak: it is compared, not read, and must not live longer for it.
    seen: Weak<Snapshot>,
    rule: u64,
    client: awc::Client,
}

impl Clients {
    pub(super) fn new(settings: SnapshotReader, make: impl Fn() -> awc::Client + 'static) -> Self {
        let snapshot = settings.keep();
        let current = Current { seen: Arc::downgrade(&snapshot), rule: rule(&snapshot), client: make() };
        Self { settings, make: Rc::new(make), current: Rc::new(RefCell::new(current)) }
    }

    /// The client, with kept connections of the present rule alone. Requests under way keep theirs to their end.
    pub(super) fn get(&self) -> awc::Client {
        let mut current = self.current.borrow_mut();
        let snapshot = self.settings.load();
        if current.seen.as_ptr() != Arc::as_ptr(&snapshot) {
            current.seen = Arc::downgrade(&snapshot);
            let rule = rule(&snapshot);
            if rule != current.rule {
                current.rule = rule;
                current.client = (self.make)();
            }
        }
        current.client.clone()
    }
}

/// What decides who may be connected to and what is sent there.
fn rule(snapshot: &Snapshot) -> u64 {
    let mut hasher = DefaultHasher::new();
    snapshot.settings.allow_private_upstreams.hash(&mut hasher);
    for channel in snapshot.channels() {
        (channel.id.0, &channel.base_url, channel.api_key.expose(), &channel.headers).hash(&mut hasher);
    }
    hasher.finish()
}

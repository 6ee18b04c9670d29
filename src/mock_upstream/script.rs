//! What the provider is going to do: queued steps, and replies by key, by model, for everything.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::models::DEFAULT_MODELS;
use super::recorder::Recorder;
use super::reply::Reply;

/// The provider's script and its memory of what it was asked. Clones are the same script; it may be used from
/// any thread.
#[derive(Debug, Clone)]
pub struct Script(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    plan: Mutex<Plan>,
    recorder: Arc<Recorder>,
    default_reply: Arc<Reply>,
}

#[derive(Debug)]
struct Plan {
    queue: VecDeque<Step>,
    always: Option<Arc<Reply>>,
    by_model: HashMap<String, Arc<Reply>>,
    by_key: HashMap<String, Arc<Reply>>,
    accepted_keys: Vec<String>,
    models: Arc<Vec<String>>,
}

/// A reply waiting in the queue for the first request that meets its conditions.
#[derive(Debug, Clone)]
pub struct Step {
    reply: Arc<Reply>,
    pub(super) on_path: Option<String>,
    pub(super) on_model: Option<String>,
    pub(super) on_key: Option<String>,
    pub(super) times: usize,
}

impl Step {
    /// A step for the next request that makes a model work.
    pub fn new(reply: Reply) -> Self {
        Self { reply: Arc::new(reply), on_path: None, on_model: None, on_key: None, times: 1 }
    }

    /// Only for a path with this end; such a step may also answer routes no model works for.
    #[must_use]
    pub fn on_path(mut self, end: impl Into<String>) -> Self {
        self.on_path = Some(end.into());
        self
    }

    /// Only for this model.
    #[must_use]
    pub fn on_model(mut self, model: impl Into<String>) -> Self {
        self.on_model = Some(model.into());
        self
    }

    /// Only for callers with this key.
    #[must_use]
    pub fn on_key(mut self, key: impl Into<String>) -> Self {
        self.on_key = Some(key.into());
        self
    }

    /// For so many requests, one by default.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    fn is_for(&self, asked: &Asked<'_>) -> bool {
        let path_fits = match &self.on_path {
            Some(end) => asked.path.ends_with(end.as_str()),
            None => asked.generates,
        };
        path_fits
            && self.on_model.as_deref().is_none_or(|model| asked.model == Some(model))
            && self.on_key.as_deref().is_none_or(|key| asked.key == Some(key))
    }
}

impl From<Reply> for Step {
    fn from(reply: Reply) -> Self {
        Self::new(reply)
    }
}

/// What the script wants to know about a request.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) path: &'a str,
    pub(super) generates: bool,
    pub(super) model: Option<&'a str>,
    pub(super) key: Option<&'a str>,
}

impl Plan {
    fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            always: None,
            by_model: HashMap::new(),
            by_key: HashMap::new(),
            accepted_keys: Vec::new(),
            models: Arc::new(DEFAULT_MODELS.map(str::to_owned).to_vec()),
        }
    }

    fn choose(&mut self, asked: &Asked<'_>) -> Option<Arc<Reply>> {
        if let Some(at) = self.queue.iter().position(|step| step.times > 0 && step.is_for(asked)) {
            return self.take(at);
        }
        let by_key = asked.key.and_then(|key| self.by_key.get(key));
        let by_model = asked.model.and_then(|model| self.by_model.get(model));
        by_key.or(by_model).or(self.always.as_ref()).cloned()
    }

    fn take(&mut self, at: usize) -> Option<Arc<Reply>> {
        let step = self.queue.get_mut(at)?;
        step.times -= 1;
        let reply = step.reply.clone();
        if step.times == 0 {
            self.queue.remove(at);
        }
        Some(reply)
    }
}

impl Script {
    /// A script that asks for nothing: default answers, everything recorded.
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            plan: Mutex::new(Plan::new()),
            recorder: Arc::new(Recorder::new()),
            default_reply: Arc::new(Reply::new()),
        }))
    }

    /// Queues a reply, or a step with conditions.
    pub fn push(&self, step: impl Into<Step>) {
        self.plan().queue.push_back(step.into());
    }

    /// Queues several.
    pub fn push_all<S: Into<Step>>(&self, steps: impl IntoIterator<Item = S>) {
        self.plan().queue.extend(steps.into_iter().map(Into::into));
    }

    /// How many steps wait.
    pub fn queued(&self) -> usize {
        self.plan().queue.len()
    }

    /// The reply to everything no other part of the script is about.
    pub fn always(&self, reply: Reply) {
        self.plan().always = Some(Arc::new(reply));
    }

    /// The reply for a model.
    pub fn for_model(&self, model: impl Into<String>, reply: Reply) {
        self.plan().by_model.insert(model.into(), Arc::new(reply));
    }

    /// The reply to callers with this key.
    pub fn for_key(&self, upstream_api_key: impl Into<String>, reply: Reply) {
        self.plan().by_key.insert(upstream_api_key.into(), Arc::new(reply));
    }

    /// From now on only this key, and others named so, are let in; the rest gets the vendor's 401.
    pub fn require_key(&self, key: impl Into<String>) {
        self.plan().accepted_keys.push(key.into());
    }

    /// The models to list.
    pub fn models<T: Into<String>>(&self, models: impl IntoIterator<Item = T>) {
        self.plan().models = Arc::new(models.into_iter().map(Into::into).collect());
    }

    /// Back to default answers for everybody. What was recorded stays; see [`Script::forget_requests`].
    pub fn clear(&self) {
        *self.plan() = Plan::new();
    }

    pub(super) fn choose(&self, asked: &Asked<'_>) -> Arc<Reply> {
        let chosen = self.plan().choose(asked);
        chosen.unwrap_or_else(|| self.0.default_reply.clone())
    }

    pub(super) fn lets_in(&self, key: Option<&str>) -> bool {
        let plan = self.plan();
        plan.accepted_keys.is_empty() || key.is_some_and(|key| plan.accepted_keys.iter().any(|one| one == key))
    }

    pub(super) fn listed_models(&self) -> Arc<Vec<String>> {
        self.plan().models.clone()
    }

    pub(super) fn recorder(&self) -> &Arc<Recorder> {
        &self.0.recorder
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

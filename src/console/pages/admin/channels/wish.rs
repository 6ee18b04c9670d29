//! What the form of a channel says, as the service takes it.

use std::collections::{BTreeMap, HashSet};

use secrecy::SecretString;

use crate::console::fields::Fields;
use crate::services::Served;
use crate::services::channels::{ChannelPatch, NewChannel};
use crate::services::values::{Patch, Secret, check};

/// The form of a stored channel. An empty key or no headers leave those as they are.
pub(super) fn patch(fields: &Fields) -> Served<ChannelPatch> {
    Ok(ChannelPatch {
        name: Some(fields.text("name").to_owned()),
        kind: Some(fields.text("type").to_owned()),
        open_ai_protocol: fields.optional("openAiProtocol"),
        base_url: Some(fields.text("baseUrl").to_owned()),
        api_key: fields.filled("apiKey").map(secret),
        models: Patch::Value(models(fields)),
        priority: fields.integer("priority")?,
        weight: fields.integer("weight")?,
        max_concurrency: fields.integer("maxConcurrency")?,
        test_model: fields.optional("testModel"),
        monitor_interval_sec: fields.usd("monitorIntervalSec")?,
        headers: headers(fields)?,
        adapt_reasoning: fields.turned("adaptReasoning"),
        enabled: fields.turned("enabled"),
    })
}

/// The form of a new channel.
pub(super) fn new(fields: &Fields) -> Served<NewChannel> {
    let wish = patch(fields)?;
    Ok(NewChannel {
        name: fields.text("name").to_owned(),
        kind: fields.text("type").to_owned(),
        open_ai_protocol: wish.open_ai_protocol.value(),
        base_url: fields.text("baseUrl").to_owned(),
        api_key: wish.api_key.unwrap_or_else(|| secret("")),
        models: wish.models.value(),
        priority: wish.priority.value(),
        weight: wish.weight.value(),
        max_concurrency: wish.max_concurrency.value(),
        test_model: wish.test_model.value(),
        monitor_interval_sec: wish.monitor_interval_sec.value(),
        headers: wish.headers.value(),
        adapt_reasoning: Some(fields.ticked("adaptReasoning")),
        enabled: Some(fields.ticked("enabled")),
    })
}

/// A channel may be tried before anybody thought of its name.
pub(super) fn named(new: NewChannel) -> NewChannel {
    if new.name.trim().is_empty() { NewChannel { name: "-".to_owned(), ..new } } else { new }
}

/// The models that are typed, and those chosen of what the provider lists.
pub(super) fn models(fields: &Fields) -> Vec<String> {
    let mut models = fields.list("models").value().unwrap_or_default();
    let mut known: HashSet<String> = models.iter().cloned().collect();
    models.extend(fields.all("candidate").iter().filter(|name| known.insert((*name).clone())).cloned());
    models
}

fn secret(text: &str) -> Secret {
    Secret(SecretString::from(text))
}

/// `Name: value` in each line.
fn headers(fields: &Fields) -> Served<Patch<BTreeMap<String, String>>> {
    let Some(text) = fields.filled("headers") else {
        return Ok(if fields.ticked("dropHeaders") { Patch::Null } else { Patch::Absent });
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let header = |line: &str| {
        let (name, value) = line.split_once(':').ok_or_else(|| check::bad("headers", "one per line, as Name: value"))?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    Ok(Patch::Value(lines.map(header).collect::<Served<_>>()?))
}

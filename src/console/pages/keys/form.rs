//! The form of a key. Whoever owns the key sets the owner's limits, an admin those of an admin; both are shown.

use actix_web::HttpResponse;
use minijinja::{Value, context};

use crate::console::fields::Fields;
use crate::console::pages::people;
use crate::console::render::shown;
use crate::console::visit::{SignedIn, Visit};
use crate::services::channels::{self, ChannelQuery};
use crate::services::keys::{KeyChange, KeyLimits, KeyView, NewKey};
use crate::services::values::{ListQuery, Patch, check};
use crate::services::{Served, ServiceError};

/// Most channels to choose from.
const MOST_CHANNELS: i64 = 100;

/// The form: of a new key, of one that is there, or again with what is wrong with it.
pub(super) async fn page(
    SignedIn { visit, actor }: &SignedIn,
    key: Option<&KeyView>,
    fields: &Fields,
    error: Option<&ServiceError>,
) -> HttpResponse {
    let own = key.is_none_or(|key| key.user_id == actor.id.0);
    let sides = key.map(|key| (&key.owner_limits, &key.admin_limits));
    let sides = sides.map(|(owner, admin)| if own { (owner, admin) } else { (admin, owner) });
    let common = context! {
        key => key.map(shown),
        own,
        limits => sides.map(|(limits, _)| shown(limits)),
        others => sides.filter(|(_, others)| limit_anything(others)).map(|(_, others)| shown(others)),
        owner => visit.asked("user"),
    };
    let for_admins = match visit.of_all() {
        true => choices(visit, key).await,
        false => Ok(context! {}),
    };
    match for_admins {
        Ok(choices) => visit.form("keys/form.html", context! { ..common, ..choices }, fields, error),
        Err(error) => visit.failure(&error),
    }
}

/// Whether they take anything away.
fn limit_anything(limits: &KeyLimits) -> bool {
    let KeyLimits { quota, budget_usd, expires_at, models, allowed_ips, rate_limit_rpm, rate_limit_tpm, max_concurrency } =
        limits;
    let numbers = [*expires_at, *rate_limit_rpm, *rate_limit_tpm, *max_concurrency];
    *quota > 0 || budget_usd.is_some() || !models.is_empty() || !allowed_ips.is_empty() || numbers.iter().any(Option::is_some)
}

/// What admins choose from: users by name, channels with the one that the key is bound to.
pub(super) async fn choices(visit: &Visit, key: Option<&KeyView>) -> Served<Value> {
    let by_name = ListQuery {
        page_size: Some(MOST_CHANNELS),
        sort: Some("name".to_owned()),
        sort_dir: Some("asc".to_owned()),
        ..ListQuery::default()
    };
    let found = channels::list(visit.services(), &by_name, ChannelQuery::default()).await?;
    let mut channels = vec![(String::new(), visit.say("key-any-channel"))];
    channels.extend(found.rows.into_iter().map(|channel| (channel.id.to_string(), channel.name)));
    if let Some(bound) = key.and_then(|key| key.channel_id).and_then(|channel| channel.0).map(|id| id.0.to_string())
        && !channels.iter().any(|(id, _)| *id == bound)
    {
        channels.push((bound.clone(), bound));
    }
    Ok(context! { people => people::names(visit).await?, channels => shown(&channels) })
}

/// What the form changes.
pub(super) fn change(visit: &Visit, fields: &Fields) -> Served<KeyChange> {
    let timezone = visit.services().settings.settings().timezone;
    let of_admins = |value: Patch<String>| if visit.of_all() { value } else { Patch::Absent };
    Ok(KeyChange {
        name: Patch::Value(fields.text("name").to_owned()),
        quota: fields.integer("quota")?,
        budget_usd: fields.usd("budgetUsd")?,
        expires_at: fields.moment("expiresAt", &timezone)?,
        models: fields.list("models"),
        allowed_ips: fields.list("allowedIps"),
        rate_limit_rpm: fields.integer("rateLimitRpm")?,
        rate_limit_tpm: fields.integer("rateLimitTpm")?,
        max_concurrency: fields.integer("maxConcurrency")?,
        channel_scope: of_admins(fields.optional("channelScope")),
        channel_id: if visit.of_all() { fields.integer("channelId")? } else { Patch::Absent },
        ..KeyChange::default()
    })
}

/// What the form makes: for admins a key of the user it names.
pub(super) async fn new_key(visit: &Visit, fields: &Fields) -> Served<NewKey> {
    let wish = change(visit, fields)?;
    let user_id = match visit.of_all() {
        true => Some(owner(visit, fields.text("userId")).await?),
        false => None,
    };
    Ok(NewKey {
        name: fields.text("name").to_owned(),
        user_id,
        quota: wish.quota,
        budget_usd: wish.budget_usd,
        expires_at: wish.expires_at,
        models: wish.models,
        allowed_ips: wish.allowed_ips,
        rate_limit_rpm: wish.rate_limit_rpm,
        rate_limit_tpm: wish.rate_limit_tpm,
        max_concurrency: wish.max_concurrency,
        channel_scope: wish.channel_scope,
        channel_id: wish.channel_id,
        ..NewKey::default()
    })
}

async fn owner(visit: &Visit, name: &str) -> Served<i64> {
    match people::id_of(visit, name).await? {
        people::NOBODY => Err(check::bad("userId", "the name of a user")),
        id => Ok(id),
    }
}

//! Lists, makes, changes, rotates and removes keys.

use std::collections::BTreeMap;

use actors::ports::Changed;
use actors::vocabulary::{KeyStatus, Role, UserId};
use secrecy::ExposeSecret;
use serde::Serialize;

use super::rules::{KeyChange, KeyListFilter, NewKey};
use super::view::{IssuedKey, KeyView};
use super::{ADMIN_FIELD, KEY_EXISTS, TOO_MANY_KEYS};
use crate::admission::day_start;
use crate::secrets::{NewKey as FreshKey, digest, hex, new_relay_key};
use crate::services::error::{NOT_FOUND, Served, ServiceError};
use crate::services::users::{may_touch, touchable};
use crate::services::values::{ListQuery, Page, Secret, check};
use crate::services::{Actor, Deed, Services};
use crate::store::api_keys::{self, Added, ApiKeyRow, Changing, KeyFilter, OwnedKey};
use crate::store::{StoreError, key_names, users};

/// One page of keys: one's own; for admins all, or those of one user.
///
/// # Errors
/// `invalid_request`.
pub async fn list(services: &Services, actor: &Actor, asked: &ListQuery, filter: KeyListFilter) -> Served<Page<KeyView>> {
    let status = filter.status.map(|word| check::choice::<KeyStatus>("status", &word, "active, disabled")).transpose()?;
    let user_id = if actor.is_admin() { filter.user_id } else { Some(actor.id.0) };
    let filter = KeyFilter { user_id, status: status.map(|status| status.as_str().to_owned()) };
    let found = api_keys::list(&services.db, &filter, &asked.window(api_keys::SORTS)?).await?;
    let today = today(services);
    Ok(Page::new(asked, found, |row| KeyView::new(&row.key, &row.username, today, actor.is_admin())))
}

/// Whose key it is.
#[derive(Clone, Debug, Serialize)]
pub struct Owner {
    /// Their id.
    pub id: i64,
    /// Their name.
    pub name: String,
}

/// The owners of these keys as far as both are still there, by the key's id: for admins.
///
/// # Errors
/// `forbidden`.
pub async fn owners(services: &Services, actor: &Actor, keys: &[i64]) -> Served<BTreeMap<String, Owner>> {
    actor.require(Role::Admin)?;
    let named = key_names::of(&services.db, keys).await?;
    Ok(named.into_iter().map(|key| (key.id.to_string(), Owner { id: key.user_id, name: key.username })).collect())
}

/// One key.
///
/// # Errors
/// `not_found` (also for other people's keys).
pub async fn one(services: &Services, actor: &Actor, id: i64) -> Served<KeyView> {
    let found = reachable(services, actor, id).await?;
    Ok(KeyView::new(&found.key, &found.username, today(services), actor.is_admin()))
}

/// Makes a key, or (admins) takes over an existing one by its text.
///
/// # Errors
/// `invalid_request`, `forbidden`, `key_exists`, `too_many_keys`.
pub async fn create(services: &Services, actor: &Actor, mut wish: NewKey) -> Served<IssuedKey> {
    let admin = actor.is_admin();
    let owner = wish.user_id.unwrap_or(actor.id.0);
    let own = owner == actor.id.0;
    if !own && !admin {
        return Err(ServiceError::field(&ADMIN_FIELD, "userId"));
    }
    let fresh = match wish.key.take() {
        Some(_) if !admin => return Err(ServiceError::field(&ADMIN_FIELD, "key")),
        Some(text) => imported(text)?,
        None => new_relay_key()?,
    };
    let change = wish.into_change().checked(admin)?;
    let username = match own {
        true => actor.name.clone(),
        false => owner_of(services, actor, owner).await?,
    };
    let now = services.now();
    let mut key = ApiKeyRow {
        id: services.id(),
        user_id: owner,
        prefix: fresh.prefix,
        digest: hex(&digest(fresh.secret.expose_secret())),
        status: KeyStatus::Active.as_str().to_owned(),
        channel_scope: "all".to_owned(),
        created_at: now,
        updated_at: now,
        ..ApiKeyRow::default()
    };
    change.apply(&mut key, own)?;
    let changed = Changed::User(UserId(owner));
    let view = |admin| KeyView::new(&key, &username, now, admin);
    let trail = services.trail(&actor.by(), Deed::new("key.create", key.id).after(&view(true)), Some(changed));
    // The bound is for users; what an admin gives them was meant.
    let most = services.settings.settings().max_keys_per_user;
    let bound = (!admin && most > 0).then_some(most);
    if api_keys::add(&services.db, &key, bound, &trail).await.map_err(refused)? == Added::TooMany {
        return Err(ServiceError::new(&TOO_MANY_KEYS).with("max", most));
    }
    services.news.changed(changed).await;
    Ok(IssuedKey { view: view(admin), key: fresh.secret.expose_secret().to_owned() })
}

/// Changes a key.
///
/// # Errors
/// `not_found` (also for other people's keys), `invalid_request`, `forbidden`.
pub async fn update(services: &Services, actor: &Actor, id: i64, wish: KeyChange) -> Served<KeyView> {
    let found = reachable(services, actor, id).await?;
    let change = wish.checked(actor.is_admin())?;
    let own = found.key.user_id == actor.id.0;
    edit(services, actor, &found, "key.update", |key| change.apply(key, own)).await
}

/// Gives a key a new text; the old one stops working.
///
/// # Errors
/// `not_found`.
pub async fn rotate(services: &Services, actor: &Actor, id: i64) -> Served<IssuedKey> {
    let found = reachable(services, actor, id).await?;
    let fresh = new_relay_key()?;
    let (prefix, digest) = (fresh.prefix, hex(&digest(fresh.secret.expose_secret())));
    let replace = |key: &mut ApiKeyRow| {
        key.prefix = prefix;
        key.digest = digest;
        Ok(())
    };
    let view = edit(services, actor, &found, "key.rotate", replace).await?;
    Ok(IssuedKey { view, key: fresh.secret.expose_secret().to_owned() })
}

/// Removes a key. Its rows in the log stay.
///
/// # Errors
/// `not_found`.
pub async fn remove(services: &Services, actor: &Actor, id: i64) -> Served<()> {
    let found = reachable(services, actor, id).await?;
    let changed = Changed::User(UserId(found.key.user_id));
    let before = KeyView::new(&found.key, &found.username, today(services), true);
    let trail = services.trail(&actor.by(), Deed::new("key.remove", id).before(&before), Some(changed));
    if !api_keys::remove(&services.db, id, &trail).await? {
        return Err(ServiceError::new(&NOT_FOUND));
    }
    services.news.changed(changed).await;
    Ok(())
}

async fn edit(
    services: &Services,
    actor: &Actor,
    found: &OwnedKey,
    action: &'static str,
    change: impl FnOnce(&mut ApiKeyRow) -> Served<()>,
) -> Served<KeyView> {
    let today = today(services);
    let changed = Changed::User(UserId(found.key.user_id));
    let view = |key: &ApiKeyRow, admin| KeyView::new(key, &found.username, today, admin);
    let run = |key: &mut ApiKeyRow| {
        let before = view(key, true);
        change(key)?;
        let deed = Deed::new(action, key.id).before(&before).after(&view(key, true));
        Ok(services.trail(&actor.by(), deed, Some(changed)))
    };
    let key = match api_keys::change(&services.db, found.key.id, services.now(), run).await.map_err(refused)? {
        Changing::Done(key) => key,
        Changing::Missing => return Err(ServiceError::new(&NOT_FOUND)),
        Changing::Refused(error) => return Err(error),
    };
    services.news.changed(changed).await;
    Ok(view(&key, actor.is_admin()))
}

/// The key `id`, if the actor may touch it: one's own, or for admins those of anybody they may touch.
async fn reachable(services: &Services, actor: &Actor, id: i64) -> Served<OwnedKey> {
    let found = api_keys::by_id(&services.db, id).await?.ok_or_else(|| ServiceError::new(&NOT_FOUND))?;
    if found.key.user_id == actor.id.0 {
        return Ok(found);
    }
    if !actor.is_admin() {
        return Err(ServiceError::new(&NOT_FOUND));
    }
    may_touch(actor, found.role.parse().map_err(ServiceError::ill)?)?;
    Ok(found)
}

async fn owner_of(services: &Services, actor: &Actor, owner: i64) -> Served<String> {
    if users::by_id(&services.db, owner).await?.is_none() {
        return Err(check::bad("userId", "no such user"));
    }
    Ok(touchable(services, actor, owner).await?.username)
}

/// Takes over a key made elsewhere: at least 16 printable characters, of which the first few stay visible.
fn imported(text: Secret) -> Served<FreshKey> {
    let key = text.expose();
    check::length("key", key, 16, 512)?;
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(check::bad("key", "printable ASCII characters without spaces"));
    }
    let visible = (key.len() / 4).min(13);
    Ok(FreshKey { prefix: key.chars().take(visible).collect(), secret: text.0 })
}

fn refused(error: StoreError) -> ServiceError {
    match error {
        StoreError::Duplicate => ServiceError::field(&KEY_EXISTS, "key"),
        StoreError::Reference => check::bad("channelId", "no such channel"),
        other => other.into(),
    }
}

fn today(services: &Services) -> i64 {
    day_start(services.now(), &services.settings.settings().timezone)
}

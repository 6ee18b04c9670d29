//! Users by name, for forms and filters that ask for one.

use std::collections::{BTreeMap, BTreeSet};

use actors::vocabulary::UserId;

use crate::console::visit::Visit;
use crate::services::users::{self, UserListFilter};
use crate::services::values::ListQuery;
use crate::services::{Kind, Served};

/// The id of nobody: no account has it.
pub(super) const NOBODY: i64 = 0;
/// Most names that are suggested.
const MOST_NAMES: i64 = 100;

/// The first names of the alphabet, as suggestions.
pub(super) async fn names(visit: &Visit) -> Served<Vec<String>> {
    let by_name = ListQuery {
        page_size: Some(MOST_NAMES),
        sort: Some("username".to_owned()),
        sort_dir: Some("asc".to_owned()),
        ..ListQuery::default()
    };
    let page = users::list(visit.services(), &by_name, UserListFilter::default()).await?;
    Ok(page.rows.into_iter().map(|user| user.username).collect())
}

/// The user with this name or address; [`NOBODY`] where there is none.
pub(super) async fn id_of(visit: &Visit, name: &str) -> Served<i64> {
    Ok(users::named(visit.services(), name).await?.map_or(NOBODY, |user| user.id))
}

/// The names of these users as far as they are still there, by id.
pub(super) async fn names_of(visit: &Visit, ids: impl Iterator<Item = i64>) -> Served<BTreeMap<String, String>> {
    let mut names = BTreeMap::new();
    for id in ids.collect::<BTreeSet<_>>() {
        match users::get(visit.services(), UserId(id)).await {
            Ok(user) => names.insert(id.to_string(), user.username),
            Err(error) if error.refusal.kind == Kind::NotFound => None,
            Err(error) => return Err(error),
        };
    }
    Ok(names)
}

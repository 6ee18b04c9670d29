//! Users by name, for forms and filters that ask for one.

use crate::console::visit::Visit;
use crate::services::Served;
use crate::services::users::{self, UserListFilter};
use crate::services::values::ListQuery;

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

//! Lists as pages show them: what the address asks for, and where its neighbours are.

use minijinja::{Value, context};

use super::visit::Visit;
use crate::services::values::{ListQuery, Page};

/// The last page that can be asked for.
const MOST_PAGES: i64 = 1_000_000;
/// Rows on a page.
const PAGE_SIZE: i64 = 50;

/// What the address asks for. What is no number there counts as not said.
pub(super) fn asked(visit: &Visit) -> ListQuery {
    asked_in_pages_of(visit, PAGE_SIZE)
}

/// [`asked`], with this many rows on a page.
pub(super) fn asked_in_pages_of(visit: &Visit, rows: i64) -> ListQuery {
    ListQuery {
        page: visit.asked("page").and_then(|page| page.parse().ok()).filter(|page| (1..=MOST_PAGES).contains(page)),
        page_size: Some(rows),
        sort: visit.asked("sort"),
        sort_dir: visit.asked("sortDir"),
        query: visit.asked("query"),
    }
}

/// [`asked`], in ascending order of `field` where the address names no order.
pub(super) fn asked_by(visit: &Visit, field: &str) -> ListQuery {
    let asked = asked(visit);
    if asked.sort.is_some() {
        return asked;
    }
    ListQuery { sort: Some(field.to_owned()), sort_dir: Some("asc".to_owned()), ..asked }
}

/// Where this page stands in its list.
pub(super) fn view<T>(asked: &ListQuery, page: &Page<T>) -> Value {
    let shown = i64::try_from(page.rows.len()).unwrap_or(i64::MAX);
    place(asked, shown, page.total)
}

/// Where `shown` rows stand in a list of `total`.
pub(super) fn place(asked: &ListQuery, shown: i64, total: i64) -> Value {
    let page = asked.page.unwrap_or(1);
    let before = (page - 1) * asked.page_size.unwrap_or(PAGE_SIZE);
    context! {
        page,
        first => if shown > 0 { before + 1 } else { 0 },
        last => before + shown,
        total,
        previous => (page > 1).then_some(page - 1),
        next => (before + shown < total && shown > 0).then_some(page + 1),
        sort => asked.sort.as_deref(),
        descending => asked.sort_dir.as_deref() != Some("asc"),
        search => asked.query.as_deref(),
    }
}

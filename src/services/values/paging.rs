//! Lists: what may be asked of them, and the page that comes back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check;
use crate::services::error::{BAD_CHOICE, Served, ServiceError};
use crate::store::{Sorts, Window};

/// Rows on a page nobody sized.
const DEFAULT_PAGE_SIZE: i64 = 20;
/// Rows on a page at most.
const MAX_PAGE_SIZE: i64 = 100;
/// Pages at most.
const MAX_PAGE: i64 = 1_000_000;
/// Characters of a search text at most.
const MAX_QUERY: usize = 200;

/// What every list takes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListQuery {
    /// The page wanted, from 1.
    pub page: Option<i64>,
    /// Rows on a page, at most 100 (default 20).
    pub page_size: Option<i64>,
    /// The field to sort by.
    pub sort: Option<String>,
    /// `asc` or `desc` (default).
    pub sort_dir: Option<String>,
    /// What the rows must contain.
    pub query: Option<String>,
}

impl ListQuery {
    /// The window this asks for, in a list that can be sorted by `sorts` (first = default).
    ///
    /// # Errors
    /// `invalid_request` for an unknown sort field or direction, or a page out of range.
    pub fn window(&self, sorts: Sorts) -> Served<Window> {
        let page = check::range("page", self.page.unwrap_or(1), 1, MAX_PAGE)?;
        let limit = check::range("pageSize", self.page_size(), 1, MAX_PAGE_SIZE)?;
        let descending = match self.sort_dir.as_deref() {
            None | Some("" | "desc") => true,
            Some("asc") => false,
            Some(_) => return Err(ServiceError::field(&BAD_CHOICE, "sortDir").with("choices", "asc, desc")),
        };
        let wanted = self.sort.as_deref().filter(|sort| !sort.is_empty());
        let found = sorts.iter().find(|(name, _)| wanted.is_none_or(|wanted| wanted == *name));
        let Some((_, column)) = found else {
            let choices = sorts.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            return Err(ServiceError::field(&BAD_CHOICE, "sort").with("choices", choices));
        };
        let query = self.query.as_deref().map(str::trim).filter(|query| !query.is_empty()).map(str::to_owned);
        if let Some(query) = &query {
            check::length("query", query, 1, MAX_QUERY)?;
        }
        Ok(Window { limit, offset: (page - 1) * limit, column, descending, query })
    }

    fn page_size(&self) -> i64 {
        self.page_size.unwrap_or(DEFAULT_PAGE_SIZE)
    }
}

/// One page of a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PageOf{T}")]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Rows in the whole list.
    pub total: i64,
    /// This page, from 1.
    pub page: i64,
    /// Rows on a page.
    pub page_size: i64,
}

impl<T> Page<T> {
    /// A short list that fits one page.
    pub fn whole(rows: Vec<T>) -> Self {
        let total = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        Self { rows, total, page: 1, page_size: total }
    }

    /// The answer to `asked`.
    pub fn new<R>(asked: &ListQuery, (rows, total): (Vec<R>, i64), render: impl FnMut(R) -> T) -> Self {
        let rows = rows.into_iter().map(render).collect();
        Self { rows, total, page: asked.page.unwrap_or(1), page_size: asked.page_size() }
    }
}

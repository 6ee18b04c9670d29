//! One page of a list, cut out by the database.

/// Names a list may be sorted by, with their columns. The first is the default.
pub type Sorts = &'static [(&'static str, &'static str)];

/// Which part of a list, in which order.
#[derive(Clone, Debug)]
pub struct Window {
    /// Rows wanted.
    pub limit: i64,
    /// Rows skipped.
    pub offset: i64,
    /// The column, out of a [`Sorts`] table.
    pub column: &'static str,
    /// Largest first.
    pub descending: bool,
    /// What the rows must contain; `None` = anything.
    pub query: Option<String>,
}

impl Window {
    /// The end of the statement: `ORDER BY … LIMIT … OFFSET …`. Rows that are equal are ordered by `id`.
    pub(super) fn tail(&self, id: &str) -> String {
        let (column, limit, offset) = (self.column, self.limit, self.offset);
        let direction = self.direction();
        format!(" ORDER BY {column} {direction} NULLS LAST, {id} {direction} LIMIT {limit} OFFSET {offset}")
    }

    /// `DESC` or `ASC`.
    pub(super) fn direction(&self) -> &'static str {
        if self.descending { "DESC" } else { "ASC" }
    }

    /// The query as a `LIKE … ESCAPE '\'` pattern for lower-case text.
    pub(super) fn pattern(&self) -> Option<String> {
        self.query.as_deref().map(contains)
    }
}

/// The `LIKE … ESCAPE '\'` pattern of texts that contain `query`, in lower case.
pub(super) fn contains(query: &str) -> String {
    let escaped = query.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

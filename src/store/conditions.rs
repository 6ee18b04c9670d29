//! A WHERE clause put together from the filters that were given, with its values bound.

/// A value to bind.
#[derive(Clone, Debug)]
pub(super) enum Bind {
    Int(i64),
    Text(String),
    Bool(bool),
}

impl From<i64> for Bind {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<String> for Bind {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

/// Conditions that must all hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    parts: Vec<String>,
    pub(super) binds: Vec<Bind>,
}

impl Conditions {
    /// Keeps a value; returns its placeholder.
    pub(super) fn push(&mut self, value: impl Into<Bind>) -> String {
        self.binds.push(value.into());
        format!("${}", self.binds.len())
    }

    /// Adds a condition as it stands.
    pub(super) fn and(&mut self, condition: &str) {
        self.parts.push(condition.to_owned());
    }

    /// `test` is a column and an operator; without a value nothing is asked.
    pub(super) fn int(&mut self, test: &str, value: Option<i64>) {
        if let Some(value) = value {
            let place = self.push(value);
            self.and(&format!("{test} {place}"));
        }
    }

    /// As [`Self::int`].
    pub(super) fn text(&mut self, test: &str, value: Option<&str>) {
        if let Some(value) = value {
            let place = self.push(value.to_owned());
            self.and(&format!("{test} {place}"));
        }
    }

    /// As [`Self::int`].
    pub(super) fn switch(&mut self, test: &str, value: Option<bool>) {
        if let Some(value) = value {
            let place = self.push(Bind::Bool(value));
            self.and(&format!("{test} {place}"));
        }
    }

    /// ` WHERE …`, or nothing.
    pub(super) fn sql(&self) -> String {
        if self.parts.is_empty() { String::new() } else { format!(" WHERE {}", self.parts.join(" AND ")) }
    }
}

/// Numbers as a list in a text, for `IN (…)`.
pub(super) fn listed(numbers: &[i64]) -> String {
    numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}

/// Binds all values to a query, in order: `bind_all!(query, &conditions.binds)`.
macro_rules! bind_all {
    ($query:expr, $binds:expr) => {
        $binds.iter().fold($query, |query, bind| match bind {
            $crate::store::conditions::Bind::Int(value) => query.bind(*value),
            $crate::store::conditions::Bind::Text(value) => query.bind(value.as_str()),
            $crate::store::conditions::Bind::Bool(value) => query.bind(*value),
        })
    };
}

pub(super) use bind_all;

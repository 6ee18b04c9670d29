//! Whether a statement that failed says something of the database, or of what was to be written.

use actors::ports::BookingFailed;
use sqlx::error::DatabaseError;

use super::StoreError;

/// SQLite's primary codes that speak of what was to be written: an overflow or another error of an expression, too big,
/// a constraint, a wrong type, out of range.
const LITE: [u32; 5] = [1, 18, 19, 20, 25];
/// PostgreSQL's classes that do: data exceptions, constraints, limits of the program.
const PG: [&str; 3] = ["22", "23", "54"];

impl From<StoreError> for BookingFailed {
    fn from(error: StoreError) -> Self {
        let words = error.to_string();
        if blames_data(&error) { Self::Refused(words) } else { Self::Unavailable(words) }
    }
}

fn blames_data(error: &StoreError) -> bool {
    match error {
        StoreError::Duplicate | StoreError::Reference => true,
        StoreError::Ill(sqlx::Error::Database(error)) => database_blames_data(&**error),
        // A row that is there already holds what its column cannot.
        StoreError::Ill(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::Encode(_)) => true,
        StoreError::Ill(_) | StoreError::LeaseLost => false,
    }
}

fn database_blames_data(error: &dyn DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_none() {
        return code.get(..2).is_some_and(|class| PG.contains(&class));
    }
    // The lowest eight bits are the primary code. Code 1 alone also tells of a missing table, and of a transaction that
    // another error ended.
    let primary = code.parse::<u32>().unwrap_or(0) & 0xff;
    let of_the_statement = ["no such", "syntax", "transaction"].iter().any(|words| error.message().contains(words));
    LITE.contains(&primary) && !(primary == 1 && of_the_statement)
}

//! Whether the process has the secret that this database was written with.

use secrecy::SecretString;

use super::channels::{API_KEY, HEADERS};
use super::db::{Db, StoreError, Stored, read};
use crate::secrets::{Place, Sealer, Unsealable};

/// How many sealed values there are, and how many of them `sealer` opens. A database that has no tables yet has none.
///
/// # Errors
/// When the database does not answer.
pub async fn opened(db: &Db, sealer: &Sealer) -> Stored<(usize, usize)> {
    let rows = match rows(db).await {
        Err(StoreError::Ill(sqlx::Error::Database(error))) if is_no_table(error.as_ref()) => return Ok((0, 0)),
        rows => rows?,
    };
    let values: Vec<_> = rows.iter().flat_map(|(id, key, headers)| [(*id, API_KEY, key), (*id, HEADERS, headers)]).collect();
    let opens = |(id, column, sealed): &(i64, &str, &String)| -> Result<SecretString, Unsealable> {
        sealer.open(Place { column, row: &id.to_string() }, sealed)
    };
    let sealed = values.iter().filter(|(_, _, sealed)| !sealed.is_empty());
    Ok(sealed.fold((0, 0), |(all, open), value| (all + 1, open + usize::from(opens(value).is_ok()))))
}

async fn rows(db: &Db) -> Stored<Vec<(i64, String, String)>> {
    let select = "SELECT id, api_key_sealed, headers_sealed FROM channels ORDER BY id";
    read!(db, conn => Ok(sqlx::query_as(select).fetch_all(&mut *conn).await?))
}

/// SQLite says it in words alone.
fn is_no_table(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().as_deref() == Some("42P01") || error.message().starts_with("no such table")
}

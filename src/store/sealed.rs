//! The secrets that are stored sealed: whether the process has the one they were sealed under, and sealing them anew.

use secrecy::SecretString;

use super::channels::{API_KEY, HEADERS};
use super::db::{Db, StoreError, Stored, read, write};
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

/// What sealing anew has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Values that are sealed under the current secret now and were not before.
    pub renewed: usize,
    /// Values that were already.
    pub current: usize,
    /// Ids of channels with a value that no secret opens; it is left as it was.
    pub unopened: Vec<i64>,
}

/// Seals every stored secret anew under the current one. Each value is a transaction of its own, so that a run that was broken off
/// is taken up by the next; a value that somebody changes meanwhile keeps the change.
///
/// # Errors
/// When the database does not answer.
pub async fn reseal(db: &Db, sealer: &Sealer) -> Stored<Resealed> {
    const KEY: &str = "UPDATE channels SET api_key_sealed = $1 WHERE id = $2 AND api_key_sealed = $3";
    const HEAD: &str = "UPDATE channels SET headers_sealed = $1 WHERE id = $2 AND headers_sealed = $3";
    let mut done = Resealed::default();
    for (id, key, headers) in rows(db).await? {
        for (column, sql, sealed) in [(API_KEY, KEY, key), (HEADERS, HEAD, headers)] {
            if sealed.is_empty() {
                continue;
            }
            match sealer.renewed(Place { column, row: &id.to_string() }, &sealed) {
                Ok(None) => done.current += 1,
                Ok(Some(renewed)) => {
                    write!(db, tx => {
                        sqlx::query(sql).bind(&renewed).bind(id).bind(&sealed).execute(&mut *tx).await?;
                    });
                    done.renewed += 1;
                }
                Err(_) => done.unopened.push(id),
            }
        }
    }
    done.unopened.dedup();
    Ok(done)
}

async fn rows(db: &Db) -> Stored<Vec<(i64, String, String)>> {
    let select = "SELECT id, api_key_sealed, headers_sealed FROM channels ORDER BY id";
    read!(db, conn => Ok(sqlx::query_as(select).fetch_all(&mut *conn).await?))
}

/// SQLite says it in words alone.
fn is_no_table(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().as_deref() == Some("42P01") || error.message().starts_with("no such table")
}

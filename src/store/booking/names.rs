//! By which texts requests are found: names of keys and of who owns them, and models.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use actors::vocabulary::Receipt;
use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::tables::{clean, pieces};
use crate::store::db::Stored;

/// A text by which the requests of a key are found.
#[derive(Debug)]
pub(super) struct NameRow {
    name: String,
    key_id: i64,
    user_id: i64,
}

/// The tables of these texts.
#[async_trait]
pub(super) trait NameTables: Send {
    /// Keeps the names that are not there yet.
    async fn add_names(&mut self, rows: &[NameRow]) -> Stored<()>;
    /// Keeps the models that are not there yet.
    async fn add_models(&mut self, models: &[Cow<'_, str>]) -> Stored<()>;
}

/// One body for both databases; `$kept` as for the other tables of booking.
macro_rules! name_tables {
    ($database:ty, $connection:ty, $kept:literal) => {
        #[async_trait]
        impl NameTables for $connection {
            async fn add_names(&mut self, rows: &[NameRow]) -> Stored<()> {
                for chunk in pieces(rows, $kept) {
                    let mut insert = QueryBuilder::<$database>::new("INSERT INTO log_key_names (name, key_id, user_id) ");
                    insert.push_values(chunk, |mut row, found| {
                        row.push_bind(found.name.as_str()).push_bind(found.key_id).push_bind(found.user_id);
                    });
                    insert.push(" ON CONFLICT (name, key_id) DO NOTHING");
                    insert.build().persistent($kept).execute(&mut *self).await?;
                }
                Ok(())
            }

            async fn add_models(&mut self, models: &[Cow<'_, str>]) -> Stored<()> {
                for chunk in pieces(models, $kept) {
                    let mut insert = QueryBuilder::<$database>::new("INSERT INTO log_models (model, name) ");
                    insert.push_values(chunk, |mut row, model| {
                        row.push_bind(model.as_ref()).push_bind(model.to_lowercase());
                    });
                    insert.push(" ON CONFLICT (model) DO NOTHING");
                    insert.build().persistent($kept).execute(&mut *self).await?;
                }
                Ok(())
            }
        }
    };
}

name_tables!(sqlx::Sqlite, sqlx::SqliteConnection, true);
name_tables!(sqlx::Postgres, sqlx::PgConnection, false);

/// The names of the keys used, in lower case and in the order of their primary key.
pub(super) fn names_of(receipts: &[&Receipt]) -> Vec<NameRow> {
    let mut names: BTreeMap<(String, i64), i64> = BTreeMap::new();
    for receipt in receipts {
        for name in [&receipt.key_name, &receipt.key_prefix, &receipt.username] {
            names.insert((clean(name).to_lowercase(), receipt.key_id.0), receipt.user_id.0);
        }
    }
    names.into_iter().map(|((name, key_id), user_id)| NameRow { name, key_id, user_id }).collect()
}

/// The models asked for, in the order of their primary key.
pub(super) fn models_of<'r>(receipts: &[&'r Receipt]) -> Vec<Cow<'r, str>> {
    receipts.iter().map(|receipt| clean(&receipt.model)).collect::<BTreeSet<_>>().into_iter().collect()
}

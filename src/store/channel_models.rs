//! Models that a channel brings: into the catalogue, with their prices, onto the channel's own list.

use actors::vocabulary::ChannelId;

use super::db::{Db, Stored, write};
use super::models::{AddModels, ModelRow};
use super::prices::{self, PriceRow, PutPrice};
use super::source::json;
use super::trail::{Leave, Trail};

/// What is to be added.
#[derive(Clone, Debug, Default)]
pub struct Addition {
    /// Models for the catalogue.
    pub models: Vec<ModelRow>,
    /// Price rows to insert; a model that has one is not among them.
    pub prices: Vec<PriceRow>,
    /// Names for the channel's list, as far as it has one.
    pub listed: Vec<String>,
    /// Epoch milliseconds.
    pub now: i64,
}

/// Adds what is not there yet, all or nothing; `false` when the channel is gone.
///
/// # Errors
/// When the database fails; then nothing is written.
pub async fn add(db: &Db, channel: ChannelId, addition: &Addition, trail: &Trail) -> Stored<bool> {
    // Whoever changes the same channel waits for the end of this transaction, so that no name of theirs is lost.
    const HOLD: &str = "UPDATE channels SET updated_at = updated_at WHERE id = $1";
    const LIST: &str = "UPDATE channels SET models = $2, updated_at = $3 WHERE id = $1";
    let add_price = prices::add();
    write!(db, tx => {
        if sqlx::query(HOLD).bind(channel.0).execute(&mut *tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
        let stored: String =
            sqlx::query_scalar("SELECT models FROM channels WHERE id = $1").bind(channel.0).fetch_one(&mut *tx).await?;
        if let Some(longer) = longer(&stored, &addition.listed)? {
            sqlx::query(LIST).bind(channel.0).bind(longer).bind(addition.now).execute(&mut *tx).await?;
        }
        tx.add_models(&addition.models).await?;
        for row in &addition.prices {
            tx.put_price(row, &add_price).await?;
        }
        tx.leave(trail).await?;
        Ok(true)
    })
}

/// A list of models with these names, too; nothing where it has them already, or names none and so serves all.
fn longer(stored: &str, names: &[String]) -> Stored<Option<String>> {
    let mut list: Vec<String> = json("channels.models", stored)?;
    let missing: Vec<String> = names.iter().filter(|name| !list.contains(name)).cloned().collect();
    if list.is_empty() || list.iter().any(|name| name == "*") || missing.is_empty() {
        return Ok(None);
    }
    list.extend(missing);
    Ok(Some(serde_json::Value::from(list).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_grows_by_what_it_lacks_and_one_that_means_all_stays() {
        let names = ["a".to_owned(), "b".to_owned()];
        assert_eq!(longer(r#"["b","c"]"#, &names).unwrap().as_deref(), Some(r#"["b","c","a"]"#));
        for stays in ["[]", r#"["*"]"#, r#"["a","b"]"#] {
            assert_eq!(longer(stays, &names).unwrap(), None, "{stays}");
        }
        assert!(longer("damaged", &names).is_err());
    }
}

//! Names are found in any case, and those of an older version are folded at the start.

use api_proxy::store::users::{self, Added, Openings, UserRow};
use api_proxy::store::{StoreError, Trail};

use crate::database::{Database, NOON};

const OPEN: Openings = Openings { first: true, later: true };

impl Database {
    async fn found(&self, account: &str) -> Option<i64> {
        users::by_account(&self.db, account).await.unwrap().map(|user| user.id)
    }

    async fn named(&self, id: i64, name: &str, email: &str) -> Result<Added, StoreError> {
        let user = UserRow {
            id,
            username: name.to_owned(),
            email: email.to_owned(),
            role: "user".to_owned(),
            status: "active".to_owned(),
            ..UserRow::default()
        };
        users::add(&self.db, &user, None, OPEN, &Trail::default()).await
    }

    /// An account as a version before folding left it.
    async fn old(&self, id: i64, name: &str, email: &str) {
        self.run(&format!(
            "INSERT INTO users (id, username, email, password_hash, role, status, created_at, updated_at) \
             VALUES ({id}, '{name}', '{email}', 'x', 'user', 'active', {id}, 1)"
        ))
        .await;
    }

    async fn starts_again(&self) {
        self.db.migrate().await.unwrap();
    }
}

async fn old_names_are_folded_and_the_older_keeps_one_that_two_have(database: Database) {
    database.old(1, "STRASSE", "ÜBER@BÜCHER.example").await;
    database.old(2, "straße", "über@xn--bcher-kva.example").await;
    database.old(3, "ПЁТР", "p@example.org").await;
    database.starts_again().await;
    assert_eq!(database.number("SELECT count(*) FROM users WHERE folded_name IS NULL OR folded_email IS NULL").await, 0);
    assert_eq!((database.found("Strasse").await, database.found("straße").await), (Some(1), Some(2)));
    assert_eq!(database.found("über@bücher.example").await, Some(1));
    assert_eq!(database.found("über@xn--bcher-kva.example").await, Some(2));
    assert_eq!((database.found("пётр").await, database.found("P@Example.org").await), (Some(3), Some(3)));
    database.starts_again().await;
    assert_eq!((database.found("STRASSE").await, database.found("straße").await), (Some(1), Some(2)));
    assert!(matches!(database.named(4, "Пётр", "other@example.org").await, Err(StoreError::Duplicate)));
    assert!(matches!(database.named(4, "other", "p@EXAMPLE.org").await, Err(StoreError::Duplicate)));
    assert_eq!(database.named(4, "other", "other@example.org").await.unwrap(), Added::Later);
}

#[actix_web::test]
async fn old_names_are_folded_on_sqlite() {
    old_names_are_folded_and_the_older_keeps_one_that_two_have(Database::sqlite().await).await;
}

#[actix_web::test]
async fn old_names_are_folded_on_postgres() {
    old_names_are_folded_and_the_older_keeps_one_that_two_have(Database::postgres().await).await;
}

async fn a_name_that_looks_like_another_is_refused_until_that_one_is_gone(database: Database) {
    assert_eq!(database.named(1, "modem", "a@example.org").await.unwrap(), Added::First);
    assert_eq!(database.named(2, "modern", "b@example.org").await.unwrap(), Added::LooksTaken);
    assert_eq!(database.number("SELECT count(*) FROM users").await, 1, "nothing of it stays");
    assert_eq!(database.named(2, "other", "b@example.org").await.unwrap(), Added::Later);
    let rename = async |name: &str| {
        let edit = |user: &mut UserRow| {
            user.username = name.to_owned();
            Ok::<_, ()>(users::Edit::default())
        };
        users::change(&database.db, 2, NOON, edit).await.unwrap()
    };
    assert!(matches!(rename("modern").await, users::Changing::LooksTaken));
    assert_eq!(database.found("other").await, Some(2));
    let remove = |_: &mut UserRow| Ok::<_, ()>(users::Edit { remove: true, ..users::Edit::default() });
    assert_eq!(database.named(9, "boss", "c@example.org").await.unwrap(), Added::Later);
    database.run("UPDATE users SET role = 'super_admin' WHERE id = 9").await;
    assert!(matches!(users::change(&database.db, 1, NOON, remove).await.unwrap(), users::Changing::Done(_)));
    assert!(matches!(rename("Modern").await, users::Changing::Done(_)));
    assert!(matches!(rename("MODERN").await, users::Changing::Done(_)), "one's own name is no other's");
    assert_eq!((database.found("modern").await, database.found("other").await), (Some(2), None));
}

#[actix_web::test]
async fn look_alikes_are_refused_on_sqlite() {
    a_name_that_looks_like_another_is_refused_until_that_one_is_gone(Database::sqlite().await).await;
}

#[actix_web::test]
async fn look_alikes_are_refused_on_postgres() {
    a_name_that_looks_like_another_is_refused_until_that_one_is_gone(Database::postgres().await).await;
}

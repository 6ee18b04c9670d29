//! The forms in which names are compared: folded (the same name in another case), and by their looks (another name that
//! people take for it).
//!
//! Databases differ in what they take for lower case (SQLite knows ASCII alone), so folding is done here and stored.

use caseless::Caseless;
use sqlx::FromRow;
use unicode_normalization::UnicodeNormalization;
use unicode_security::{RestrictionLevel, RestrictionLevelDetection, skeleton};
use url::Host;

use super::db::{Db, Stored, on_both, read, write};
use super::locks::{Lock, Locks};

/// A name as it is compared: Unicode's full case folding over compatibility forms.
pub fn folded(name: &str) -> String {
    name.trim().nfd().default_case_fold().nfkd().default_case_fold().nfkc().collect()
}

/// An address as it is compared: the local part folded, the domain as DNS knows it.
pub fn folded_address(email: &str) -> String {
    let Some((local, domain)) = email.trim().rsplit_once('@') else { return folded(email) };
    let domain = Host::parse(domain).map_or_else(|_| folded(domain), |host| host.to_string());
    format!("{}@{domain}", folded(local))
}

/// What a name looks like (TR39's skeletons): two names with one look in common are taken for one another. Letters look
/// like others in capitals that they do not look like in small ones, so a name has a look as it is written and one folded.
pub fn looks(name: &str) -> Vec<String> {
    let look = |text: &str| skeleton(text).collect::<String>();
    let written = look(&folded(&look(&name.trim().nfkc().collect::<String>())));
    let mut looks = vec![look(&folded(name)), written];
    looks.dedup();
    looks
}

/// Whether a name is of one script, or of those that people write together (Chinese or Japanese beside Latin): TR39's
/// "moderately restrictive".
pub fn is_of_one_script(name: &str) -> bool {
    name.check_restriction_level(RestrictionLevel::ModeratelyRestrictive)
}

#[derive(FromRow)]
pub(super) struct Unfolded {
    id: i64,
    username: String,
    email: String,
    removed: bool,
}

/// Folds the names of accounts that a version before this one made. Where two of them are one name by now, the older keeps
/// it; the other is found as it is written alone.
pub(super) async fn fold_old(db: &Db) -> Stored<()> {
    const ANY: &str = "SELECT count(*) FROM users WHERE folded_name IS NULL OR folded_email IS NULL";
    const SQL: &str = "SELECT id, username, email, deleted_at IS NOT NULL AS removed FROM users \
        WHERE folded_name IS NULL OR folded_email IS NULL ORDER BY created_at, id";
    if read!(db, conn => sqlx::query_scalar::<_, i64>(ANY).fetch_one(&mut *conn).await?) == 0 {
        return Ok(());
    }
    write!(db, tx => {
        tx.lock(Lock::SuperAdmins).await?;
        let old: Vec<Unfolded> = sqlx::query_as(SQL).fetch_all(&mut *tx).await?;
        for user in old {
            tx.fold(&user).await?;
        }
    });
    Ok(())
}

/// What the names of an account are stored as beside themselves.
pub(super) trait FoldedNames {
    async fn fold(&mut self, user: &Unfolded) -> Stored<()>;
    /// `Duplicate` when another account has this name.
    async fn set_name(&mut self, id: i64, username: &str) -> Stored<()>;
    /// `Duplicate` when another account has this address.
    async fn set_address(&mut self, id: i64, email: &str) -> Stored<()>;
    async fn set_looks(&mut self, id: i64, username: &str) -> Stored<()>;
    /// Whether another account's name looks like it.
    async fn looks_taken(&mut self, id: i64, username: &str) -> Stored<bool>;
}

on_both!(FoldedNames {
    async fn fold(&mut self, user: &Unfolded) -> Stored<()> {
        const OTHERS: &str = "SELECT count(*) FROM users WHERE id <> $1 AND (folded_name = $2 OR folded_email = $3)";
        const SET: &str = "UPDATE users SET folded_name = $2, folded_email = $3 WHERE id = $1";
        let (mut name, mut email) = (folded(&user.username), folded_address(&user.email));
        // No name has a tilde, and no address ends in one and the id.
        let apart = |form: &str| format!("{form}~{}", user.id);
        let named: i64 = sqlx::query_scalar(OTHERS).bind(user.id).bind(&name).bind("").fetch_one(&mut *self).await?;
        let addressed: i64 = sqlx::query_scalar(OTHERS).bind(user.id).bind("").bind(&email).fetch_one(&mut *self).await?;
        if named + addressed > 0 {
            tracing::warn!(user_id = user.id, "this account's name or address is another's but for case; it signs in as it is written");
        }
        if named > 0 {
            name = apart(&name);
        }
        if addressed > 0 {
            email = apart(&email);
        }
        sqlx::query(SET).bind(user.id).bind(name).bind(email).execute(&mut *self).await?;
        if user.removed { Ok(()) } else { self.set_looks(user.id, &user.username).await }
    }

    async fn set_name(&mut self, id: i64, username: &str) -> Stored<()> {
        let update = "UPDATE users SET folded_name = $2 WHERE id = $1";
        sqlx::query(update).bind(id).bind(folded(username)).execute(&mut *self).await?;
        self.set_looks(id, username).await
    }

    async fn set_address(&mut self, id: i64, email: &str) -> Stored<()> {
        let update = "UPDATE users SET folded_email = $2 WHERE id = $1";
        sqlx::query(update).bind(id).bind(folded_address(email)).execute(self).await?;
        Ok(())
    }

    async fn set_looks(&mut self, id: i64, username: &str) -> Stored<()> {
        sqlx::query("DELETE FROM user_looks WHERE user_id = $1").bind(id).execute(&mut *self).await?;
        for look in looks(username) {
            let insert = "INSERT INTO user_looks (look, user_id) VALUES ($1, $2)";
            sqlx::query(insert).bind(look).bind(id).execute(&mut *self).await?;
        }
        Ok(())
    }

    async fn looks_taken(&mut self, id: i64, username: &str) -> Stored<bool> {
        for look in looks(username) {
            let count = "SELECT count(*) FROM user_looks WHERE look = $1 AND user_id <> $2";
            if sqlx::query_scalar::<_, i64>(count).bind(look).bind(id).fetch_one(&mut *self).await? > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
});

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(one: &str, other: &str) -> bool {
        looks(one).iter().any(|look| looks(other).contains(look))
    }

    #[test]
    fn a_name_in_another_case_is_the_same_name() {
        for (one, other) in [
            ("ПЁТР", "пётр"),
            ("İLKER", "i\u{307}lker"),
            ("STRASSE", "straße"),
            ("JOSÉ", "jose\u{301}"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("ＡＢＣ", "abc"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        assert_ne!(folded("jose"), folded("josé"));
    }

    #[test]
    fn an_address_is_compared_by_its_domain_as_dns_knows_it() {
        assert_eq!(folded_address("JÜRGEN@BÜCHER.Example"), folded_address("jürgen@xn--bcher-kva.example"));
        assert_ne!(folded_address("jurgen@bucher.example"), folded_address("jürgen@bücher.example"));
        assert_eq!(folded_address("A@[::1"), "a@[::1");
    }

    #[test]
    fn what_people_take_for_one_another_looks_alike() {
        for (one, other) in [
            ("аdmin", "admin"),
            ("аdmin", "ADMIN"),
            ("РОСА", "poca"),
            ("ІРА", "ipa"),
            ("adrnin", "admin"),
            ("pay1", "payl"),
            ("AIice", "alice"),
            ("JOSÉ", "josé"),
        ] {
            assert!(alike(one, other), "{one} {other}");
        }
        for (one, other) in [("admin", "admin2"), ("josé", "jose"), ("李雷", "李蕾"), ("mail", "mall"), ("first0", "first1")]
        {
            assert!(!alike(one, other), "{one} {other}");
        }
    }

    #[test]
    fn scripts_that_nobody_writes_together_do_not_stand_in_one_name() {
        for name in ["admin", "пётр_2", "李雷2", "user李雷", "山田taro", "josé", "김철수"] {
            assert!(is_of_one_script(name), "{name}");
        }
        for name in ["аdmin", "adminα", "a\u{115f}b", "ｆｕｌｌ"] {
            assert!(!is_of_one_script(name), "{name}");
        }
    }
}

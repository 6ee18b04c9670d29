//! `DATABASE_URL` before anybody connects: what is wrong with its form, told without showing anything of it that may be secret.

use super::{BadConfig, bad};

/// What every address of PostgreSQL looks like.
const FORM: &str = "write it as postgres://USER:PASSWORD@HOST:5432/DATABASE";
/// How characters that mean something in a URL are written where they mean none.
const ENCODING: &str = "in the user name and the password write / as %2F, @ as %40, # as %23, ? as %3F, : as %3A and % as %25";
/// Longest scheme that is shown; what is longer may be anything.
const LONGEST_SCHEME: usize = 20;

/// The URL, if a database can be looked for where it points.
///
/// # Errors
/// Says what is wrong with it and how it is written. Of the URL only the scheme is shown.
pub(super) fn checked(url: String) -> Result<String, BadConfig> {
    let found = if let Some(file) = url.strip_prefix("sqlite:") {
        sqlite(file)
    } else if let Some(rest) = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://")) {
        postgres(&url, rest)
    } else {
        Err(format!("{}; {FORM}, or as sqlite://PATH for the embedded database", foreign(&url)))
    };
    match found {
        Ok(()) => Ok(url),
        Err(problem) => Err(bad("DATABASE_URL", &problem)),
    }
}

fn foreign(url: &str) -> String {
    match url.split_once("://").map(|(scheme, _)| scheme) {
        Some(scheme) if !scheme.is_empty() && scheme.len() <= LONGEST_SCHEME && scheme.chars().all(is_of_scheme) => {
            format!("begins with {scheme}://, which is none of the databases that api-proxy can use")
        }
        _ => "is not a URL".to_owned(),
    }
}

fn is_of_scheme(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.')
}

fn sqlite(rest: &str) -> Result<(), String> {
    let path = rest.trim_start_matches("//").split('?').next().unwrap_or_default();
    if rest.contains(":memory:") || rest.contains("mode=memory") {
        return Err("names a database in memory, which would forget everything at the end; name a file: sqlite://PATH".to_owned());
    }
    if path.is_empty() {
        return Err(
            "names no file; write sqlite://data/api-proxy.db for one below the current folder, sqlite:///var/lib/api-proxy.db \
                    for one from the root of the disk"
                .to_owned(),
        );
    }
    Ok(())
}

fn postgres(url: &str, rest: &str) -> Result<(), String> {
    let (authority, behind) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if behind.contains('#') {
        return Err(format!("holds a # as it is: {ENCODING}"));
    }
    let (path, query) = behind.split_once('?').unwrap_or((behind, ""));
    let cut = |text: &str| text.split_once('@').is_some();
    let is_password_cut = if authority.contains('@') {
        // The name of a database holds no slash: this one is the end of a password, and of the host behind it.
        path.split_once('@').is_some_and(|(_, host)| host.contains('/')) || cut(query.split('=').next().unwrap_or_default())
    } else {
        cut(path) || cut(query.split('=').next().unwrap_or_default())
    };
    if is_password_cut {
        return Err(format!("holds a / or ? in the user name or the password as it is: {ENCODING}"));
    }
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    if !is_percent_encoded(user) {
        return Err(format!("holds a % in the user name or the password that begins no %XX: {ENCODING}"));
    }
    let wrong_host = |error: url::ParseError| match error {
        url::ParseError::InvalidPort => {
            format!("has no port number behind the colon of its host; {FORM}, and {ENCODING}")
        }
        url::ParseError::EmptyHost => format!("names no host; {FORM}"),
        _ => format!("is not a URL ({error}); {FORM}, and {ENCODING}"),
    };
    url::Url::parse(url).map(drop).map_err(wrong_host)
}

/// Whether each % begins two hexadecimal digits, and they make text.
fn is_percent_encoded(text: &str) -> bool {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return false };
        bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
    }
    std::str::from_utf8(&bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(url: &str) -> String {
        checked(url.to_owned()).unwrap_err().to_string()
    }

    #[test]
    fn addresses_that_can_be_used_pass_as_they_are() {
        for url in [
            "postgres://u@h/d",
            "postgresql://u:p@h:5432/d?sslmode=require",
            "postgres://u:p%40%2F%25@[::1]:5432/d",
            "postgres://u:with@sign@h/d",
            "postgres://h/d?user=u&password=a@b",
            "postgres://u:p@h/d?options=-c%20a=b@c",
            "postgres://u:p@h/name@with",
            "postgres:///d?host=/var/run/postgresql",
            "postgres://%2Fvar%2Frun%2Fpostgresql/d",
            "sqlite://data/x.db",
            "sqlite:data/x.db",
            "sqlite:///srv/x.db?mode=rwc",
        ] {
            assert_eq!(checked(url.to_owned()).unwrap(), url);
        }
    }

    #[test]
    fn characters_of_a_password_that_mean_something_are_named_and_it_is_not_shown() {
        for url in [
            "postgres://u:hush/hush@h/d",
            "postgres://u:12/hush@h:5432/d",
            "postgres://u:hush?hush@h/d",
            "postgres://u:hush#hush@h/d",
            "postgres://u:hu@sh/hush@h/d",
            "postgres://u:hu@sh?hush@h/d",
            "postgres://u:50%hush@h/d",
            "postgres://u:50%FFhush@h/d",
            "postgres://u:hush:hush/@h/d",
        ] {
            let told = problem(url);
            assert!(told.starts_with("DATABASE_URL") && told.contains("%2F") && told.contains("%25"), "{url}: {told}");
            assert!(!told.contains("hush"), "{told}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_database_is_told_with_the_form_of_one() {
        for (url, words) in [
            ("mysql://u:hush@h/d", "mysql://"),
            ("127.0.0.1:5432/hush", "is not a URL"),
            ("hush", "is not a URL"),
            ("postgres:u:hush@h/d", "is not a URL"),
            ("hush@hush://x", "is not a URL"),
            ("postgres://u:hush@h:port/d", "port number"),
            ("postgres://u:hush@h:99999/d", "port number"),
            ("postgres://u:hush@/d", "host"),
        ] {
            let told = problem(url);
            assert!(told.contains(words) && told.contains("postgres://USER:PASSWORD@HOST"), "{url}: {told}");
            assert!(!told.contains("hush"), "{told}");
        }
        for url in ["sqlite:", "sqlite://", "sqlite::memory:", "sqlite://?mode=rwc", "sqlite://x?mode=memory"] {
            assert!(problem(url).contains("file"), "{url}: {}", problem(url));
        }
    }
}

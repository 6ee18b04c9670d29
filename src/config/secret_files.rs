//! Secrets that stand in files: `NAME_FILE` names the file that holds what `NAME` would. Containers, clusters and systemd
//! hand secrets over like that, since an environment is shown by every tool that inspects a process.

use std::fs::File;
use std::io::Read;

use super::{BadConfig, bad};

/// Each variable that may hold a secret, and the one that names its file.
const SECRETS: [(&str, &str); 6] = [
    ("APP_SECRET", "APP_SECRET_FILE"),
    ("APP_SECRET_PREVIOUS", "APP_SECRET_PREVIOUS_FILE"),
    ("DATABASE_URL", "DATABASE_URL_FILE"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS_FILE"),
    ("REDIS_URL", "REDIS_URL_FILE"),
    ("SETUP_CODE", "SETUP_CODE_FILE"),
];
/// Largest file that may hold one.
const MOST_BYTES: u64 = 64 << 10;

/// What the files named by the environment hold, by the variable each stands for.
#[derive(Default)]
pub(super) struct SecretFiles(Vec<(&'static str, String)>);

impl SecretFiles {
    /// Reads all of them.
    pub(super) fn read(get: &impl Fn(&str) -> Option<String>) -> Result<Self, BadConfig> {
        let mut found = Vec::new();
        for (name, file) in SECRETS {
            let Some(path) = get(file) else { continue };
            if get(name).is_some() {
                return Err(bad(file, &format!("{name} is set, too; unset one of them")));
            }
            found.push((name, contents(&path).map_err(|problem| bad(file, &format!("{path} {problem}")))?));
        }
        Ok(Self(found))
    }

    /// What a variable's file holds, if it has one.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(secret, _)| *secret == name).map(|(_, value)| value.clone())
    }
}

fn contents(path: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err("is larger than 64 KiB, so it holds no secret".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|_| "holds no text".to_owned())?;
    match text.trim() {
        "" => Err("is empty".to_owned()),
        secret => Ok(secret.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret;

    use crate::config::{BadConfig, Config};

    fn read(pairs: &[(&str, &str)]) -> Result<Config, BadConfig> {
        Config::read(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn a_secret_may_stand_in_a_file() {
        let home = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = home.path().join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let secret = write("secret", "a secret of the tests which is long enough\n");
        let url = write("url", "postgres://u:p@h/d\n");
        let config = read(&[("APP_SECRET_FILE", &secret), ("DATABASE_URL_FILE", &url)]).unwrap();
        assert_eq!(config.app_secret.unwrap().expose_secret(), "a secret of the tests which is long enough");
        assert_eq!(config.database_url.unwrap().expose_secret(), "postgres://u:p@h/d");
        // The rules for a value are those of the variable.
        let short = write("short", "hunter2");
        let refused = read(&[("APP_SECRET_FILE", &short)]).unwrap_err().to_string();
        assert!(refused.starts_with("APP_SECRET") && !refused.contains("hunter2"), "{refused}");
    }

    #[test]
    fn a_file_that_holds_no_secret_is_named_and_so_are_two_that_contradict() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("secret");
        let at = path.display().to_string();
        let refused = |more: &[(&str, &str)]| {
            let pairs: Vec<_> = [("APP_SECRET_FILE", at.as_str())].into_iter().chain(more.iter().copied()).collect();
            read(&pairs).unwrap_err().to_string()
        };
        assert!(refused(&[]).starts_with(&format!("APP_SECRET_FILE: {at} cannot be read")), "{}", refused(&[]));
        for (bytes, problem) in
            [(vec![], "is empty"), (vec![b' '; 9], "is empty"), (vec![0xff; 48], "no text"), (vec![b'a'; 70_000], "64 KiB")]
        {
            fs::write(&path, bytes).unwrap();
            assert!(refused(&[]).contains(problem), "{}", refused(&[]));
        }
        fs::write(&path, "a secret of the tests which is long enough").unwrap();
        let both = refused(&[("APP_SECRET", "another secret of the tests, long enough")]);
        assert_eq!(both, "APP_SECRET_FILE: APP_SECRET is set, too; unset one of them");
    }
}

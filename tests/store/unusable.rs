//! Databases that cannot be used: where they were looked for, why not, and what can be done, without the password.

use std::path::Path;
use std::time::{Duration, Instant};

use api_proxy::store::Db;
use sqlx::{Connection, Executor, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::database::Database;

/// What waiting would take at least; a refusal that comes sooner did not wait.
const WAIT: Duration = Duration::from_secs(4);

/// The number in a message that asks whether there is TLS.
const ASKS_FOR_TLS: u32 = 80_877_103;

async fn refused(url: &str) -> String {
    let told = Db::open(url, 2).await.unwrap_err().to_string();
    assert!(!told.contains("hush") && !told.contains("at line"), "{told}");
    told
}

/// The same, and it came without waiting.
async fn refused_at_once(url: &str) -> String {
    let asked = Instant::now();
    let told = refused(url).await;
    assert!(asked.elapsed() < WAIT, "{told}");
    told
}

/// A server that has no TLS and refuses one connection after the other with these codes, the last for ever.
async fn refusing(codes: &'static [&'static str]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for turn in 0.. {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = [0; 8];
            let _broken_off = socket.read_exact(&mut head).await;
            if head[4..] == ASKS_FOR_TLS.to_be_bytes() {
                let _broken_off = socket.write_all(b"N").await;
            }
            let mut start_up = [0; 1_024];
            if socket.read(&mut start_up).await.is_ok_and(|bytes| bytes > 0) {
                let fields =
                    format!("SFATAL\0VFATAL\0C{}\0Mits own words\0L334\0Rauth_failed\0\0", codes[turn.min(codes.len() - 1)]);
                let mut answer = vec![b'E'];
                answer.extend(u32::try_from(fields.len() + 4).unwrap().to_be_bytes());
                answer.extend(fields.as_bytes());
                let _broken_off = socket.write_all(&answer).await;
            }
        }
    });
    port
}

fn server() -> String {
    std::env::var_os("TEST_POSTGRES_URL").and_then(|url| url.into_string().ok()).expect("no TEST_POSTGRES_URL")
}

#[tokio::test]
async fn a_wrong_password_is_told_at_once_with_role_and_place() {
    let port = refusing(&["28P01"]).await;
    let told = refused_at_once(&format!("postgres://alice:hush@127.0.0.1:{port}/books")).await;
    for words in [&*format!("\"books\" on 127.0.0.1:{port}"), "password for the role \"alice\"", "28P01", "ALTER ROLE", "%2F"] {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[tokio::test]
async fn a_server_that_starts_is_waited_for_and_its_next_word_counts() {
    let port = refusing(&["57P03", "57P03", "3D000"]).await;
    let told = refused_at_once(&format!("postgres://alice:hush@127.0.0.1:{port}/books")).await;
    assert!(told.contains("CREATE DATABASE \"books\" OWNER \"alice\""), "{told}");
    let port = refusing(&["57P03"]).await;
    let told = refused(&format!("postgres://alice:hush@127.0.0.1:{port}/books")).await;
    assert!(told.contains("starting up") && told.contains("waited 5 s"), "{told}");
}

#[tokio::test]
async fn tls_that_one_side_has_not_is_told() {
    let port = refusing(&["28000"]).await;
    let told = refused_at_once(&format!("postgres://alice:hush@127.0.0.1:{port}/books?sslmode=require")).await;
    assert!(told.contains("asks for TLS") && told.contains("sslmode=disable"), "{told}");
    let told = refused_at_once(&format!("postgres://alice:hush@127.0.0.1:{port}/books?sslmode=disable")).await;
    assert!(told.contains("sslmode=require") && told.contains("pg_hba.conf"), "{told}");
}

#[tokio::test]
async fn nobody_there_is_waited_for_and_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let told = refused(&format!("postgres://alice:hush@127.0.0.1:{port}/books")).await;
    assert!(told.contains(&format!("127.0.0.1:{port}")) && told.contains("connection refused"), "{told}");
    let told = refused("postgres://alice:hush@nowhere.invalid/books").await;
    assert!(told.contains("nowhere.invalid:5432") && told.contains("host is not found"), "{told}");
    let told = refused("postgres://alice:hush@%2Fnot%2Fthere/books").await;
    assert!(told.contains("/not/there") && told.contains("unix_socket_directories"), "{told}");
}

#[tokio::test]
async fn what_is_not_postgres_is_told_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _broken_off = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let _until_it_leaves = socket.read(&mut [0; 64]).await;
    });
    let told = refused_at_once(&format!("postgres://alice:hush@127.0.0.1:{port}/books")).await;
    assert!(told.contains("not PostgreSQL"), "{told}");
    let told = refused_at_once("postgres://alice:hush@127.0.0.1:1/books?sslmode=perhaps").await;
    assert!(told.contains("DATABASE_URL"), "{told}");
}

#[tokio::test]
async fn a_role_and_a_database_that_do_not_exist_are_told_by_the_real_server() {
    let server = server();
    let told = refused_at_once(&format!("{server}/nosuchdatabase")).await;
    assert!(told.contains("CREATE DATABASE \"nosuchdatabase\"") && told.contains("3D000"), "{told}");
    let mut nobody = url::Url::parse(&format!("{server}/postgres")).unwrap();
    nobody.set_username("nosuchrole").unwrap();
    nobody.set_password(Some("hush")).unwrap();
    let told = refused_at_once(nobody.as_str()).await;
    assert!(told.contains("\"nosuchrole\"") && told.contains("CREATE ROLE"), "{told}");
}

#[tokio::test]
async fn a_role_that_may_make_no_tables_is_told_how_it_may() {
    let database = Database::postgres().await;
    let (name, role) = (database.name().await, format!("r{}", fastrand::u64(..)));
    let mut admin = PgConnection::connect(&format!("{}/{name}", server())).await.unwrap();
    for sql in ["DROP SCHEMA public CASCADE", "CREATE SCHEMA public", &format!("CREATE ROLE {role} LOGIN PASSWORD 'hush'")] {
        admin.execute(sqlx::AssertSqlSafe(sql.to_owned())).await.unwrap();
    }
    admin.execute(sqlx::AssertSqlSafe(format!("GRANT USAGE ON SCHEMA public TO {role}"))).await.unwrap();
    let mut url = url::Url::parse(&format!("{}/{name}", server())).unwrap();
    url.set_username(&role).unwrap();
    url.set_password(Some("hush")).unwrap();
    let db = Db::open(url.as_str(), 2).await.unwrap();
    let told = db.migrate().await.unwrap_err().to_string();
    assert!(told.contains(&format!("ALTER DATABASE \"{name}\" OWNER TO \"{role}\"")), "{told}");
    db.close().await;
    for sql in [format!("REVOKE ALL ON SCHEMA public FROM {role}"), format!("DROP ROLE {role}")] {
        admin.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
    }
}

async fn of_a_newer_version(database: Database) {
    database.run("UPDATE _sqlx_migrations SET version = 9999 WHERE version = (SELECT max(version) FROM _sqlx_migrations)").await;
    let told = database.db.migrate().await.unwrap_err().to_string();
    assert!(told.contains("a newer api-proxy") && told.contains("9999"), "{told}");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_told_on_sqlite() {
    of_a_newer_version(Database::sqlite().await).await;
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_told_on_postgres() {
    of_a_newer_version(Database::postgres().await).await;
}

#[tokio::test]
async fn paths_that_hold_no_sqlite_database_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let (other, folder) = (dir.path().join("other"), dir.path().join("folder"));
    std::fs::write(&other, "text of somebody else, and far longer than the head of a database is: ".repeat(20)).unwrap();
    std::fs::create_dir(&folder).unwrap();
    for (path, words) in [
        (dir.path().join("missing/x.db"), "does not exist"),
        (other.join("x.db"), "is not a folder"),
        (other.clone(), "no SQLite database"),
        (folder, "it is a folder"),
        // Nobody makes files there, root included.
        (Path::new("/sys/x.db").to_owned(), "must be allowed to write"),
    ] {
        let told = refused_at_once(&format!("sqlite://{}", path.display())).await;
        assert!(told.contains(words) && told.contains(&path.display().to_string()), "{words}: {told}");
    }
    let told = refused_at_once("sqlite://x.db?colour=red").await;
    assert!(told.contains("DATABASE_URL"), "{told}");
}

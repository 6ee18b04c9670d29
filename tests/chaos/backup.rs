//! Backups: made while clients are served, put back somewhere else.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use futures_util::future::join;

use crate::books::Storage;
use crate::client::{Client, Crowd};
use crate::gateway::command;
use crate::waiting::eventually;
use crate::world::World;

const CLIENTS: usize = 4;

/// Runs a command while the test goes on.
async fn meanwhile(world: &World, args: &[&str]) -> (bool, String) {
    let environment = world.environment(&[]);
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let run = move || command(&args.iter().map(String::as_str).collect::<Vec<_>>(), &environment).output().unwrap();
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.success(), said)
}

/// A backup has every answer that was received before it, and no balance is wrong in it.
async fn a_backup_under_load_has_all_that_was_answered_before_it(storage: Storage) {
    let (world, gateway) = World::start(storage, 2).await;
    let file = world.data_dir().join("kept.backup");
    let path = file.to_str().unwrap();
    let crowd = Crowd::default();
    let keeping = async {
        eventually("the crowd is served", async || (crowd.answers() > 5 * CLIENTS).then_some(())).await;
        let before = crowd.received();
        let (fine, said) = meanwhile(&world, &["backup", path, "--with-secret"]).await;
        assert!(fine && said.contains("usage journal"), "{said}");
        let answers = crowd.answers();
        eventually("the crowd is served on", async || (crowd.answers() > answers + CLIENTS).then_some(())).await;
        crowd.stop();
        before
    };
    let ((), before) = join(crowd.ask(&gateway, &world.keys, CLIENTS), keeping).await;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    gateway.stop().await;

    let other = World::untouched(storage).await;
    let (fine, said) = other.runs(&["restore", path], &[]);
    assert!(fine && !said.contains("opens none"), "{said}");
    let gateway = other.serve().await;
    let books = other.database.bills_exactly_once(&before).await;
    assert!(books.rows.len() < crowd.received().len(), "what came after the backup is not in it");
    Client::new(&gateway, &world.keys[0]).asks(0).await.whole();
    gateway.stop().await;
    is_refused(&other, &["restore", path], "already");
}

fn is_refused(world: &World, args: &[&str], why: &str) {
    let (fine, said) = world.runs(args, &[]);
    assert!(!fine && said.contains(why) && !said.contains("panicked"), "{args:?}: {said}");
}

/// What cannot be done is refused in a sentence, and leaves nothing behind.
async fn what_cannot_be_kept_or_put_back_is_refused(storage: Storage) {
    let (world, gateway) = World::start(storage, 0).await;
    let file = world.data_dir().join("kept.backup");
    let path = file.to_str().unwrap();
    let (fine, said) = world.runs(&["backup", path], &[]);
    assert!(fine && said.contains("is not in it"), "{said}");
    is_refused(&world, &["backup", path], "already");
    is_refused(
        &world,
        &["restore", path],
        if storage == Storage::Sqlite { "another api-proxy process uses" } else { "another api-proxy" },
    );
    gateway.stop().await;
    is_refused(&world, &["restore", path], "already");
    let nowhere = world.data_dir().join("missing/kept.backup");
    is_refused(&world, &["backup", nowhere.to_str().unwrap()], "missing");
    let fresh = World::untouched(storage).await;
    is_refused(
        &fresh,
        &["backup", nowhere.to_str().unwrap()],
        if storage == Storage::Sqlite { "there is no database" } else { "nothing to back up" },
    );
    for damage in [cut_short, not_ours] {
        damage(&file);
        let (fine, said) = fresh.runs(&["restore", path], &[]);
        assert!(!fine && said.contains("damaged"), "{said}");
        let left = std::fs::read_dir(fresh.data_dir().join("journal")).map(Iterator::count).unwrap_or(0);
        assert_eq!(left, 0, "files of a restore that failed");
    }
    fresh.serve().await.stop().await;
}

fn cut_short(file: &Path) {
    let bytes = std::fs::read(file).unwrap();
    std::fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
}

fn not_ours(file: &Path) {
    std::fs::write(file, "no archive at all").unwrap();
}

#[actix_web::test]
async fn a_backup_under_load_is_whole_on_sqlite() {
    a_backup_under_load_has_all_that_was_answered_before_it(Storage::Sqlite).await;
}

#[actix_web::test]
async fn a_backup_under_load_is_whole_on_postgres() {
    a_backup_under_load_has_all_that_was_answered_before_it(Storage::Postgres).await;
}

#[actix_web::test]
async fn backups_that_cannot_be_are_refused_on_sqlite() {
    what_cannot_be_kept_or_put_back_is_refused(Storage::Sqlite).await;
}

#[actix_web::test]
async fn backups_that_cannot_be_are_refused_on_postgres() {
    what_cannot_be_kept_or_put_back_is_refused(Storage::Postgres).await;
}

//! Disks that are full for a while: of the journal, of the database, of both. Nothing is asked of a provider that cannot be
//! recorded, nothing refused is charged, and all goes on by itself once there is room.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use futures_util::future::join;
use serde_json::Value;

use crate::books::{Database, Storage};
use crate::client::{Client, Crowd, Outcome};
use crate::gateway::Gateway;
use crate::server::Server;
use crate::waiting::{eventually, within};
use crate::world::World;

const CLIENTS: usize = 8;
const USERS: usize = 4;
/// All goes on by itself this long after there is room again.
const RESUMES_WITHIN: Duration = Duration::from_secs(10);

/// A disk of a few megabytes; unmounted when dropped.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    pub fn at(path: &Path, megabytes: u32) -> Self {
        fs::create_dir_all(path).unwrap();
        let options = format!("size={megabytes}m,mode=0777");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(path).status().unwrap();
        assert!(mounted.success(), "these tests mount a tmpfs: run them as root");
        Self(path.to_owned())
    }

    /// Takes all that is left.
    pub fn fill(&self) {
        let mut filler = File::options().create(true).append(true).open(self.filler()).unwrap();
        for piece in [1 << 16, 1 << 12, 1] {
            while filler.write_all(&vec![0; piece]).is_ok() {}
        }
    }

    pub fn make_room(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _it_goes_with_the_machine = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

async fn ready(gateway: &Gateway) -> Option<(u16, Value)> {
    let reply = reqwest::get(gateway.url("/readyz")).await.ok()?;
    let status = reply.status().as_u16();
    Some((status, serde_json::from_str(&reply.text().await.ok()?).ok()?))
}

fn asked(world: &World) -> usize {
    world.script().requests().len()
}

/// Every refusal is a 503 of the gateway's own.
fn are_unavailable(crowd: &Crowd) {
    for (status, body) in crowd.refusals() {
        assert_eq!(status, 503, "{body}");
    }
}

/// What clients did not receive whole is not charged, and the rest once.
async fn charges_what_was_received(database: &Database, received: &[String]) {
    let books = database.bills_exactly_once(received).await;
    let charged = books.rows.iter().filter(|row| row.cost_nanos > 0).count();
    assert_eq!(charged, received.len(), "what was refused is charged");
}

/// The journal's disk is full under load; the database's is not.
async fn a_full_journal(storage: Storage) {
    let mut world = World::untouched(storage).await;
    let disk = SmallDisk::at(&world.data_dir().join("journal"), 8);
    let gateway = world.serve().await;
    world.furnish(&gateway, USERS).await;
    let crowd = Crowd::default();
    let breaking = async {
        eventually("the crowd is served", async || (crowd.answers() > CLIENTS).then_some(())).await;
        disk.fill();
        let (_, told) =
            eventually("readiness goes down", async || ready(&gateway).await.filter(|(status, _)| *status == 503)).await;
        assert!(told["worries"][0].as_str().unwrap().contains("recorded"), "{told}");
        // Also what had been let in and was not with the provider yet.
        let then = crowd.ended();
        eventually("what is under way ends", async || {
            (crowd.has_ended_since(&then) && world.script().in_flight() == 0).then_some(())
        })
        .await;
        let (before, refusals) = (asked(&world), crowd.refusals().len());
        eventually("more is refused", async || (crowd.refusals().len() > refusals + 4 * CLIENTS).then_some(())).await;
        assert_eq!(asked(&world), before, "somebody was asked for what nobody could record");
        disk.make_room();
        within(RESUMES_WITHIN, "ready again", async || ready(&gateway).await.filter(|(status, _)| *status == 200)).await;
        let answers = crowd.answers();
        within(RESUMES_WITHIN, "the crowd is served again", async || (crowd.answers() > answers).then_some(())).await;
        crowd.stop();
    };
    join(crowd.ask(&gateway, &world.keys, CLIENTS), breaking).await;
    are_unavailable(&crowd);
    charges_what_was_received(&world.database, &crowd.received()).await;
    gateway.stop().await;
    charges_what_was_received(&world.database, &crowd.received()).await;
}

/// The database's disk is full under load: requests are served from memory, the journal keeps what is to be booked.
async fn a_full_database(mut world: World, disk: &SmallDisk) {
    let url = world.database.url.clone();
    let gateway = world.serve_with(&[("DATABASE_URL", &url)]).await;
    world.furnish(&gateway, USERS).await;
    let crowd = Crowd::default();
    let breaking = async {
        eventually("the crowd is served", async || (crowd.answers() > CLIENTS).then_some(())).await;
        disk.fill();
        eventually("booking fails", async || gateway.output.text().contains("usage could not be booked").then_some(())).await;
        let answers = crowd.answers();
        eventually("known keys are served on", async || (crowd.answers() > answers + CLIENTS).then_some(())).await;
        let booked = world.database.books().await.rows.len();
        disk.make_room();
        within(RESUMES_WITHIN, "booking goes on", async || {
            (world.database.books().await.rows.len() > booked + CLIENTS).then_some(())
        })
        .await;
        crowd.stop();
    };
    join(crowd.ask(&gateway, &world.keys, CLIENTS), breaking).await;
    assert_eq!(crowd.refusals(), [], "a full database refuses nobody who is known");
    charges_what_was_received(&world.database, &crowd.received()).await;
    let (status, told) = ready(&gateway).await.unwrap();
    assert_eq!((status, &told["setAside"]), (200, &Value::from(0)), "a full disk sets nothing aside: {told}");
    world.makes_user(&gateway, "somebody").await;
    gateway.stop().await;
    charges_what_was_received(&world.database, &crowd.received()).await;
}

#[actix_web::test]
async fn a_full_journal_refuses_before_anybody_is_asked_on_sqlite() {
    a_full_journal(Storage::Sqlite).await;
}

#[actix_web::test]
async fn a_full_journal_refuses_before_anybody_is_asked_on_postgres() {
    a_full_journal(Storage::Postgres).await;
}

#[actix_web::test]
async fn a_full_database_resumes_by_itself_on_sqlite() {
    let mut world = World::untouched(Storage::Sqlite).await;
    let directory = world.data_dir().join("database");
    let disk = SmallDisk::at(&directory, 32);
    world.database = Database { url: format!("sqlite://{}", directory.join("api-proxy.db").display()) };
    a_full_database(world, &disk).await;
}

#[actix_web::test]
async fn a_full_database_resumes_by_itself_on_postgres() {
    let mut world = World::untouched(Storage::Sqlite).await;
    let directory = world.data_dir().join("server");
    let disk = SmallDisk::at(&directory, 192);
    let server = Server::start(&directory.join("data"));
    world.database = Database { url: server.url() };
    a_full_database(world, &disk).await;
}

/// Journal and database on one full disk, as an embedded one has them.
#[actix_web::test]
async fn a_full_disk_under_both_resumes_by_itself_on_sqlite() {
    let mut world = World::untouched(Storage::Sqlite).await;
    let directory = world.data_dir().join("all");
    let disk = SmallDisk::at(&directory, 48);
    world.database = Database { url: format!("sqlite://{}", directory.join("api-proxy.db").display()) };
    both_full(world, &disk, &directory).await;
}

#[actix_web::test]
async fn a_full_disk_under_both_resumes_by_itself_on_postgres() {
    let mut world = World::untouched(Storage::Sqlite).await;
    let directory = world.data_dir().join("all");
    let disk = SmallDisk::at(&directory, 192);
    let server = Server::start(&directory.join("data"));
    world.database = Database { url: server.url() };
    both_full(world, &disk, &directory.join("gateway")).await;
}

async fn both_full(mut world: World, disk: &SmallDisk, data_dir: &Path) {
    let gateway = world.serve_with(&[("DATA_DIR", &data_dir.display().to_string())]).await;
    world.furnish(&gateway, USERS).await;
    let crowd = Crowd::default();
    let breaking = async {
        eventually("the crowd is served", async || (crowd.answers() > CLIENTS).then_some(())).await;
        disk.fill();
        eventually("readiness goes down", async || ready(&gateway).await.filter(|(status, _)| *status == 503)).await;
        // Also what had been let in and was not with the provider yet.
        let then = crowd.ended();
        eventually("what is under way ends", async || {
            (crowd.has_ended_since(&then) && world.script().in_flight() == 0).then_some(())
        })
        .await;
        let (before, refusals) = (asked(&world), crowd.refusals().len());
        eventually("more is refused", async || {
            // The database's server may have let go of something meanwhile.
            disk.fill();
            (crowd.refusals().len() > refusals + CLIENTS).then_some(())
        })
        .await;
        assert_eq!(asked(&world), before, "somebody was asked for what nobody could record");
        disk.make_room();
        // An answer that was under way when the disk was full becomes whole as soon as it can be written down: that alone
        // says nothing of those who ask now.
        within(RESUMES_WITHIN, "ready again", async || ready(&gateway).await.filter(|(status, _)| *status == 200)).await;
        let (before, answers) = (asked(&world), crowd.answers());
        eventually("the crowd is served again", async || (asked(&world) > before && crowd.answers() > answers).then_some(()))
            .await;
        crowd.stop();
    };
    join(crowd.ask(&gateway, &world.keys, CLIENTS), breaking).await;
    are_unavailable(&crowd);
    charges_what_was_received(&world.database, &crowd.received()).await;
    match Client::new(&gateway, &world.keys[0]).asks(0).await {
        Outcome::Whole { .. } => {}
        other => panic!("served again: {other:?}"),
    }
    gateway.stop().await;
}

//! Files of the process: nobody else's to read, and nobody else's to be written; and the secret they may hold.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::client::Client;
use crate::gateway::Gateway;
use crate::on_both;
use crate::waiting::eventually;
use crate::world::World;

/// The directory and everything in it, with what others may do there.
fn open_to_others(directory: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = vec![directory.to_owned()];
    let mut open = Vec::new();
    while let Some(path) = found.pop() {
        let about = fs::symlink_metadata(&path).unwrap();
        if about.is_dir() {
            found.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let others = about.permissions().mode() & 0o077;
        if others != 0 {
            open.push((path, others));
        }
    }
    open
}

/// As a volume comes, or as an earlier version left it.
fn opens_all(directory: &Path) {
    fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            opens_all(&path);
        } else {
            fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        }
    }
}

on_both! {
    async fn what_was_open_to_others_is_closed_at_the_start(storage: Storage) {
        let (world, gateway) = World::start(storage, 1).await;
        assert_eq!(open_to_others(world.data_dir()), []);
        // Killed, so that everything it had open is still there.
        gateway.kill().await;
        opens_all(world.data_dir());
        assert!(open_to_others(world.data_dir()).len() > 3);
        let gateway = world.serve().await;
        Client::new(&gateway, &world.keys[0]).asks(0).await.whole();
        assert_eq!(open_to_others(world.data_dir()), []);
        gateway.stop().await;
    }

    async fn the_demos_directory_is_closed_to_others_too(storage: Storage) {
        let world = World::untouched(storage).await;
        opens_all(world.data_dir());
        let mut demo = Gateway::launch(&["demo"], &world.environment(&[]));
        eventually("the demo shows its visit", async || {
            assert!(demo.ended().is_none(), "{}", demo.output.text());
            demo.output.text().contains("Stop with Ctrl-C").then_some(())
        })
        .await;
        assert_eq!(open_to_others(&world.data_dir().join("demo")), []);
        demo.stop().await;
        world.serve().await.stop().await;
        assert_eq!(open_to_others(world.data_dir()), []);
    }

    async fn a_link_in_place_of_a_file_is_refused_and_its_target_kept(storage: Storage) {
        let world = World::untouched(storage).await;
        let elsewhere = tempfile::tempdir().unwrap();
        let target = elsewhere.path().join("precious");
        fs::write(&target, "precious").unwrap();
        for name in ["instance.lock", "instance-id", "migrate.lock", "app-secret", "api-proxy.db", "api-proxy.db-wal"] {
            let link = world.data_dir().join(name);
            symlink(&target, &link).unwrap();
            let (fine, said) = world.runs(&["serve"], &[]);
            assert!(!fine && said.contains(name) && said.contains("symbolic link"), "{said}");
            assert_eq!(fs::read_to_string(&target).unwrap(), "precious", "{name}");
            fs::remove_file(&link).unwrap();
        }
        world.serve().await.stop().await;
    }

    async fn a_secret_that_opens_nothing_is_refused_before_anything_is_written(storage: Storage) {
        let (world, gateway) = World::start(storage, 1).await;
        let asked = Client::new(&gateway, &world.keys[0]).asks(0).await.whole();
        gateway.stop().await;
        let foreign = ("APP_SECRET", "another secret of the tests, long enough");
        let before = world.database.bills_exactly_once(std::slice::from_ref(&asked)).await;
        for command in [&["serve"][..], &["migrate"], &["reconcile"]] {
            let (fine, said) = world.runs(command, &[foreign]);
            assert!(!fine && said.contains("opens none of the 4 secrets") && !said.contains(foreign.1), "{said}");
        }
        assert_eq!(world.database.books().await.rows.len(), before.rows.len());
        for (name, value) in [foreign, ("APP_SECRET", "short")] {
            assert!(!world.runs(&["serve"], &[(name, value)]).0);
        }
        let gateway = world.serve().await;
        Client::new(&gateway, &world.keys[0]).asks(0).await.whole();
        gateway.stop().await;
    }

    async fn a_file_that_holds_no_secret_is_refused_with_the_way_out(storage: Storage) {
        let world = World::untouched(storage).await;
        // The demo has a file of its own on either database.
        let directory = world.data_dir().join("demo");
        fs::create_dir(&directory).unwrap();
        for bad in [&b""[..], b"x", &[b' '; 48], &[0; 48], &[b'a'; 31]] {
            fs::write(directory.join("app-secret"), bad).unwrap();
            let (fine, said) = world.runs(&["demo"], &[]);
            assert!(!fine && said.contains("holds no secret") && said.contains("remove the file"), "{said}");
            assert!(!directory.join("api-proxy.db").exists(), "something was written");
        }
    }
}

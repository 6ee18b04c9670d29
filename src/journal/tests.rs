use actors::vocabulary::{Ending, KeyId, Nanos, Protocol, ReceiptId, Timings, Usage, UserId};

use super::*;

fn receipt(id: i64) -> Receipt {
    Receipt {
        id: ReceiptId(id),
        request_id: format!("req_{id}"),
        client_request_id: None,
        ts: id,
        day_start: 0,
        user_id: UserId(1),
        username: "u".to_owned(),
        key_id: KeyId(1),
        key_name: "k\n\"".to_owned(),
        key_prefix: "sk-relay-AAAA".to_owned(),
        protocol: Protocol::Messages,
        model: "m".to_owned(),
        upstream_model: None,
        channel_id: None,
        channel_name: None,
        status: 200,
        ending: Ending::Completed,
        stream: false,
        converted: false,
        upstream_protocol: None,
        usage: Usage::default(),
        estimated: false,
        tariff: None,
        cost: Nanos(id),
        timings: Timings::default(),
        attempts: Vec::new(),
        error: None,
        client_ip: None,
        details: None,
    }
}

fn ids(entries: &[Entry]) -> Vec<i64> {
    entries
        .iter()
        .map(|entry| match entry {
            Entry::Opened(r) => -r.id.0,
            Entry::Closed(r) => r.id.0,
        })
        .collect()
}

#[test]
fn what_was_written_is_read_back_in_order_after_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = FileJournal::open(directory.path()).unwrap();
    journal.append(&[Entry::Opened(receipt(1).into()), Entry::Closed(receipt(1).into())]).unwrap();
    journal.append(&[Entry::Closed(receipt(2).into())]).unwrap();
    drop(journal);
    let mut journal = FileJournal::open(directory.path()).unwrap();
    assert_eq!(ids(&journal.read(2).unwrap()), [-1, 1]);
    journal.rewind();
    assert_eq!(ids(&journal.read(9).unwrap()), [-1, 1, 2]);
    assert!(journal.mark());
    journal.release().unwrap();
    assert_eq!(journal.size(), 0);
    assert!(journal.read(9).unwrap().is_empty());
}

#[test]
fn a_torn_end_and_a_flipped_bit_cost_only_their_own_line() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = FileJournal::open(directory.path()).unwrap();
    journal
        .append(&[Entry::Closed(receipt(1).into()), Entry::Closed(receipt(2).into()), Entry::Closed(receipt(3).into())])
        .unwrap();
    drop(journal);
    let path = directory.path().join("usage-000000000001.journal");
    let mut bytes = std::fs::read(&path).unwrap();
    let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 20;
    bytes[second] ^= 1;
    bytes.truncate(bytes.len() - 5);
    std::fs::write(&path, bytes).unwrap();
    let mut journal = FileJournal::open(directory.path()).unwrap();
    journal.append(&[Entry::Closed(receipt(4).into())]).unwrap();
    assert_eq!(ids(&journal.read(9).unwrap()), [1, 4]);
}

#[test]
fn segments_rotate_and_are_let_go_once_booked() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = FileJournal::open(directory.path()).unwrap();
    let bulky = Receipt { details: Some("x".repeat(1 << 20)), ..receipt(1) };
    for _ in 0..20 {
        journal.append(&[Entry::Closed(bulky.clone().into())]).unwrap();
    }
    let files = || std::fs::read_dir(directory.path()).unwrap().count();
    assert!(files() > 2);
    let mut read = 0;
    while let Ok(entries) = journal.read(3) {
        if entries.is_empty() {
            break;
        }
        read += entries.len();
        if journal.mark() {
            journal.release().unwrap();
        }
    }
    assert_eq!((read, files()), (20, 1));
}

#[test]
fn what_is_read_is_the_same_from_memory_and_from_disk() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = FileJournal::open(directory.path()).unwrap();
    assert!(journal.read(9).unwrap().is_empty());
    let bulky = |id| Receipt { details: Some("x".repeat(1 << 20)), ..receipt(id) };
    let mut read = Vec::new();
    // Behind by less than is remembered, by more, and by less again; each time some of it is read twice.
    for (round, size) in [3, 12, 3].into_iter().enumerate() {
        let first = 100 * i64::try_from(round).unwrap();
        for id in first..first + size {
            journal.append(&[Entry::Opened(receipt(id).into()), Entry::Closed(bulky(id).into())]).unwrap();
        }
        let before = ids(&journal.read(4).unwrap());
        journal.rewind();
        let again = ids(&journal.read(5).unwrap());
        assert_eq!(before[..], again[..4]);
        journal.mark();
        read.extend(again);
        read.extend(ids(&journal.read(100).unwrap()));
        journal.mark();
        journal.release().unwrap();
    }
    let expected: Vec<i64> = [0..3, 100..112, 200..203].into_iter().flatten().flat_map(|id| [-id, id]).collect();
    assert_eq!(read, expected);
    assert!(journal.read(9).unwrap().is_empty());
    assert!(journal.size() < 8 << 20, "all but the newest segment is let go");
}

#[test]
fn a_damaged_line_is_set_aside_once_and_outlives_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = FileJournal::open(directory.path()).unwrap();
    journal.append(&[Entry::Closed(receipt(1).into()), Entry::Closed(receipt(2).into())]).unwrap();
    drop(journal);
    let path = directory.path().join("usage-000000000001.journal");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let mut journal = FileJournal::open(directory.path()).unwrap();
    assert_eq!(ids(&journal.read(9).unwrap()), [2]);
    journal.rewind();
    assert_eq!(ids(&journal.read(9).unwrap()), [2]);
    assert_eq!(journal.aside(), 1);
    let damaged = journal.list_aside(9).unwrap().remove(0);
    assert!(matches!(&damaged.what, Unbooked::Line(line) if line.contains("req_1")));
    assert_eq!(journal.take_back(damaged.id, true).unwrap(), None, "nobody can book a line that is no receipt");
    drop(journal);
    let mut journal = FileJournal::open(directory.path()).unwrap();
    assert_eq!(journal.aside(), 1);
    assert_eq!(journal.take_back(damaged.id, false).unwrap(), Some(damaged));
    assert_eq!((journal.aside(), journal.list_aside(9).unwrap().len()), (0, 0));
}

#[test]
fn a_receipt_is_set_aside_once_and_can_be_booked_after_all() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = FileJournal::open(directory.path()).unwrap();
    assert!(journal.read(9).unwrap().is_empty());
    let aside = |id: i64| SetAside { id, at: 5, reason: "no".to_owned(), what: Unbooked::Receipt(receipt(id).into()) };
    journal.set_aside(&[aside(1), aside(2)]).unwrap();
    journal.set_aside(&[aside(2), aside(3)]).unwrap();
    assert_eq!(journal.aside(), 3);
    assert_eq!(journal.list_aside(2).unwrap(), [aside(1), aside(2)]);
    assert_eq!(journal.take_back(2, true).unwrap(), Some(aside(2)));
    assert_eq!(journal.take_back(2, true).unwrap(), None);
    assert_eq!(ids(&journal.read(9).unwrap()), [2]);
    assert_eq!(FileJournal::open(directory.path()).unwrap().list_aside(9).unwrap(), [aside(1), aside(3)]);
}

#[test]
fn there_is_room_ahead_of_what_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = FileJournal::open(directory.path()).unwrap();
    let bulky = Receipt { details: Some("x".repeat(1 << 20)), ..receipt(1) };
    for _ in 0..10 {
        journal.append(&[Entry::Closed(bulky.clone().into())]).unwrap();
        assert!(journal.secure().is_enough);
    }
    journal.probe().unwrap();
    let written = journal.size();
    assert_eq!(ids(&journal.read(99).unwrap()).len(), 10, "what a probe leaves is no damage");
    assert_eq!((journal.aside(), written), (0, journal.size()));
}

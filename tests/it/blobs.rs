//! Do uploads survive what happens to them, and are blobs what was sent?

use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use proptest::prelude::*;
use sealbid::blob::{Append, Blobs, Error, Folder, Progress};
use sealbid::crypto::entropy::SeededEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::ids::UploadId;

use crate::support::{START, TestFolder, folder};

fn id(seed: u64) -> UploadId {
    UploadId::random(&SeededEntropy::new(seed)).unwrap()
}

fn store() -> (TestFolder, Folder) {
    let path = folder("blobs");
    let store = Folder::open(&path).unwrap();
    (path, store)
}

/// Appends and acknowledges.
fn append(store: &Folder, upload: UploadId, offset: u64, bytes: &[u8]) -> Result<u64, Error> {
    let mut append = store.append(upload, offset, None)?;
    append.write(bytes)?;
    append.finish()
}

fn offset(store: &Folder, upload: UploadId) -> u64 {
    store.progress(upload).unwrap().offset
}

fn content(store: &Folder, blob: UploadId) -> Vec<u8> {
    let mut bytes = Vec::new();
    store.open(blob).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn an_upload_in_pieces_becomes_the_blob_that_was_sent() {
    let (_path, store) = store();
    store.create(id(1), 10, START).unwrap();
    assert_eq!(append(&store, id(1), 0, b"abcd").unwrap(), 4);
    assert_eq!(append(&store, id(1), 4, b"efghij").unwrap(), 10);
    let stored = store.complete(id(1)).unwrap();
    assert_eq!((stored.sha256, stored.size), (Hash::of(b"abcdefghij"), 10));
    let mut blob = store.open(id(1)).unwrap();
    blob.seek(SeekFrom::Start(7)).unwrap();
    let mut tail = String::new();
    blob.read_to_string(&mut tail).unwrap();
    assert_eq!((tail.as_str(), blob.size()), ("hij", 10));
    assert_eq!(store.rehash(id(1)).unwrap(), stored);
}

#[test]
fn completing_twice_gives_the_same_answer() {
    let (_path, store) = store();
    store.create(id(1), 3, START).unwrap();
    append(&store, id(1), 0, b"abc").unwrap();
    let first = store.complete(id(1)).unwrap();
    assert_eq!(store.complete(id(1)).unwrap(), first);
    let done = Progress { offset: 3, length: 3, created: None };
    assert_eq!(store.progress(id(1)).unwrap(), done);
    assert!(matches!(store.create(id(1), 3, START), Err(Error::Exists)));
}

#[test]
fn after_a_restart_an_upload_stands_where_it_was_acknowledged() {
    let (path, store) = store();
    store.create(id(1), 8, START).unwrap();
    append(&store, id(1), 0, b"abcd").unwrap();
    // Written, never acknowledged, and the process is gone: the lock and the offset with it.
    let mut lost = store.append(id(1), 4, None).unwrap();
    lost.write(b"xxxx").unwrap();
    std::mem::forget(lost);
    drop(store);
    let store = Folder::open(&path).unwrap();
    let now = Progress { offset: 4, length: 8, created: Some(START) };
    assert_eq!(store.progress(id(1)).unwrap(), now);
    append(&store, id(1), 4, b"efgh").unwrap();
    store.complete(id(1)).unwrap();
    assert_eq!(content(&store, id(1)), b"abcdefgh");
}

#[test]
fn an_append_elsewhere_than_at_the_offset_is_refused() {
    let (_path, store) = store();
    store.create(id(1), 8, START).unwrap();
    append(&store, id(1), 0, b"abcd").unwrap();
    for wrong in [0, 3, 5, 8, u64::MAX] {
        let refused = store.append(id(1), wrong, None).map(drop);
        assert!(matches!(refused, Err(Error::Offset { actual: 4 })));
    }
    assert!(matches!(store.append(id(2), 0, None).map(drop), Err(Error::NotFound)));
}

#[test]
fn more_bytes_than_the_length_are_refused_and_none_of_them_kept() {
    let (_path, store) = store();
    store.create(id(1), 8, START).unwrap();
    append(&store, id(1), 0, b"abcd").unwrap();
    let mut append = store.append(id(1), 4, None).unwrap();
    append.write(b"efgh").unwrap();
    assert!(matches!(append.write(b"i"), Err(Error::TooLong { length: 8 })));
    assert!(append.write(b"").is_err(), "a failed append goes no further");
    assert!(append.finish().is_err());
    assert_eq!(offset(&store, id(1)), 4);
}

#[test]
fn a_crash_in_a_long_append_costs_eight_megabytes_at_most() {
    let (path, store) = store();
    let piece = vec![7; 1 << 20];
    for (seed, checksum, kept) in [(1, None, 8 << 20), (2, Some(Hash::of(b"other")), 0)] {
        store.create(id(seed), 100 << 20, START).unwrap();
        let mut long = store.append(id(seed), 0, checksum).unwrap();
        for _ in 0..9 {
            long.write(&piece).unwrap();
        }
        // As a process that is killed: nothing ends, nothing is given back.
        std::mem::forget(long);
        let again = Folder::open(&path).unwrap();
        assert_eq!(offset(&again, id(seed)), kept, "what a checksum covers counts as a whole");
        assert_eq!(append(&again, id(seed), kept, b"end").unwrap(), kept + 3);
    }
}

#[test]
fn bytes_without_their_checksum_are_not_kept() {
    let (_path, store) = store();
    store.create(id(1), 4, START).unwrap();
    for (sent, kept) in [(b"abcx", 0), (b"abcd", 4)] {
        let mut append = store.append(id(1), 0, Some(Hash::of(b"abcd"))).unwrap();
        append.write(sent).unwrap();
        match append.finish() {
            Ok(offset) => assert_eq!(offset, kept),
            Err(error) => assert!(matches!(error, Error::Checksum) && kept == 0),
        }
        assert_eq!(offset(&store, id(1)), kept);
    }
}

#[test]
fn two_at_a_time_on_one_upload_are_refused() {
    let (_path, store) = store();
    store.create(id(1), 4, START).unwrap();
    let first = store.append(id(1), 0, None).unwrap();
    assert!(matches!(store.append(id(1), 0, None).map(drop), Err(Error::Busy)));
    assert!(matches!(store.complete(id(1)), Err(Error::Busy)));
    assert!(matches!(store.delete(id(1)), Err(Error::Busy)));
    drop(first);
    append(&store, id(1), 0, b"abcd").unwrap();
}

#[test]
fn an_incomplete_upload_is_no_blob() {
    let (_path, store) = store();
    store.create(id(1), 4, START).unwrap();
    append(&store, id(1), 0, b"abc").unwrap();
    let refused = store.complete(id(1));
    assert!(matches!(refused, Err(Error::Incomplete { offset: 3, length: 4 })));
    assert!(matches!(store.open(id(1)).map(drop), Err(Error::NotFound)));
}

#[test]
fn deleting_one_of_two_equal_blobs_leaves_the_other() {
    let (_path, store) = store();
    for upload in [id(1), id(2)] {
        store.create(upload, 4, START).unwrap();
        append(&store, upload, 0, b"same").unwrap();
        store.complete(upload).unwrap();
    }
    store.delete(id(1)).unwrap();
    store.delete(id(1)).unwrap();
    assert!(matches!(store.open(id(1)).map(drop), Err(Error::NotFound)));
    assert!(matches!(store.rehash(id(1)), Err(Error::NotFound)));
    assert_eq!(content(&store, id(2)), b"same");
}

#[test]
fn only_old_unfinished_uploads_are_abandoned() {
    let (_path, store) = store();
    for (upload, created) in [(id(1), START), (id(2), START.plus(1)), (id(3), START)] {
        store.create(upload, 1, created).unwrap();
    }
    append(&store, id(3), 0, b"x").unwrap();
    store.complete(id(3)).unwrap();
    assert_eq!(store.abandoned(START.plus(1)).unwrap(), [id(1)]);
    store.delete(id(1)).unwrap();
    assert!(store.abandoned(START.plus(1)).unwrap().is_empty());
}

#[test]
fn acknowledged_bytes_that_are_gone_are_noticed() {
    let (path, store) = store();
    store.create(id(1), 8, START).unwrap();
    append(&store, id(1), 0, b"abcd").unwrap();
    let bytes = path.join("uploads").join(id(1).to_string());
    std::fs::write(&bytes, b"ab").unwrap();
    assert!(matches!(store.append(id(1), 4, None).map(drop), Err(Error::Corrupt(_))));
    std::fs::write(bytes.with_extension("at"), b"what").unwrap();
    assert!(matches!(store.progress(id(1)), Err(Error::Corrupt(_))));
}

#[test]
fn an_altered_blob_has_another_hash_when_read_again() {
    let (path, store) = store();
    store.create(id(1), 4, START).unwrap();
    append(&store, id(1), 0, b"abcd").unwrap();
    let stored = store.complete(id(1)).unwrap();
    std::fs::write(path.join("blobs").join(id(1).to_string()), b"abcx").unwrap();
    assert_ne!(store.rehash(id(1)).unwrap().sha256, stored.sha256);
}

#[test]
fn only_the_owner_can_read_what_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let (path, store) = store();
    store.create(id(1), 1, START).unwrap();
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.join("uploads")), 0o700);
    assert_eq!(mode(path.join("uploads").join(id(1).to_string())), 0o600);
}

/// The panic stands for the crash: the step after it never runs.
#[test]
fn a_crash_between_the_steps_of_completing_leaves_what_completes_again() {
    for crash in ["before naming a blob", "after naming a blob", "after forgetting an upload"] {
        let (path, store) = store();
        store.create(id(1), 4, START).unwrap();
        append(&store, id(1), 0, b"abcd").unwrap();
        let store = store.with_steps(Arc::new(move |step: &str| assert_ne!(step, crash)));
        let completing = std::panic::AssertUnwindSafe(|| store.complete(id(1)));
        assert!(std::panic::catch_unwind(completing).is_err(), "{crash} was not reached");
        let store = Folder::open(&path).unwrap();
        assert_eq!(store.complete(id(1)).unwrap().sha256, Hash::of(b"abcd"));
        assert_eq!(content(&store, id(1)), b"abcd");
    }
}

/// Runs itself again in a child whose files cannot grow beyond 64 KiB.
#[test]
fn a_full_disk_is_said_and_loses_nothing_acknowledged() {
    const NAME: &str = "blobs::a_full_disk_is_said_and_loses_nothing_acknowledged";
    if std::env::var_os("SEALBID_TEST_FULL_DISK").is_none() {
        let exe = std::env::current_exe().unwrap();
        let limited = "ulimit -f 64; trap '' XFSZ; exec \"$0\" --exact \"$1\"";
        let child = Command::new("bash")
            .args(["-c", limited, exe.to_str().unwrap(), NAME])
            .env("SEALBID_TEST_FULL_DISK", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(child.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let (path, store) = store();
    store.create(id(1), 100_000, START).unwrap();
    let kept = vec![1; 50_000];
    append(&store, id(1), 0, &kept).unwrap();
    let full = append(&store, id(1), 50_000, &[2; 50_000]);
    assert!(matches!(full, Err(Error::Full(_))), "{full:?}");
    assert_eq!(offset(&store, id(1)), 50_000);
    let bytes = std::fs::read(path.join("uploads").join(id(1).to_string())).unwrap();
    assert_eq!(bytes, kept, "the space of lost bytes was given back");
    // What still fits is taken.
    assert_eq!(append(&store, id(1), 50_000, &[3; 10_000]).unwrap(), 60_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_cut_of_any_bytes_with_any_interruptions_arrives_whole(
        bytes in proptest::collection::vec(any::<u8>(), 0..2000),
        cuts in proptest::collection::vec((1..300_usize, any::<bool>()), 1..40),
    ) {
        let (path, mut store) = store();
        store.create(id(1), bytes.len() as u64, START).unwrap();
        let mut cuts = cuts.into_iter().cycle();
        let mut steps = 0;
        while offset(&store, id(1)) < bytes.len() as u64 {
            let (cut, lost) = cuts.next().unwrap();
            steps += 1;
            let from = offset(&store, id(1));
            let at = usize::try_from(from).unwrap();
            let piece = &bytes[at..bytes.len().min(at + cut)];
            let mut append: Box<dyn Append> = store.append(id(1), from, None).unwrap();
            append.write(piece).unwrap();
            // Some are dropped, and then the process too; but not for ever.
            if lost && steps < 100 {
                drop(append);
                store = Folder::open(&path).unwrap();
            } else {
                append.finish().unwrap();
            }
        }
        prop_assert_eq!(store.complete(id(1)).unwrap().sha256, Hash::of(&bytes));
        prop_assert_eq!(content(&store, id(1)), bytes);
    }
}

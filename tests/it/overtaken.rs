//! Does the regulator's stop hold for what was under way when it came: a key that a custodian had
//! answered already, an opening that had begun?

use std::sync::{Arc, Mutex};

use sealbid::blob::{Append, Blob, Blobs, Error as BlobError, Progress, Stored};
use sealbid::clock::Time;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::{Body as _, Statement};
use sealbid::ids::UploadId;
use sealbid::opening::rules::{Step, UnitState};
use sealbid::opening::statements::{Suspension, SuspensionState};
use sealbid::opening::{Opener, Parts};

use crate::on_both;
use crate::opening_world::{OPEN_AT, World, regulator_key};
use crate::openings::{close, opening, verified, with_bids};
use crate::support::wait;

fn word(world: &World, no: u32, state: SuspensionState) -> String {
    let body = Suspension { no, reason: "a complaint".to_owned(), state, unit_id: world.id };
    Statement::signed(body, &regulator_key()).unwrap().encode()
}

/// The regulator's stop, from another thread: it is taken whatever is under way.
fn stop(world: &World) -> Box<dyn FnOnce() + Send> {
    let (opener, stop) = (world.shared_opener(), word(world, 1, SuspensionState::Suspended));
    Box::new(move || {
        wait(opener.suspend(&stop)).unwrap();
    })
}

fn opens_when_lifted(world: &World) {
    assert_eq!(world.settle(2), [Step::Wait; 2]);
    wait(world.opener().suspend(&word(world, 2, SuspensionState::Lifted))).unwrap();
    world.settle(4);
    assert_eq!(opening(world).lines.len(), 3);
    verified(world);
}

on_both! {
    fn a_key_that_was_under_way_when_the_stop_came_is_recorded_after_it_is_lifted(base: TestBase) {
        let world = with_bids(base);
        close(&world);
        world.to(OPEN_AT);
        *world.agents.interrupt.lock().unwrap() = Some(("/release", stop(&world)));
        world.settle(3);
        assert_eq!(world.events(Suspension::TYPE).len(), 1, "it came");
        for kind in ["sealbid/release/v1", "sealbid/released/v1"] {
            assert!(world.events(kind).is_empty(), "{kind}");
        }
        opens_when_lifted(&world);
    }
}

/// A store of files in which something happens when the next file is opened.
struct Interrupted {
    inner: Arc<dyn Blobs>,
    interrupt: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Blobs for Interrupted {
    fn create(&self, upload: UploadId, length: u64, now: Time) -> Result<(), BlobError> {
        self.inner.create(upload, length, now)
    }

    fn progress(&self, upload: UploadId) -> Result<Progress, BlobError> {
        self.inner.progress(upload)
    }

    fn append(
        &self,
        upload: UploadId,
        offset: u64,
        checksum: Option<Hash>,
    ) -> Result<Box<dyn Append>, BlobError> {
        self.inner.append(upload, offset, checksum)
    }

    fn complete(&self, upload: UploadId) -> Result<Stored, BlobError> {
        self.inner.complete(upload)
    }

    fn open(&self, blob: UploadId) -> Result<Box<dyn Blob>, BlobError> {
        let interrupt = self.interrupt.lock().unwrap().take();
        if let Some(interrupt) = interrupt {
            std::thread::spawn(interrupt).join().unwrap();
        }
        self.inner.open(blob)
    }

    fn size(&self, blob: UploadId) -> Result<u64, BlobError> {
        self.inner.size(blob)
    }

    fn rehash(&self, blob: UploadId) -> Result<Stored, BlobError> {
        self.inner.rehash(blob)
    }

    fn delete(&self, blob: UploadId) -> Result<(), BlobError> {
        self.inner.delete(blob)
    }

    fn abandoned(&self, before: Time) -> Result<Vec<UploadId>, BlobError> {
        self.inner.abandoned(before)
    }
}

on_both! {
    fn an_opening_that_had_begun_when_the_stop_came_reads_nothing_out_before_it_is_lifted(base: TestBase) {
        let world = with_bids(base);
        close(&world);
        world.to(OPEN_AT);
        let asked = (0..4).any(|_| world.step() == Step::AskRelease);
        assert!(asked && !world.events("sealbid/released/v1").is_empty());
        let interrupt = Mutex::new(Some(stop(&world)));
        let blobs = Arc::new(Interrupted { inner: world.blobs.clone(), interrupt });
        let opener = Opener::new(Parts { blobs, ..world.parts(world.platform.clone()) });
        wait(opener.step(world.id)).unwrap_err();
        world.beat();
        assert_eq!(world.events(Suspension::TYPE).len(), 1, "it came");
        assert!(world.events("sealbid/read-out/v1").is_empty());
        assert_eq!(world.row().state, UnitState::Closed);
        opens_when_lifted(&world);
    }
}

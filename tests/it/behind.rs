//! Does the platform stop writing when its witnesses show that the record went on without it?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::KeyKind;
use sealbid::crypto::note::{Note, SigningKey};
use sealbid::custodian::client::witnesses;
use sealbid::db::{Db, Error};
use sealbid::record::append::Event;
use sealbid::record::checkpoint::{Checkpoint, cosign};
use sealbid::record::disclosure::Level;
use sealbid::record::feed::{Answering, Feed, Witnesses};
use sealbid::record::standing::{self, BEHIND, CONTRADICTED, Standing, WAITING};
use sealbid::record::store::StoredCheckpoint;
use sealbid::record::witness::encode_cosignatures;
use tokio::time::timeout;

use crate::on_both;
use crate::opening_world::{BY_TIME, ORIGIN, World, witness_key};
use crate::support::{START, wait};

/// What one witness does in a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// It cosigns.
    Yes,
    /// Nothing.
    Silence,
    /// It is ahead, and shows it.
    Ahead,
    /// It saw another history, and shows it.
    Fork,
    /// It says that it is ahead, and shows nothing.
    Claims,
    /// It says so and shows what another has cosigned.
    Borrows,
    /// It lost its state.
    Later,
}

use Says::{Ahead, Borrows, Claims, Fork, Later, Silence, Yes};

struct Said {
    says: BTreeMap<String, Says>,
    head: StoredCheckpoint,
}

fn key(witness: &str) -> SigningKey {
    witness_key(witness.strip_prefix("1/c").unwrap().parse().unwrap())
}

/// A checkpoint of the record that nobody published, cosigned.
fn seen(size: u64, by: &SigningKey) -> Vec<u8> {
    let text = Checkpoint { origin: ORIGIN.to_owned(), size, root: Hash::of(b"another") }.text();
    let mut note = Note::new(text.clone()).unwrap();
    note.push(cosign(&text, by, START).unwrap());
    note.encode().into_bytes()
}

impl Witnesses for Said {
    fn add_checkpoint<'a>(&'a self, witness: &'a str, _: String) -> Answering<'a> {
        let answer = match self.says[witness] {
            Yes => {
                let line = cosign(self.head.note.text(), &key(witness), START).unwrap();
                Ok((200, encode_cosignatures(&[line]).into_bytes()))
            }
            Silence => Err("asleep".to_owned()),
            Ahead | Claims | Borrows => Ok((409, b"4096\n".to_vec())),
            Fork => Ok((422, Vec::new())),
            Later => Ok((503, Vec::new())),
        };
        Box::pin(async move { answer })
    }

    fn last_checkpoint<'a>(&'a self, witness: &'a str) -> Answering<'a> {
        let answer = match self.says[witness] {
            Ahead => (200, seen(4096, &key(witness))),
            Fork => (200, seen(self.head.size, &key(witness))),
            Borrows => {
                let other = SigningKey::from_seed("else/c9", KeyKind::Cosignature, &[1; 32]);
                (200, seen(4096, &other.unwrap()))
            }
            _ => (404, Vec::new()),
        };
        Box::pin(async move { Ok(answer) })
    }
}

fn feed(world: &World, says: [Says; 5]) -> Feed {
    let names = (1..).zip(says).map(|(n, said)| (format!("1/c{n}"), said));
    let wire = Arc::new(Said { says: names.collect(), head: world.published() });
    Feed::new(world.db.clone(), wire, witnesses(world.roster.body()), 3)
}

fn act(db: &Db) -> Result<u64, Error> {
    let (kind, level, bytes) = ("test/v1", Level::Public, b"an act".to_vec());
    let event = Event { kind, level, unit: None, bytes };
    db.write_blocking(move |tx| tx.record(event)).map(|recorded| recorded.index)
}

on_both! {
    fn t_witnesses_confirm_a_head_and_t_that_show_more_forbid_it(base: TestBase) {
        let world = World::start(base, 1, BY_TIME);
        let head = world.published();
        let compare = |says| match wait(feed(&world, says).compare(&head)) {
            Standing::Behind(witness, error) => {
                assert!(error.forbids_writing());
                Err(witness)
            }
            standing => Ok(standing),
        };
        let (confirmed, waiting) = (Ok(Standing::Confirmed), Ok(Standing::Waiting));
        for (says, expected) in [
            ([Yes; 5], confirmed.clone()),
            ([Yes, Yes, Yes, Silence, Later], confirmed.clone()),
            ([Yes, Yes, Silence, Silence, Silence], waiting.clone()),
            ([Silence; 5], waiting.clone()),
            ([Later; 5], waiting.clone()),
            // t - 1 may lie, but not while the silent could make them t.
            ([Ahead, Fork, Yes, Yes, Yes], confirmed.clone()),
            ([Yes, Ahead, Silence, Yes, Yes], confirmed.clone()),
            ([Ahead, Silence, Silence, Yes, Yes], waiting.clone()),
            ([Later, Ahead, Fork, Yes, Ahead], Err("1/c2".to_owned())),
            // Nobody is believed without its own cosignature.
            ([Claims, Borrows, Claims, Claims, Borrows], waiting.clone()),
            ([Yes, Yes, Yes, Borrows, Claims], confirmed),
        ] {
            assert_eq!(compare(says), expected, "{says:?}");
        }
    }
}

on_both! {
    fn a_platform_that_falls_behind_while_it_runs_shuts_its_door_and_answers_who_waits(base: TestBase) {
        let world = World::start(base, 1, BY_TIME);
        let sequencer = world.platform.sequencer.clone();
        let two = feed(&world, [Ahead, Fork, Yes, Claims, Silence]);
        let three = feed(&world, [Ahead, Fork, Yes, Ahead, Silence]);
        let run = |feed: Feed| {
            let published = sequencer.follow();
            wait(async { timeout(Duration::from_secs(2), feed.run(published)).await.unwrap_err() });
        };
        run(two);
        let index = act(&world.db).unwrap();
        let last = world.published().size - 1;
        let waiting = {
            let sequencer = sequencer.clone();
            std::thread::spawn(move || wait(sequencer.integrated(index)).map(drop))
        };
        run(three);
        assert_eq!(waiting.join().unwrap(), Err(Error::Shut(BEHIND)));
        assert_eq!(act(&world.db), Err(Error::Shut(BEHIND)));
        assert_eq!(wait(sequencer.tick()).map(drop), Err(Error::Shut(BEHIND)));
        wait(sequencer.integrated(last)).unwrap();
        // Only a restart opens it again.
        world.db.admit(WAITING);
        assert_eq!(act(&world.db), Err(Error::Shut(BEHIND)));
    }
}

on_both! {
    fn a_record_that_is_not_new_waits_for_t_witnesses_before_its_first_act(base: TestBase) {
        let world = World::start(base, 1, BY_TIME);
        let head = world.published();
        standing::wait_for_witnesses(&world.db, &head);
        assert_eq!(act(&world.db), Err(Error::Shut(WAITING)));
        let few = [feed(&world, [Yes, Yes, Silence, Silence, Silence])];
        assert_eq!(wait(standing::confirm(&world.db, &few, &head)), Ok(Standing::Waiting));
        assert_eq!(act(&world.db), Err(Error::Shut(WAITING)));
        assert!(world.db.read(|conn| sealbid::record::store::entry(conn, 0)).unwrap().is_some());
        let enough = [feed(&world, [Yes, Yes, Silence, Silence, Yes])];
        let confirmed = standing::until_confirmed(&world.db, &enough);
        wait(async { timeout(Duration::from_secs(9), confirmed).await.unwrap() });
        act(&world.db).unwrap();
        let behind = [feed(&world, [Ahead, Ahead, Silence, Ahead, Yes])];
        let (witness, _) = wait(standing::confirm(&world.db, &behind, &head)).unwrap_err();
        assert_eq!((witness.as_str(), act(&world.db)), ("1/c1", Err(Error::Shut(BEHIND))));
    }
}

on_both! {
    fn a_database_that_contradicts_the_record_takes_no_further_act(base: TestBase) {
        let world = World::start(base, 1, BY_TIME);
        let gone = match &world.base.url {
            sealbid::db::DatabaseUrl::Sqlite(_) => "DROP TRIGGER checkpoint_kept; DROP TRIGGER cosignature_kept",
            sealbid::db::DatabaseUrl::Postgres(_) => {
                "DROP TRIGGER checkpoint_unchanged ON checkpoint; DROP TRIGGER cosignature_unchanged ON cosignature"
            }
        };
        world.base.meddle(gone).unwrap();
        world.base.meddle("DELETE FROM cosignature; DELETE FROM checkpoint WHERE size > 0").unwrap();
        let refused = wait(world.platform.sequencer.tick()).map(drop);
        assert!(matches!(refused, Err(Error::Corrupt(_))), "{refused:?}");
        assert_eq!(act(&world.db), Err(Error::Shut(CONTRADICTED)));
    }
}

on_both! {
    fn a_real_agent_shows_what_it_cosigned_and_a_lost_tail_is_found(base: TestBase) {
        let world = World::start(base, 1, BY_TIME);
        act(&world.db).unwrap();
        world.beat();
        // The database as it was before that act: what the custodians saw since is lost.
        let size = world.published().size;
        let gone = match &world.base.url {
            sealbid::db::DatabaseUrl::Sqlite(_) => "DROP TRIGGER checkpoint_kept; DROP TRIGGER cosignature_kept",
            sealbid::db::DatabaseUrl::Postgres(_) => {
                "DROP TRIGGER checkpoint_unchanged ON checkpoint; DROP TRIGGER cosignature_unchanged ON cosignature"
            }
        };
        world.base.meddle(gone).unwrap();
        world.base.meddle(&format!("DELETE FROM cosignature WHERE size = {size}")).unwrap();
        world.base.meddle(&format!("DELETE FROM checkpoint WHERE size = {size}")).unwrap();
        let head = world.db.read(sealbid::record::store::latest_checkpoint).unwrap().unwrap();
        assert!(head.size < size);
        let standing = wait(world.feed().compare(&head));
        assert!(matches!(standing, Standing::Behind(..)), "{standing:?}");
    }
}

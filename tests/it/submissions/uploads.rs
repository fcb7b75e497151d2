//! Is an upload kept, resumed, refused and forgotten as it must be?

use super::*;

on_both! {
    fn what_is_not_sealed_as_it_must_be_is_refused_when_its_last_byte_is_in(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let bidder = s.bidder(1);
        let sealed = seal(&s, unit, bid_id(), 1, None);
        let mut longer = sealed.bid.clone();
        longer.push(0);
        let outcome = put(&s, &bidder, &longer);
        assert!(matches!(outcome, Err(Error::Profile(ProfileError::Length))), "{outcome:?}");
        let mut other = sealed.bid.clone();
        other[0] ^= 1;
        assert!(matches!(put(&s, &bidder, &other), Err(Error::Profile(_))));
        let huge = wait(upload::create(&s.p, &bidder.actor, Purpose::Bid, (1 << 20) + 1));
        assert!(matches!(huge, Err(Error::TooLarge { limit: 1_048_576 })));
        put(&s, &bidder, &sealed.bid).unwrap();
    }
}

on_both! {
    fn an_upload_is_resumed_ended_and_expires_and_is_nobody_elses(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let (bidder, rival) = (s.bidder(1), s.bidder(2));
        let sealed = seal(&s, unit, bid_id(), 1, None);
        let length = sealed.bid.len() as u64;
        let create = || wait(upload::create(&s.p, &bidder.actor, Purpose::Bid, length)).unwrap().id;
        let id = create();
        let (head, tail) = sealed.bid.split_at(100);
        let sum = Some(Hash::of(head));
        let mut append = wait(upload::append(&s.p, &bidder.actor, id, 0, sum)).unwrap();
        append.write(head).unwrap();
        assert_eq!(append.finish().unwrap(), 100);
        let foreign = wait(upload::progress(&s.p, &rival.actor, id));
        assert!(matches!(foreign, Err(Error::Auth(sealbid::auth::Refused::NotFound))));
        let progress = wait(upload::progress(&s.p, &bidder.actor, id)).unwrap();
        assert_eq!((progress.offset, progress.length), (100, length));
        assert_eq!(progress.expires_at, START.plus(KEPT_MS));
        let wrong = wait(upload::append(&s.p, &bidder.actor, id, 99, None));
        assert!(matches!(wrong.map(drop), Err(Error::Store(blob::Error::Offset { actual: 100 }))));
        let early = wait(upload::complete(&s.p, &bidder.actor, id));
        assert!(matches!(early, Err(Error::Store(blob::Error::Incomplete { .. }))));
        let mut append = wait(upload::append(&s.p, &bidder.actor, id, 100, None)).unwrap();
        append.write(tail).unwrap();
        append.finish().unwrap();
        let stored = wait(upload::complete(&s.p, &bidder.actor, id)).unwrap();
        assert_eq!(stored.sha256, Hash::of(&sealed.bid));
        assert_eq!(wait(upload::complete(&s.p, &bidder.actor, id)).unwrap(), stored, "again");
        let other = create();
        wait(upload::terminate(&s.p, &bidder.actor, other)).unwrap();
        assert!(matches!(
            wait(upload::progress(&s.p, &bidder.actor, other)),
            Err(Error::Auth(sealbid::auth::Refused::NotFound))
        ));
        assert_eq!(send(&s, &bidder, &sealed, START).unwrap().outcome, Outcome::Accepted);
        let used = wait(upload::terminate(&s.p, &bidder.actor, id));
        assert!(matches!(used, Err(Error::InUse)));
        let forgotten = create();
        s.base.clock.advance(KEPT_MS);
        assert_eq!(wait(upload::expire(&s.p)).unwrap(), 1, "the used one stays");
        assert!(matches!(s.p.blobs.progress(forgotten), Err(blob::Error::NotFound)));
        s.p.blobs.open(id).unwrap();
    }
}

/// All bytes are in, and whoever was to complete them is gone.
fn sent(s: &Stand, party: &Party, bytes: &[u8]) -> UploadId {
    let id = wait(upload::create(&s.p, &party.actor, Purpose::Bid, bytes.len() as u64)).unwrap().id;
    let mut append = wait(upload::append(&s.p, &party.actor, id, 0, None)).unwrap();
    append.write(bytes).unwrap();
    append.finish().unwrap();
    id
}

on_both! {
    fn an_upload_whose_last_byte_is_in_is_completed_by_whoever_looks_next(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        // The server died before the blob was named, or after that and before the row said so; the
        // next to look is the client that asks how far it is, or the submission itself.
        for (seed, is_named, is_asked) in
            [(1, false, false), (2, true, false), (3, false, true), (4, true, true)]
        {
            let bidder = s.bidder(seed);
            let sealed = seal(&s, unit, bid_id(), 1, None);
            let id = sent(&s, &bidder, &sealed.bid);
            if is_named {
                s.p.blobs.complete(id).unwrap();
            }
            if is_asked {
                let found = wait(upload::progress(&s.p, &bidder.actor, id)).unwrap();
                assert_eq!(found.offset, found.length);
                assert_eq!(wait(upload::complete(&s.p, &bidder.actor, id)).unwrap().sha256, Hash::of(&sealed.bid));
            }
            let answer = send(&s, &bidder, &sealed, START).unwrap();
            assert_eq!(answer.outcome, Outcome::Accepted, "{seed}");
            assert_eq!(blob_of(&s, &sealed.sha256()), id);
        }
        assert!(s.events(unit, "sealbid/refused/v1").is_empty());
    }
}

on_both! {
    fn an_upload_that_is_still_written_to_keeps_no_other_of_its_length_from_counting(base: TestBase) {
        let s = Stand::new(base);
        let (unit, bidder) = (s.open_unit(), s.bidder(1));
        let create = |length: usize| {
            wait(upload::create(&s.p, &bidder.actor, Purpose::Bid, length as u64)).unwrap().id
        };
        let sealed = seal(&s, unit, bid_id(), 1, None);
        let other = create(sealed.bid.len());
        let writer = wait(upload::append(&s.p, &bidder.actor, other, 0, None)).unwrap();
        // Nothing else is here, so it may be the one: nothing is decided yet.
        let early = send(&s, &bidder, &sealed, START);
        assert!(matches!(early, Err(Error::Store(blob::Error::Busy))), "{early:?}");
        let id = sent(&s, &bidder, &sealed.bid);
        assert_eq!(send(&s, &bidder, &sealed, START).unwrap().outcome, Outcome::Accepted);
        assert_eq!(blob_of(&s, &sealed.sha256()), id);
        drop(writer);
    }
}

on_both! {
    fn an_enterprise_has_so_much_on_the_way_and_no_more(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let (bidder, other) = (s.bidder(1), s.bidder(2));
        let create = |party: &Party, length| wait(upload::create(&s.p, &party.actor, Purpose::Bid, length));
        let quota = s.p.quota;
        let sealed = seal(&s, unit, bid_id(), 1, None);
        bid(&s, &bidder, unit);
        let begun: Vec<_> = (0..quota.uploads).map(|_| create(&bidder, 1000).unwrap().id).collect();
        let more = create(&bidder, 1000);
        assert!(matches!(more, Err(Error::Quota { count: 20, bytes: 20_000 })), "{more:?}");
        create(&other, 1000).unwrap();
        // What a custodian was lodged comes in all the same.
        wait(upload::create_lodged(&s.p, &bidder.actor, sealed.bid.len() as u64)).unwrap();
        for id in begun {
            wait(upload::terminate(&s.p, &bidder.actor, id)).unwrap();
        }
        for _ in 0..19 {
            create(&bidder, 1 << 20).unwrap();
        }
        let more = create(&bidder, 1 << 20);
        assert!(matches!(more, Err(Error::Quota { count: 20, .. })), "{more:?}");
    }
}

on_both! {
    fn no_file_stays_that_no_row_names(base: TestBase) {
        let s = Stand::new(base);
        let bidder = s.bidder(1);
        let id = wait(upload::create(&s.p, &bidder.actor, Purpose::Bid, 10)).unwrap().id;
        // Ended while a writer holds it: gone for everybody, and the sweep takes the file.
        let writer = wait(upload::append(&s.p, &bidder.actor, id, 0, None)).unwrap();
        wait(upload::terminate(&s.p, &bidder.actor, id)).unwrap();
        let ended = wait(upload::progress(&s.p, &bidder.actor, id));
        assert!(matches!(ended, Err(Error::Auth(sealbid::auth::Refused::NotFound))), "{ended:?}");
        assert!(s.p.blobs.progress(id).is_ok(), "the writer holds it still");
        drop(writer);
        assert_eq!(wait(upload::expire(&s.p)).unwrap(), 1);
        assert!(matches!(s.p.blobs.progress(id), Err(blob::Error::NotFound)));
        assert_eq!(wait(upload::expire(&s.p)).unwrap(), 0);
        // A database from a backup knows nothing of it.
        let unknown = UploadId::random(&SystemEntropy::new()).unwrap();
        s.p.blobs.create(unknown, 10, START).unwrap();
        let known = wait(upload::create(&s.p, &bidder.actor, Purpose::Bid, 10)).unwrap().id;
        assert_eq!(wait(upload::sweep_unknown(&s.p)).unwrap(), 0, "not before its time");
        s.base.clock.advance(KEPT_MS + 1);
        assert_eq!(wait(upload::sweep_unknown(&s.p)).unwrap(), 1);
        assert!(matches!(s.p.blobs.progress(unknown), Err(blob::Error::NotFound)));
        assert!(s.p.blobs.progress(known).is_ok());
    }
}

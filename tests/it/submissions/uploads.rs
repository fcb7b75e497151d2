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
        let create = || wait(upload::create(&s.p, &bidder.actor, Purpose::Bid, length)).unwrap();
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
            Err(Error::NotFound)
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

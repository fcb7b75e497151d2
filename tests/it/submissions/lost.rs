//! Is no bid acknowledged whose envelope the platform lost after its upload?

use std::fs;
use std::path::PathBuf;

use super::*;

fn file_of(s: &Stand, upload: UploadId) -> PathBuf {
    s.files().join("blobs").join(upload.to_string())
}

/// The refusal that says whose fault it was.
fn lost(s: &Stand, bidder: &Party, sealed: &Sealed) -> u64 {
    let answer = send(s, bidder, sealed, START).unwrap();
    assert_eq!(refusal(&answer), Refused::EnvelopeLost);
    if let Some((_, event)) = &answer.fresh {
        let read: BidEvent = serde_json::from_slice(event).unwrap();
        assert_eq!(
            read,
            BidEvent::Refused {
                arrived_at: START,
                code: "envelope-lost".to_owned(),
                fault: Fault::Platform,
                provisional: false,
                statement: sealed.note(bidder),
                unit_id: sealed.manifest.unit_id,
            }
        );
    }
    answer.index
}

on_both! {
    fn a_bid_whose_uploaded_envelope_is_gone_is_refused_and_may_be_brought_again(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        // The file is deleted, cut, or longer.
        let losses: [fn(&std::path::Path); 3] = [
            |file| fs::remove_file(file).unwrap(),
            |file| fs::File::options().write(true).open(file).unwrap().set_len(17).unwrap(),
            |file| fs::File::options().write(true).open(file).unwrap().set_len(1 << 20).unwrap(),
        ];
        for (seed, lose) in (1..).zip(losses) {
            let bidder = s.bidder(seed);
            let sealed = seal(&s, unit, bid_id(), 1, None);
            let id = put(&s, &bidder, &sealed.bid).unwrap();
            lose(&file_of(&s, id));
            let asked = wait(upload::progress(&s.p, &bidder.actor, id));
            let is_gone = matches!(asked, Err(Error::NotFound | Error::Store(blob::Error::NotFound)));
            assert!(is_gone, "whoever asks begins anew: {asked:?}");
            let index = lost(&s, &bidder, &sealed);
            assert_eq!(lost(&s, &bidder, &sealed), index, "a repeat is answered alike");
            let over = wait(upload::progress(&s.p, &bidder.actor, id));
            assert!(matches!(over, Err(Error::Auth(sealbid::auth::Refused::NotFound))), "{over:?}");
            put(&s, &bidder, &sealed.bid).unwrap();
            assert_eq!(send(&s, &bidder, &sealed, START).unwrap().outcome, Outcome::Accepted);
            wait(upload::expire(&s.p)).unwrap();
            assert!(!file_of(&s, id).exists(), "nothing of the lost one stays");
        }
        assert_eq!(states(&s), ["live"; 3]);
        assert_eq!(s.events(unit, "sealbid/refused/v1").len(), 3);
    }
}

on_both! {
    fn of_two_uploads_of_an_envelope_the_one_that_is_there_is_taken(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let bidder = s.bidder(1);
        let sealed = seal(&s, unit, bid_id(), 1, None);
        let mut sent = [(); 2].map(|()| put(&s, &bidder, &sealed.bid).unwrap());
        sent.sort_unstable_by_key(UploadId::to_string);
        // The one that would be taken if both were there.
        fs::remove_file(file_of(&s, sent[0])).unwrap();
        assert_eq!(send(&s, &bidder, &sealed, START).unwrap().outcome, Outcome::Accepted);
        assert_eq!(blob_of(&s, &sealed.sha256()), sent[1]);
        assert!(s.events(unit, "sealbid/refused/v1").is_empty());
    }
}

on_both! {
    fn a_store_that_fails_refuses_nobody(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let bidder = s.bidder(1);
        let sealed = seal(&s, unit, bid_id(), 1, None);
        let id = put(&s, &bidder, &sealed.bid).unwrap();
        let (blobs, away) = (s.files().join("blobs"), s.files().join("away"));
        // No folder any more where it was, and neither is it gone.
        fs::rename(&blobs, &away).unwrap();
        fs::write(&blobs, "").unwrap();
        let failed = send(&s, &bidder, &sealed, START);
        assert!(matches!(failed, Err(Error::Store(blob::Error::Io(_)))), "{failed:?}");
        fs::remove_file(&blobs).unwrap();
        fs::rename(&away, &blobs).unwrap();
        assert_eq!(send(&s, &bidder, &sealed, START).unwrap().outcome, Outcome::Accepted);
        assert_eq!(blob_of(&s, &sealed.sha256()), id);
        assert!(s.events(unit, "sealbid/refused/v1").is_empty());
    }
}

//! Does a notice name exactly the documents that are published and the law that judged?

use std::sync::{Arc, Mutex};

use sealbid::auth::Actor;
use sealbid::bid::upload::{self, Purpose};
use sealbid::clock::Time;
use sealbid::crypto::hash::Hash;
use sealbid::ids::{TenderId, UploadId};
use sealbid::opening::rules::UnitState;
use sealbid::opening::statements::{LapseReason, OpeningEvent};
use sealbid::rulepack::outage::Window;
use sealbid::tender::publish::Adopted;
use sealbid::tender::rules::{Dates, Law, MAX_DOCUMENTS, Unlawful};
use sealbid::tender::store::State;
use sealbid::tender::{Error, Platform, Refused, documents};

use crate::on_both;
use crate::stand::{Stand, plan, refused};
use crate::support::wait;

/// A complete upload of the buyer.
fn sent(s: &Stand, bytes: &[u8]) -> UploadId {
    let (buyer, length) = (&s.buyer.actor, bytes.len() as u64);
    let blob = wait(upload::create(&s.p, buyer, Purpose::Document, length)).unwrap().id;
    let mut append = wait(upload::append(&s.p, buyer, blob, 0, None)).unwrap();
    append.write(bytes).unwrap();
    append.finish().unwrap();
    wait(upload::complete(&s.p, buyer, blob)).unwrap();
    blob
}

on_both! {
    fn a_tender_has_so_many_documents(base: TestBase) {
        let s = Stand::new(base);
        let id = s.draft(plan(1)).unwrap();
        let add = |bytes: &[u8], name: &str| {
            let blob = sent(&s, bytes);
            wait(documents::add(&s.p, &s.buyer.actor, id, name.to_owned(), blob))
        };
        let first = add(b"first", "first.pdf").unwrap();
        let rest = MAX_DOCUMENTS - 1;
        let copy = format!(
            "INSERT INTO document WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n \
             WHERE i < {rest}) SELECT {ID}, tender, i, 'n' || i, sha256, size, blob FROM n, document"
        );
        s.base.meddle(&copy).unwrap();
        add(b"last", "last.pdf").unwrap();
        assert_eq!(refused(add(b"one more", "more.pdf")), Refused::ManyDocuments);
        assert_eq!(add(b"first", "first.pdf").unwrap(), first, "sent again, it is there");
    }
}

/// SQL for an identifier of each row.
const ID: &str =
    "'doc_' || substr('00000000000000000000000000000000' || i, length('' || i) + 1, 32)";

on_both! {
    fn tender_documents_are_the_buyers_until_published_and_then_everybodys(base: TestBase) {
        let s = Stand::new(base);
        let id = s.draft(plan(1)).unwrap();
        let buyer = &s.buyer.actor;
        let text = b"terms of reference";
        let length = text.len() as u64;
        let blob = wait(upload::create(&s.p, buyer, Purpose::Document, length)).unwrap().id;
        let early = wait(documents::add(&s.p, buyer, id, "terms.pdf".to_owned(), blob));
        assert_eq!(refused(early), Refused::Upload);
        let mut append = wait(upload::append(&s.p, buyer, blob, 0, None)).unwrap();
        append.write(text).unwrap();
        append.finish().unwrap();
        wait(upload::complete(&s.p, buyer, blob)).unwrap();
        let bad = wait(documents::add(&s.p, buyer, id, "../terms".to_owned(), blob));
        assert!(matches!(refused(bad), Refused::Notice(_)));
        let named = wait(documents::add(&s.p, buyer, id, "terms.pdf".to_owned(), blob)).unwrap();
        assert_eq!((named.sha256, named.size), (Hash::of(text), length));
        let twice = wait(documents::add(&s.p, buyer, id, "terms.pdf".to_owned(), blob));
        assert_eq!(refused(twice), Refused::Upload);
        let open = |actor: &Actor| wait(documents::open(&s.p, actor, named.document));
        assert!(matches!(open(&Actor::Public), Err(Error::Refused(Refused::NotFound))));
        let asked = s.publish(id, s.signed(id).1).unwrap();
        for custodian in 0..5 {
            s.adopt(&asked[0], custodian).unwrap();
        }
        let (found, mut file) = open(&Actor::Public).unwrap();
        let mut read = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut read).unwrap();
        assert_eq!((found, read.as_slice()), (named, text.as_slice()));
    }
}

/// A law that is another one, or that while it judges has something else happen.
struct Other {
    sha256: Hash,
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    law: Arc<dyn Law>,
}

impl Law for Other {
    fn sha256(&self) -> Hash {
        self.sha256
    }

    fn judge(&self, dates: &Dates) -> Result<(), Unlawful> {
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            std::thread::spawn(meanwhile).join().unwrap();
        }
        self.law.judge(dates)
    }

    fn judge_change(&self, asked_at: Time, deadline: Time) -> Result<(), Unlawful> {
        self.law.judge_change(asked_at, deadline)
    }

    fn after_outage(
        &self,
        deadline: Time,
        open_at: Time,
        outage: Window,
    ) -> Result<Option<(Time, Time)>, Unlawful> {
        self.law.after_outage(deadline, open_at, outage)
    }
}

fn adds(p: &Platform, buyer: &Actor, id: TenderId, blob: UploadId) -> impl FnOnce() + Send + use<> {
    let (p, buyer) = (p.clone(), buyer.clone());
    move || drop(wait(documents::add(&p, &buyer, id, "late.pdf".to_owned(), blob)).unwrap())
}

on_both! {
    fn a_document_added_while_the_tender_is_published_is_in_its_notice_or_not_there(base: TestBase) {
        let mut s = Stand::new(base);
        let id = s.draft(plan(1)).unwrap();
        let (blob, publication) = (sent(&s, b"late"), s.signed(id).1);
        let meanwhile = adds(&s.p, &s.buyer.actor, id, blob);
        let law = Arc::clone(&s.p.law);
        let meanwhile = Mutex::new(Some(Box::new(meanwhile) as _));
        s.p.law = Arc::new(Other { sha256: law.sha256(), meanwhile, law });
        let raced = s.publish(id, publication);
        assert!(matches!(raced, Err(Error::Db(sealbid::db::Error::Conflict(_)))), "{raced:?}");
        assert_eq!(s.tender(id).state, State::Draft, "and its buyer signs again, with the document");
        let again = s.signed(id).1;
        assert!(again.notice.contains("late.pdf"));
        s.publish(id, again).unwrap();
    }
}

on_both! {
    fn the_rules_that_judge_are_the_ones_that_the_notice_names(base: TestBase) {
        let mut s = Stand::new(base);
        let id = s.draft(plan(1)).unwrap();
        let under_the_old = s.signed(id).1;
        let (old, meanwhile) = (Arc::clone(&s.p.law), || Mutex::new(None));
        let new = |text: &[u8]| {
            let (sha256, law) = (Hash::of(text), Arc::clone(&old));
            Arc::new(Other { sha256, meanwhile: meanwhile(), law })
        };
        s.p.law = new(b"the next pack");
        let raced = s.publish(id, under_the_old);
        assert!(matches!(refused(raced), Refused::Notice(_)));
        let asked = s.publish(id, s.signed(id).1).unwrap();
        for custodian in 0..4 {
            s.adopt(&asked[0], custodian).unwrap();
        }
        s.p.law = new(b"and one more");
        assert_eq!(s.adopt(&asked[0], 4).unwrap(), Adopted::Lapsed);
        assert_eq!(s.unit(asked[0].unit_id).state, UnitState::Lapsed);
        let lapsed = s.events(asked[0].unit_id, "sealbid/lapsed/v1");
        let event: OpeningEvent = serde_json::from_str(&lapsed[0]).unwrap();
        let OpeningEvent::Lapsed { reason, .. } = event else { panic!("{event:?}") };
        assert_eq!(reason, LapseReason::OtherRules);
        assert_eq!(s.tender(id).state, State::Draft);
    }
}

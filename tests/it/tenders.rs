//! Does a tender take effect only when everybody has signed, and do its deadlines move only later?

use sealbid::auth::Actor;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::{Body, Statement};
use sealbid::ids::EnterpriseId;
use sealbid::opening::rules::UnitState;
use sealbid::opening::statements::{LapseReason, OpeningEvent, Void, VoidReason};
use sealbid::record::store as record;
use sealbid::tender::amend;
use sealbid::tender::lapse::lapse_due;
use sealbid::tender::outage::{DOWN_MS, beat};
use sealbid::tender::publish::{Adopted, Publication, publish};
use sealbid::tender::rules::{DAY_MS, MAX_DRAFTS};
use sealbid::tender::statements::{Amendment, Notice, Outage, Stage, Unit};
use sealbid::tender::store::State;
use sealbid::tender::{Error, Refused};

use crate::on_both;
use crate::support::{START, wait};

use crate::stand::{DEADLINE, PERIOD, Party, Stand, operator_key, plan, refused, stage};

on_both! {
    fn a_tender_takes_effect_when_every_custodian_has_signed_every_unit(base: TestBase) {
        let s = Stand::new(base);
        let id = s.draft(plan(2)).unwrap();
        let asked = s.publish(id, s.signed(id).1).unwrap();
        assert_eq!(asked.len(), 2);
        for custodian in 0..5 {
            assert_eq!(s.adopt(&asked[0], custodian).unwrap(), Adopted::Waiting);
        }
        assert_eq!(s.unit(asked[0].unit_id).state, UnitState::Proposed);
        for custodian in [4, 3, 2, 1] {
            assert_eq!(s.adopt(&asked[1], custodian).unwrap(), Adopted::Waiting);
        }
        assert_eq!(s.tender(id).state, State::Proposed);
        let Adopted::Effective(index) = s.adopt(&asked[1], 0).unwrap() else { panic!("waits") };
        // Asked again, the answer is the same.
        assert_eq!(s.adopt(&asked[1], 0).unwrap(), Adopted::Effective(index));
        let published = s.tender(id);
        assert_eq!(published.state, State::Published);
        for asked in &asked {
            let row = s.unit(asked.unit_id);
            assert_eq!(row.state, UnitState::Open);
            let effective = s.events(asked.unit_id, Unit::TYPE);
            assert_eq!(effective, [row.unit.encode()]);
            let keys = s.p.roster().statement_keys();
            assert_eq!(row.unit.note().count(&keys).unwrap(), 5);
            // The one order: the procuring entity, the platform, the roster.
            let mut all = vec![s.buyer.key.verifying().clone(), s.p.key.verifying().clone()];
            all.extend(keys);
            assert_eq!(row.unit.note().ordered(&all), *row.unit.note());
        }
        let notice = published.notice_index.unwrap();
        let entry = s.p.db.read(|conn| record::entry(conn, notice)).unwrap().unwrap();
        assert_eq!(entry.kind, Notice::TYPE);
    }
}

on_both! {
    fn a_buyer_makes_so_many_drafts_a_day(base: TestBase) {
        let s = Stand::new(base);
        for _ in 0..MAX_DRAFTS {
            s.draft(plan(1)).unwrap();
        }
        assert_eq!(refused(s.draft(plan(1))), Refused::ManyDrafts);
        s.base.clock.advance(DAY_MS - 1);
        assert_eq!(refused(s.draft(plan(1))), Refused::ManyDrafts, "the day is not over");
        s.base.clock.advance(1);
        s.draft(plan(1)).unwrap();
    }
}

on_both! {
    fn a_unit_is_on_the_record_before_any_custodian_is_asked(base: TestBase) {
        let s = Stand::new(base);
        let id = s.draft(plan(1)).unwrap();
        let asked = s.publish(id, s.signed(id).1).unwrap();
        let entry = |index| s.p.db.read(|conn| record::entry(conn, index)).unwrap().unwrap();
        let proposed = entry(asked[0].proposed_index);
        let event: OpeningEvent = serde_json::from_slice(&proposed.event).unwrap();
        let OpeningEvent::Proposed { statement, unit_id, .. } = event else { panic!("{event:?}") };
        assert_eq!((statement, unit_id), (asked[0].note.clone(), asked[0].unit_id));
        wait(s.p.sequencer.tick()).unwrap();
        let receipt = wait(s.p.receipt(asked[0].proposed_index)).unwrap();
        receipt.verify(&s.p.roster().log_key, &s.p.roster().witness_keys()).unwrap();
        assert_eq!(receipt.event, proposed.event);
        assert!(s.events(asked[0].unit_id, Unit::TYPE).is_empty());
    }
}

on_both! {
    fn a_unit_whose_custodians_are_silent_for_an_hour_lapses_and_frees_its_tender(base: TestBase) {
        let s = Stand::new(base);
        let id = s.draft(plan(2)).unwrap();
        let asked = s.publish(id, s.signed(id).1).unwrap();
        s.adopt(&asked[0], 0).unwrap();
        s.base.clock.advance(3_600_000 - 1);
        assert!(wait(lapse_due(&s.p)).unwrap().is_empty());
        s.base.clock.advance(1);
        assert_eq!(wait(lapse_due(&s.p)).unwrap().len(), 2);
        assert!(wait(lapse_due(&s.p)).unwrap().is_empty(), "once");
        assert_eq!(s.events(asked[1].unit_id, "sealbid/lapsed/v1").len(), 1);
        assert_eq!(refused(s.adopt(&asked[0], 1)), Refused::OutOfOrder);
        assert_eq!(s.tender(id).state, State::Draft);
        assert_eq!(s.publish(id, s.signed(id).1).unwrap().len(), 2, "again, with other units");
    }
}

on_both! {
    fn dates_are_judged_when_the_last_signature_makes_them_hold(base: TestBase) {
        let s = Stand::new(base);
        let id = s.draft(plan(2)).unwrap();
        s.base.clock.set(DEADLINE.plus(-PERIOD - 1_800_000));
        let asked = s.publish(id, s.signed(id).1).unwrap();
        for custodian in 0..5 {
            s.adopt(&asked[0], custodian).unwrap();
        }
        for custodian in 0..4 {
            s.adopt(&asked[1], custodian).unwrap();
        }
        // The last custodian took half an hour and a millisecond: bidders would have less than is due.
        s.base.clock.advance(1_800_001);
        assert_eq!(s.adopt(&asked[1], 4).unwrap(), Adopted::Lapsed);
        assert_eq!(s.tender(id).state, State::Draft);
        for asked in &asked {
            assert_eq!(s.unit(asked.unit_id).state, UnitState::Lapsed);
            let lapsed = s.events(asked.unit_id, "sealbid/lapsed/v1");
            let event: OpeningEvent = serde_json::from_str(&lapsed[0]).unwrap();
            let OpeningEvent::Lapsed { reason, .. } = event else { panic!("{event:?}") };
            assert_eq!(reason, LapseReason::Unlawful { rule: "issue_to_deadline".to_owned() });
        }
        assert_eq!(refused(s.adopt(&asked[1], 4)), Refused::OutOfOrder);
        assert!(s.events(asked[0].unit_id, Unit::TYPE).is_empty());
    }
}

on_both! {
    fn a_unit_that_is_signed_just_in_time_takes_effect(base: TestBase) {
        let s = Stand::new(base);
        let id = s.draft(plan(1)).unwrap();
        s.base.clock.set(DEADLINE.plus(-PERIOD - 1_000));
        let asked = s.publish(id, s.signed(id).1).unwrap();
        s.base.clock.advance(1_000);
        for custodian in 0..4 {
            assert_eq!(s.adopt(&asked[0], custodian).unwrap(), Adopted::Waiting);
        }
        assert!(matches!(s.adopt(&asked[0], 4).unwrap(), Adopted::Effective(_)));
    }
}

on_both! {
    fn a_postponement_keeps_the_rule_of_the_opening(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let postpone = |open_at| {
            let body = Amendment { open_at, ..s.amendment(unit, 5_000) };
            wait(amend::postpone(&s.p, &s.buyer.actor, &s.sign(body)))
        };
        let later = DEADLINE.plus(5_000);
        let broken = refused(postpone(later.plus(604_800_000)));
        assert!(matches!(broken, Refused::Unlawful(u) if u.rule == "opening"));
        assert!(s.unit(unit).pending.is_none());
        assert!(s.events(unit, "sealbid/proposed/v1").len() == 1, "the unit's own");
        postpone(later).unwrap();
        assert!(s.unit(unit).pending.is_some());
    }
}

on_both! {
    fn what_differs_from_the_draft_is_not_published(base: TestBase) {
        let s = Stand::new(base);
        let id = s.draft(plan(1)).unwrap();
        let (units, right) = s.signed(id);
        let with = |change: &dyn Fn(&mut Unit)| {
            let mut unit = units[0].clone();
            change(&mut unit);
            let publication = Publication { units: vec![s.sign(unit)], ..right.clone() };
            refused(s.publish(id, publication))
        };
        assert!(matches!(with(&|u| u.deadline = DEADLINE.plus(1)), Refused::Unit(_)));
        assert!(matches!(with(&|u| u.t = 2), Refused::Unit(_)));
        assert!(matches!(with(&|u| u.recipients.swap(0, 1)), Refused::Unit(_)));
        assert!(matches!(with(&|u| drop(u.recipients.pop())), Refused::Unit(_)));
        let twice = |u: &mut Unit| u.recipients[1].recipient = u.recipients[0].recipient.clone();
        assert!(matches!(with(&twice), Refused::Unit(_)));
        assert_eq!(with(&|u| u.issued_at = START.plus(-3_600_000)), Refused::Stale);
        assert!(matches!(with(&|u| u.nonce = Hash::of(b"other")), Refused::Notice(_)));
        let by_another = Statement::signed(units[0].clone(), &s.custodians[0]).unwrap().encode();
        let forged = Publication { units: vec![by_another], ..right.clone() };
        assert_eq!(refused(s.publish(id, forged)), Refused::Signature);
        let other = Actor::Buyer(EnterpriseId::random(s.p.db.entropy()).unwrap());
        let stolen = wait(publish(&s.p, &other, id, right.clone()));
        assert!(matches!(stolen, Err(Error::Refused(Refused::NotFound))));
        s.publish(id, right).unwrap();
    }
}

on_both! {
    fn a_tender_that_breaks_the_rule_pack_is_not_published(base: TestBase) {
        let s = Stand::new(base);
        let mut one = plan(1);
        one.lots[0].stages[0].min = 1;
        let id = s.draft(one).unwrap();
        let broken = refused(s.publish(id, s.signed(id).1));
        assert!(matches!(broken, Refused::Unlawful(u) if u.rule == "min_bidders"));
        assert_eq!(s.tender(id).state, State::Draft);
    }
}

on_both! {
    fn a_plan_that_contradicts_itself_is_no_draft(base: TestBase) {
        let s = Stand::new(base);
        let mut early = plan(1);
        early.lots[0].stages[0].open_at = DEADLINE.plus(-1);
        assert!(matches!(refused(s.draft(early)), Refused::Plan(_)));
        let mut half = plan(1);
        half.lots[0].stages = vec![stage(Stage::Technical)];
        assert!(matches!(refused(s.draft(half)), Refused::Plan(_)));
        assert!(matches!(refused(s.draft(plan(0))), Refused::Plan(_)));
        let mut two = plan(1);
        two.lots[0].stages = vec![stage(Stage::Technical), stage(Stage::Commercial)];
        s.draft(two).unwrap();
    }
}

on_both! {
    fn a_postponement_holds_with_the_qth_signature_and_not_before(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let asked = s.postpone(unit, 5000);
        assert_eq!(s.postpone(unit, 5000), asked, "resent byte by byte");
        let note = s.sign(s.amendment(unit, 6000));
        let other = wait(amend::postpone(&s.p, &s.buyer.actor, &note));
        assert_eq!(refused(other), Refused::Pending);
        for custodian in [4, 2, 0] {
            assert_eq!(s.adopt_amendment(&asked, custodian).unwrap(), Adopted::Waiting);
            // The same custodian twice is still one.
            assert_eq!(s.adopt_amendment(&asked, custodian).unwrap(), Adopted::Waiting);
        }
        assert_eq!(s.unit(unit).terms.deadline, DEADLINE);
        assert!(matches!(s.adopt_amendment(&asked, 1).unwrap(), Adopted::Effective(_)));
        let row = s.unit(unit);
        assert_eq!((row.terms.deadline, row.amendment_no), (DEADLINE.plus(5000), 1));
        assert!(row.pending.is_none());
        let [effective] = &s.events(unit, Amendment::TYPE)[..] else { panic!("one") };
        let effective = Statement::<Amendment>::parse(effective.as_bytes()).unwrap();
        assert_eq!(effective.sha256(), row.last_sha256);
        assert_eq!(effective.note().signatures().len(), 6);
        let second = s.postpone(unit, 1000);
        assert_ne!(second, asked);
    }
}

on_both! {
    fn a_unit_is_amended_and_cancelled_by_its_own_key_or_one_that_took_over_and_no_other(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let usurper = s.usurped(&s.buyer, 99);
        let body = s.amendment(unit, 5000);
        let note = Statement::signed(body, &usurper.key).unwrap().encode();
        let postponed = wait(amend::postpone(&s.p, &usurper.actor, &note));
        assert_eq!(refused(postponed), Refused::OtherKey);
        let void = |party: &Party| {
            let reason = VoidReason::Cancelled;
            let body = Void { close_sha256: None, fault: None, reason, unit_id: unit };
            let note = Statement::signed(body, &party.key).unwrap().encode();
            wait(amend::cancel(&s.p, &party.actor, &note))
        };
        assert_eq!(refused(void(&usurper)), Refused::OtherKey);
        assert_eq!(s.unit(unit).state, UnitState::Open);
    }
}

on_both! {
    fn a_rotated_key_amends_and_cancels_what_the_one_before_it_published(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let buyer = s.rotated(&s.buyer, 99);
        let note = Statement::signed(s.amendment(unit, 5000), &buyer.key).unwrap().encode();
        wait(amend::postpone(&s.p, &buyer.actor, &note)).unwrap();
        let other = VoidReason::Cancelled;
        let body = Void { close_sha256: None, fault: None, reason: other, unit_id: unit };
        let note = Statement::signed(body, &buyer.key).unwrap().encode();
        wait(amend::cancel(&s.p, &buyer.actor, &note)).unwrap();
        assert_eq!(s.unit(unit).state, UnitState::Void);
    }
}

on_both! {
    fn an_amendment_moves_no_time_earlier_and_comes_before_the_deadline(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let ask = |later| {
            let note = s.sign(s.amendment(unit, later));
            refused(wait(amend::postpone(&s.p, &s.buyer.actor, &note)))
        };
        assert!(matches!(ask(0), Refused::Amendment(_)));
        assert!(matches!(ask(-1), Refused::Amendment(_)));
        s.base.clock.set(DEADLINE);
        assert_eq!(ask(5000), Refused::Late);
        let outage = |actor| {
            let prev_sha256 = s.unit(unit).last_sha256;
            let body = Outage { prev_sha256, text: "power".to_owned(), unit_id: unit };
            let note = Statement::signed(body, &operator_key()).unwrap().encode();
            wait(amend::outage(&s.p, actor, &note))
        };
        assert!(matches!(outage(&s.buyer.actor), Err(Error::Auth(_))));
        let operator = Actor::Operator("op".to_owned());
        assert_eq!(refused(outage(&operator)), Refused::NoOutage, "nothing was measured");
        let body = Outage { prev_sha256: s.unit(unit).last_sha256, text: "x".into(), unit_id: unit };
        let forged = Statement::signed(body, &s.buyer.key).unwrap().encode();
        let forged = wait(amend::outage(&s.p, &operator, &forged));
        assert_eq!(refused(forged), Refused::Signature, "a session is nobody's word");
        s.base.clock.set(DEADLINE.plus(-10));
        wait(beat(&s.p)).unwrap();
        s.base.clock.set(DEADLINE.plus(DOWN_MS));
        wait(beat(&s.p)).unwrap();
        let asked = outage(&operator).unwrap();
        assert_eq!(outage(&operator).unwrap(), asked, "resent byte by byte");
        for custodian in 0..4 {
            s.adopt_amendment(&asked, custodian).unwrap();
        }
        assert_eq!(s.unit(unit).terms.deadline, DEADLINE.plus(DOWN_MS + 7000));
        assert_eq!(refused(outage(&operator)), Refused::NoOutage, "an outage counts once");
    }
}

on_both! {
    fn a_cancelled_unit_is_void_by_its_buyers_word_alone(base: TestBase) {
        let s = Stand::new(base);
        let unit_id = s.open_unit();
        let reason = VoidReason::Cancelled;
        let void = Void { close_sha256: None, fault: None, reason, unit_id };
        let forged = Statement::signed(void.clone(), &s.custodians[0]).unwrap().encode();
        let outcome = wait(amend::cancel(&s.p, &s.buyer.actor, &forged));
        assert_eq!(refused(outcome), Refused::Signature);
        let note = s.sign(void);
        let index = wait(amend::cancel(&s.p, &s.buyer.actor, &note)).unwrap();
        assert_eq!(s.unit(unit_id).state, UnitState::Void);
        let again = wait(amend::cancel(&s.p, &s.buyer.actor, &note)).unwrap();
        assert_eq!(again, index, "the same word again is answered as before");
        assert_eq!(s.events(unit_id, Void::TYPE).len(), 1);
    }
}

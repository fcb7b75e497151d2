//! Is every bid of a crowd answered, and one sent by a crowd answered once?

use super::*;

on_both! {
    fn two_hundred_bids_at_once_are_all_in_and_each_has_its_own_entry(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let ready: Vec<_> = (0..200_u8)
            .map(|seed| {
                let bidder = s.bidder(seed);
                let sealed = seal(&s, unit, bid_id(), 1, None);
                put(&s, &bidder, &sealed.bid).unwrap();
                let submission = submission(&bidder, &sealed, DEADLINE.plus(-1));
                (bidder, submission)
            })
            .collect();
        let p = Arc::new(s.p.clone());
        let mut indices: Vec<u64> = runtime().block_on(async {
            let acts: Vec<_> = ready
                .into_iter()
                .map(|(bidder, submission)| {
                    let p = p.clone();
                    tokio::spawn(async move { submit(&p, &bidder.actor, submission).await })
                })
                .collect();
            let mut indices = Vec::new();
            for act in acts {
                let answer = act.await.unwrap().unwrap();
                assert_eq!(answer.outcome, Outcome::Accepted);
                indices.push(answer.index);
            }
            indices
        });
        indices.sort_unstable();
        indices.dedup();
        assert_eq!(indices.len(), 200);
        assert_eq!(states(&s), vec!["live"; 200]);
        assert_eq!(s.events(unit, "sealbid/accepted/v1").len(), 200);
    }
}

on_both! {
    fn one_manifest_sent_many_times_at_once_is_one_entry(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let bidder = s.bidder(1);
        let sealed = seal(&s, unit, bid_id(), 1, None);
        put(&s, &bidder, &sealed.bid).unwrap();
        let indices: Vec<u64> = runtime().block_on(async {
            let acts: Vec<_> = (0..20)
                .map(|_| {
                    let (p, actor) = (s.p.clone(), bidder.actor.clone());
                    let submission = submission(&bidder, &sealed, START);
                    tokio::spawn(async move { submit(&p, &actor, submission).await })
                })
                .collect();
            let mut indices = Vec::new();
            for act in acts {
                indices.push(act.await.unwrap().unwrap().index);
            }
            indices
        });
        assert!(indices.iter().all(|index| *index == indices[0]), "{indices:?}");
        assert_eq!(states(&s), ["live"]);
    }
}

//! Bidders challenge a close with what they hold, and the platform answers from the record.

use sealbid::crypto::statement::Statement;
use sealbid::custodian::wire::{
    Account, AskAnswer, AskChallenge, AskChallenges, AskWindow, BroughtChallenge, Shown,
};
use sealbid::ids::UnitId;
use sealbid::opening::rules::UnitState;
use sealbid::opening::rules::challenge::{Keys, denies, is_in_time, told};
use sealbid::opening::statements::{Challenged, Query, QueryAbout, Verdict};
use sealbid::record::disclosure::Level;

use super::World;
use super::agents::{Reply, Request};
use super::faults::Rule;
use super::platform::Row;
use super::record::NotRecorded;

type Done = Result<(), NotRecorded>;

impl World {
    /// Receipts of one bid: what its bidder holds, as far as it shows them.
    pub fn account(&self, row: &Row, index: u64, whole: bool) -> Account {
        let bid = row.accepted.iter().find(|bid| bid.index == index).unwrap();
        let body = self.bidders.iter().find(|body| body.id == bid.bidder).unwrap();
        let later = bid.out.filter(|_| whole);
        Account {
            accepted: self.record.latest_receipt(index).encode(),
            credentials: later.map(|_| body.credentials()).unwrap_or_default(),
            later: later.map(|later| self.record.latest_receipt(later).encode()),
        }
    }

    /// What became of the bids of a unit that were lodged with anybody.
    pub fn accounts(&self, id: UnitId) -> Vec<Account> {
        let row = self.row(&id);
        let of =
            |bid: &&super::platform::Accepted| self.lodged.contains(&(id, bid.manifest.sha256()));
        row.accepted.iter().filter(of).map(|bid| self.account(row, bid.index, true)).collect()
    }

    /// A bidder shows an agent its first bid; and the platform what came of it, or nobody.
    pub fn challenge(
        &mut self,
        (bidder, unit, agent): (u8, u8, usize),
        whole: bool,
        is_told: bool,
    ) -> Done {
        let (Some(id), Some(body)) = (self.unit(unit), self.bidders.get(usize::from(bidder)))
        else {
            return Ok(());
        };
        let (row, me) = (self.row(&id), body.id);
        let bid = row.accepted.iter().find(|bid| bid.bidder == me);
        let (Some((_, close)), Some(bid)) = (&row.closed, bid) else { return Ok(()) };
        let account = self.account(row, bid.index, whole);
        let (close, unit) = (close.encode(), row.unit.encode());
        let account = Shown::from(account);
        let request = Request::Challenge(AskChallenge { account: account.clone(), close, unit });
        let Some(Reply::Note(note)) = self.ask(agent, &request) else { return Ok(()) };
        if is_told { self.take_challenge(id, &account, &note.encode()) } else { Ok(()) }
    }

    fn keys_of_receipts(&self) -> Keys<'_> {
        let (first, roster) = (&self.agents.roster, self.agents.roster.body());
        Keys { roster, first, log: vec![&roster.log_key] }
    }

    /// A finding counts with its receipts, and an answered one is not opened again.
    fn take_challenge(&mut self, id: UnitId, account: &Shown, note: &str) -> Done {
        let found = Statement::<Challenged>::parse(note.as_bytes()).unwrap();
        let (body, row) = (found.body(), self.row(&id));
        let key = (body.custodian.clone(), body.line);
        let known = row.challenges.get(&key).map(|known| known.body().verdict);
        let (_, close) = row.closed.as_ref().unwrap();
        let counts = match body.verdict {
            Verdict::Open => {
                let against = (close.body(), row.terms.deadline);
                denies(&self.keys_of_receipts(), account, against, body.line)
            }
            Verdict::Answered => known == Some(Verdict::Open),
            Verdict::Finding => false,
        };
        let is_known = known == Some(Verdict::Answered) || known == Some(body.verdict);
        if !counts || is_known || row.state != UnitState::Closed {
            return Ok(());
        }
        self.write(Level::Public, found.encode().into_bytes()).map(|_| ())
    }

    /// Agents hear when the window runs, and are asked what they were shown.
    pub fn tend_challenges(&mut self, id: UnitId) -> Done {
        if self.row(&id).state != UnitState::Closed {
            return Ok(());
        }
        for place in 0..self.n() {
            self.tell_window(id, place);
            if !self.rules.holds(Rule::ChallengesAreAskedFor) {
                continue;
            }
            let (about, at) = (QueryAbout::Challenges, self.now());
            let custodian = self.agents.each[place].id.clone();
            let query = Query { about, at, custodian, unit_id: id };
            let query = Statement::signed(query, &self.keys.platform).unwrap().encode();
            let ask = Request::Challenges(AskChallenges { after: None, query });
            if let Some(Reply::Challenges(told)) = self.ask(place, &ask) {
                for BroughtChallenge { account, note } in told {
                    self.take_challenge(id, &account, &note)?;
                }
            }
        }
        self.answer_challenges(id)
    }

    fn tell_window(&mut self, id: UnitId, place: usize) {
        let row = self.row(&id);
        let (index, _) = row.closed.as_ref().unwrap();
        let Some(cosigned) = self.record.cosigned(*index, self.q()) else { return };
        let close_receipt = self.record.receipt(*index, cosigned).encode();
        let unit = row.unit.encode();
        self.ask(place, &Request::Window(AskWindow { close_receipt, unit }));
    }

    /// The platform shows what took a challenged bid out.
    fn answer_challenges(&mut self, id: UnitId) -> Done {
        let row = self.row(&id).clone();
        let Some((_, close)) = &row.closed else { return Ok(()) };
        for ((custodian, line), found) in &row.challenges {
            let bid = row.accepted.iter().find(|bid| bid.line == *line);
            let (Verdict::Open, Some(bid)) = (found.body().verdict, bid) else { continue };
            let account = self.account(&row, bid.index, true);
            let answer = AskAnswer {
                account: self.account(&row, bid.index, false).into(),
                accounts: vec![account.clone()],
                close: close.encode(),
                finding: found.encode(),
                unit: row.unit.encode(),
            };
            let place = self.agents.each.iter().position(|c| c.id == *custodian).unwrap();
            if let Some(Reply::Note(note)) = self.ask(place, &Request::Answer(answer)) {
                self.take_challenge(id, &account.into(), &note.encode())?;
            }
        }
        Ok(())
    }

    /// How many challenges void the unit: in time, and not explained by the record.
    pub fn grave_challenges(&self, row: &Row) -> usize {
        let end = self.window_from(row).map(|from| from.plus(row.terms.challenge_ms));
        let found = row.challenges.values().map(Statement::body);
        let open = found
            .filter(|found| found.verdict == Verdict::Open && is_in_time(found.received_at, end));
        open.filter(|found| {
            let bid = row.accepted.iter().find(|bid| bid.line == found.line);
            let account = bid.map(|bid| self.account(row, bid.index, true));
            let (_, close) = row.closed.as_ref().unwrap();
            let explained = account.is_some_and(|account| {
                told(&self.keys_of_receipts(), &account, close.body())
                    .is_ok_and(|told| told.agrees(close.body()))
            });
            !explained
        })
        .count()
    }
}

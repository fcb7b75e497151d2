//! The regulator stops a release, and lifts the stop: through the platform, or at a custodian whose
//! platform does not listen.

use sealbid::crypto::statement::Statement;
use sealbid::custodian::wire::AskSuspend;
use sealbid::error::Refusal as _;
use sealbid::ids::UnitId;
use sealbid::opening::Error;
use sealbid::opening::rules::UnitState;
use sealbid::opening::rules::words::takes_suspension;
use sealbid::opening::statements::{Suspension, SuspensionState};
use sealbid::record::disclosure::Level;

use super::World;
use super::agents::{Reply, Request};
use super::history::Word;
use super::record::NotRecorded;

impl World {
    /// The regulator's next word about a unit, or the last but one again. A number is used once.
    fn say(&mut self, unit_id: UnitId, how: Word) -> Option<Statement<Suspension>> {
        let said = self.words.entry(unit_id).or_default();
        let state = match how {
            Word::Old => return said.iter().nth_back(1).cloned(),
            Word::Stop => SuspensionState::Suspended,
            Word::Lift => SuspensionState::Lifted,
        };
        let no = u32::try_from(said.len()).unwrap() + 1;
        let body = Suspension { no, reason: "a complaint".to_owned(), state, unit_id };
        said.push(Statement::signed(body, &self.keys.regulator).unwrap());
        said.last().cloned()
    }

    pub fn suspend(&mut self, unit: u8, how: Word) -> Result<(), NotRecorded> {
        match self.unit(unit) {
            Some(id) => self.suspend_unit(id, how),
            None => Ok(()),
        }
    }

    /// The platform takes the regulator's word, and tells the agents after it is recorded.
    pub fn suspend_unit(&mut self, id: UnitId, how: Word) -> Result<(), NotRecorded> {
        let Some(word) = self.say(id, how) else { return Ok(()) };
        let row = self.row(&id);
        let is_old = row.suspension.is_some_and(|(last, _)| last >= word.body().no);
        let expected = match row.state {
            UnitState::Opened | UnitState::Void => Some("opening-nothing-to-stop"),
            _ => None,
        };
        let refused = takes_suspension(row.state).map_err(Error::from).err().map(|it| it.code());
        self.expect(refused, expected);
        if refused.is_some() || is_old {
            return Ok(());
        }
        let text = word.encode();
        self.write(Level::Public, text.clone().into_bytes())?;
        self.tell_word(&id, &text);
        Ok(())
    }

    fn tell_word(&mut self, id: &UnitId, word: &str) {
        let unit = self.row(id).unit.encode();
        let ask = Request::Suspend(AskSuspend { suspension: word.to_owned(), unit });
        for place in 0..self.n() {
            self.ask(place, &ask);
        }
    }

    /// Tells one agent the regulator's last word on the record, before it is asked to release.
    pub fn repeat_word(&mut self, place: usize, id: &UnitId) {
        let row = self.row(id);
        let Some(suspension) = row.word.clone() else { return };
        let unit = row.unit.encode();
        self.ask(place, &Request::Suspend(AskSuspend { suspension, unit }));
    }

    /// The regulator tells one agent, and nobody else.
    pub fn whisper(&mut self, unit: u8, place: usize, how: Word) {
        let Some(id) = self.unit(unit) else { return };
        let Some(word) = self.say(id, how) else { return };
        let (no, state) = (word.body().no, word.body().state);
        let row = self.row(&id);
        let agent = &self.agents.each[place].state;
        let known = agent.units.get(&id).map(|kept| kept.suspension);
        let expected = match known {
            Some(Some(last)) if last == (no, state) => None,
            Some(Some((last, _))) if last >= no => Some("custodian-old-suspension"),
            None if row.state == UnitState::Proposed => Some("custodian-signature"),
            _ => None,
        };
        let ask = AskSuspend { suspension: word.encode(), unit: row.unit.encode() };
        let answer = self.ask(place, &Request::Suspend(ask));
        match answer {
            // Told twice by the net, it answers the second time that it knows.
            None => {}
            Some(Reply::Done) => self.expect(None, expected),
            Some(Reply::Refused(code)) => self.expect(Some(code), expected),
            Some(other) => panic!("{other:?} is no answer to it"),
        }
    }
}

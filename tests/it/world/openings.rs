//! From the close to the opening: the void, the release, what becomes of every line.

use sealbid::bid::statements::Fault;
use sealbid::crypto::json;
use sealbid::crypto::note::Note;
use sealbid::crypto::seal::Identity;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::roster::CustodianId;
use sealbid::custodian::wire::AskRelease;
use sealbid::ids::UnitId;
use sealbid::opening::decrypt::{self, UnitKey};
use sealbid::opening::rules::words::takes_keys;
use sealbid::opening::rules::{Claimed, Decryption, Failure, UnitState, outcome, standing};
use sealbid::opening::statements::{
    OpenedLine, Opening, OpeningEvent, Query, QueryAbout, Release, Void, VoidReason,
};
use sealbid::record::checkpoint::Cosigned;
use sealbid::record::disclosure::Level;

use super::World;
use super::agents::{Reply, Request};
use super::faults::Rule;
use super::platform::{Accepted, Row};
use super::record::NotRecorded;

type Done = Result<(), NotRecorded>;
type Named = (CustodianId, String);

impl World {
    pub fn void(&mut self, id: UnitId, failure: Failure) -> Done {
        let reason = match failure {
            Failure::TooFew => VoidReason::TooFew,
            Failure::Challenge => VoidReason::Challenge,
        };
        let close_sha256 = self.row(&id).closed.as_ref().map(|(_, close)| close.sha256());
        let fault = (reason == VoidReason::Challenge).then_some(Fault::Platform);
        let void = Void { close_sha256, fault, reason, unit_id: id };
        let void = Statement::signed(void, &self.keys.platform).unwrap();
        self.write(Level::Public, void.encode().into_bytes()).map(|_| ())
    }

    /// What is shown to an agent so that it releases.
    pub fn ask_for_release(&self, row: &Row, place: usize) -> Option<Request> {
        let (index, _) = row.closed.as_ref()?;
        let cosigned = self.record.cosigned(*index, self.q())?;
        let by_t = |c: &&Cosigned| c.is_cosigned_by(self.t());
        let recent = self.record.checkpoints.iter().rev().find(by_t)?;
        Some(Request::Release(AskRelease {
            checkpoint: recent.note().encode(),
            close_receipt: self.record.receipt(*index, cosigned).encode(),
            credentials: self.buyer.credentials(),
            lodged: self.accounts(row.unit.body().id().unwrap()),
            order: row.order.as_ref().map(Statement::encode),
            query: self.query(row.unit.body().id().unwrap(), place, QueryAbout::Release),
            unit: row.unit.encode(),
        }))
    }

    /// The platform's signed question to one agent.
    pub fn query(&self, unit_id: UnitId, place: usize, about: QueryAbout) -> String {
        let custodian = self.agents.each[place].id.clone();
        let query = Query { about, at: self.now(), custodian, unit_id };
        Statement::signed(query, &self.keys.platform).unwrap().encode()
    }

    pub fn ask_release(&mut self, id: UnitId) -> Done {
        for place in 0..self.n() {
            self.repeat_word(place, &id);
            let Some(ask) = self.ask_for_release(self.row(&id), place) else { return Ok(()) };
            if let Some(Reply::Note(note)) = self.ask(place, &ask) {
                self.take_release(&note)?;
            }
        }
        if self.row(&id).releases.len() >= self.t() { self.open(id) } else { Ok(()) }
    }

    /// A release counts once, signed, for this close, with an identity that derives the unit's
    /// recipient.
    pub fn take_release(&mut self, note: &Note) -> Done {
        let release = Statement::<Release>::from_note(note.clone()).unwrap();
        let body = release.body();
        let row = self.row(&body.unit_id);
        let member = self.agents.roster.body().member(&body.custodian).unwrap();
        let named = row.unit.body().recipients.iter().find(|r| r.custodian == body.custodian);
        let identity: Identity = body.identity.parse().unwrap();
        let fits = named.is_some_and(|r| r.recipient == identity.recipient().to_string());
        let closed = row.closed.as_ref().map(|(_, close)| close.sha256());
        let known = row.releases.iter().any(|(custodian, _)| *custodian == body.custodian);
        let signed = note.signed_by(&member.statement_key) == Ok(true);
        let stops = self.rules.holds(Rule::SuspensionStops);
        let stops = stops && self.rules.holds(Rule::StopOvertakes);
        let waits = row.state == UnitState::Closed
            && takes_keys(row.state)
            && !(row.is_suspended() && stops);
        if !fits || !signed || known || !waits || closed != Some(body.close_sha256) {
            return Ok(());
        }
        let inside = self.rules.holds(Rule::IdentitiesStayInside);
        let level = if inside { Level::Regulator } else { Level::Parties };
        let (close_sha256, unit_id) = (body.close_sha256, body.unit_id);
        let custodian = body.custodian.clone();
        self.write(level, release.encode().into_bytes())?;
        let public = OpeningEvent::Released { close_sha256, custodian, unit_id };
        self.write(Level::Public, json::to_string(&public).unwrap().into_bytes()).map(|_| ())
    }

    pub fn open(&mut self, id: UnitId) -> Done {
        let row = self.row(&id).clone();
        let (_, close) = row.closed.as_ref().unwrap();
        let keys: Vec<UnitKey> = row.releases.iter().take(self.t()).map(|r| key(&row, r)).collect();
        let lines = row.order.as_ref().map_or(&close.body().lines, |order| &order.body().lines);
        let bids = row.accepted.iter().filter(|bid| lines.contains(&bid.line));
        let bids: Vec<&Accepted> = bids.collect();
        let all: Vec<Claimed> = bids.iter().map(|bid| claimed(bid)).collect();
        let mut lines: Vec<OpenedLine> = Vec::new();
        for bid in bids {
            let result = standing(&claimed(bid), &all).unwrap_or_else(|| {
                outcome(id, bid.manifest.body(), bid.bidder, self.decrypted(id, bid, &keys))
            });
            lines.push(OpenedLine {
                arrived_at: bid.arrived_at,
                bidder: bid.bidder,
                fault: result.fault(),
                line: bid.line,
                manifest: bid.manifest.encode(),
                outcome: result,
                salt: bid.salt,
            });
        }
        lines.sort_by_key(|line| line.line);
        let releases = keys.into_iter().map(|key| key.custodian).collect();
        let opened_at = self.now();
        let body =
            Opening { close_sha256: close.sha256(), lines, opened_at, releases, unit_id: id };
        let opening = Statement::signed(body, &self.keys.platform).unwrap();
        self.write(Level::Public, opening.encode().into_bytes()).map(|_| ())
    }

    fn decrypted(&self, id: UnitId, bid: &Accepted, keys: &[UnitKey]) -> Decryption {
        if !self.sealed.contains(&id) {
            return self.hidden[&bid.manifest.sha256()].clone();
        }
        let manifest = bid.manifest.body().clone();
        let shares = manifest.shares.iter().map(|sha256| self.blobs[sha256].clone()).collect();
        let reopen = |envelope: &decrypt::Envelope| -> std::io::Result<decrypt::Ciphertext> {
            let found = self.blobs.get(&envelope.manifest.bid.sha256).cloned();
            let found = found.ok_or(std::io::ErrorKind::NotFound)?;
            Ok(Box::new(std::io::Cursor::new(found)))
        };
        decrypt::check(&decrypt::Envelope { manifest, shares }, keys, &reopen).unwrap()
    }
}

fn key(row: &Row, (custodian, identity): &Named) -> UnitKey {
    let recipients = &row.unit.body().recipients;
    let place = recipients.iter().position(|r| r.custodian == *custodian).unwrap();
    UnitKey { place, custodian: custodian.clone(), identity: identity.parse().unwrap() }
}

fn claimed(bid: &Accepted) -> Claimed {
    let (seq, manifest_sha256) = (bid.manifest.body().seq, bid.manifest.sha256());
    Claimed { bidder: bid.bidder, seq, manifest_sha256 }
}

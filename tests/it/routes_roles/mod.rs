//! Who gets which answer where: every route, asked by every role, against the one table of acts.

mod front_door;
mod rows;

use std::collections::BTreeSet;

use reqwest::Method;
use sealbid::auth::table::{Act, Owner, allow};
use sealbid::auth::{Actor, Refused};
use sealbid::bid::statements::Withdrawal;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::SigningKey;
use sealbid::crypto::note::Note;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::home::Home;
use sealbid::enterprise::statements::{Declined, KeyRevocation};
use sealbid::error::Refusal as _;
use sealbid::ids::{TenderId, UnitId};
use sealbid::opening::statements::{Order, Suspension, SuspensionState, Void, VoidReason};
use sealbid::tender::statements::{Amendment, AmendmentReason, Outage, Stage};
use sealbid::web::ROUTES;
use serde_json::{Value, json};

use crate::on_both;
use crate::play::{DEADLINE, Play, first};
use crate::registration::{ORIGIN, operator, signed};
use crate::server::{read, regulator};
use crate::support::wait;
use rows::rows;

/// Who asks, in the order of a row's answers.
const ROLES: [&str; 8] =
    ["nobody", "bidder", "other bidder", "buyer", "operator", "custodian", "regulator", "revoked"];

/// What every request about uploads says.
const TUS: (&str, &str) = ("tus-resumable", "1.0.0");

/// What a piece of a file says of itself.
const PIECE: (&str, &str) = ("content-type", "application/offset+octet-stream");

/// An envelope brought again, though nothing of it is lost.
fn resupply() -> Row {
    Row {
        method: "POST",
        path: "/api/v1/units/{id}/bids/{manifest}/resupply",
        door: Table(Act::Submit, |_| Owner::Actor),
        request: |scene| {
            let manifest = Note::parse(scene.manifest.0.as_bytes()).unwrap().sha256();
            let path = format!("/api/v1/units/{}/bids/{manifest}/resupply", scene.unit);
            (path, Body::None)
        },
        open: (409, "bid-not-missing"),
        other: Some((404, "bid-not-found")),
    }
}

/// Who lets whom in.
enum Door {
    /// The table, for a thing of this owner.
    Table(Act, fn(&Scene) -> Owner),
    /// The table, for the buyer's draft: refused as if there were none.
    Draft(Act),
    /// The signature on what is sent: the bringer's session plays no part.
    Signature,
}
use Door::{Draft, Signature, Table};

/// A request to a route, and its answer when the door is open.
struct Row {
    method: &'static str,
    path: &'static str,
    door: Door,
    /// Address and body of the request.
    request: fn(&Scene) -> (String, Body),
    /// Status, and code of a refusal that has nothing to do with who asks.
    open: (u16, &'static str),
    /// The same for the other bidder, where it differs.
    other: Option<(u16, &'static str)>,
}

enum Body {
    None,
    Json(Value),
    Bytes(&'static [(&'static str, &'static str)], &'static [u8]),
}

/// A platform with something of everything.
struct Scene {
    play: Play,
    unit: UnitId,
    tender: TenderId,
    draft: TenderId,
    document: String,
    manifest: (String, Vec<String>),
}

impl Scene {
    fn new(base: &crate::support::TestBase) -> Self {
        let play = Play::new(base, 2);
        let unit = play.publish(&[Stage::Single])[0];
        let (_, listed) = play.server.get("/api/v1/tenders", None);
        let tender = listed["tenders"][0]["tender"].as_str().unwrap().parse().unwrap();
        let draft = play.draft(&[Stage::Single]);
        let bid = play.seal(0, &unit, first(), 0);
        play.send(0, &bid).unwrap();
        let envelope = sealbid::cli::bid::read(&bid).unwrap();
        let shares = envelope
            .shares
            .iter()
            .map(|share| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, share));
        let manifest = (envelope.manifest.encode(), shares.collect());
        let url = format!("{}/api/v1/tenders/{draft}/documents?name=a", play.server.address);
        let token = play.server.login(&play.buyer.key);
        let put = play.server.client.post(url).bearer_auth(token).body("terms").send();
        let document = read(wait(put).unwrap()).1["document"].as_str().unwrap().to_owned();
        Self { play, unit, tender, draft, document, manifest }
    }

    /// A fresh upload of the first bidder.
    fn upload(&self) -> String {
        let token = self.play.server.login(&self.play.bidders[0].key);
        let request =
            self.play.server.client.post(format!("{}/api/v1/uploads", self.play.server.address));
        let request = request.bearer_auth(token).header("upload-length", "10").header(TUS.0, TUS.1);
        wait(request.send()).unwrap().headers()["location"].to_str().unwrap().to_owned()
    }

    /// An outage over another deadline than the unit's.
    fn outage(&self) -> Outage {
        Outage { prev_sha256: Hash::of(b"x"), text: "x".to_owned(), unit_id: self.unit }
    }

    fn custodian(&self) -> SigningKey {
        let home = self.play.server.home().join("agent1");
        Home::keys(&home, ORIGIN, &"c1".parse().unwrap()).unwrap().statement
    }

    /// Everybody's actor and a session that holds; the revoked one was the first bidder's.
    fn sessions(&self) -> Vec<(Actor, Option<String>)> {
        let [bidder, other] = [0, 1].map(|n| &self.play.bidders[n]);
        let login = |key: &SigningKey| Some(self.play.server.login(key));
        let revoked = login(&bidder.key).unwrap();
        let bearer = format!("Bearer {revoked}");
        self.play.server.ask(Method::DELETE, "/api/v1/login", &[("authorization", &bearer)], None);
        vec![
            (Actor::Public, None),
            (Actor::Bidder(bidder.id), login(&bidder.key)),
            (Actor::Bidder(other.id), login(&other.key)),
            (Actor::Buyer(self.play.buyer.id), login(&self.play.buyer.key)),
            (Actor::Operator("wang".to_owned()), login(&operator())),
            (Actor::Custodian("c1".to_owned()), login(&self.custodian())),
            (Actor::Regulator, login(&regulator())),
            (Actor::Bidder(bidder.id), Some(revoked)),
        ]
    }

    fn ask(&self, row: &Row, token: Option<&str>) -> (u16, String) {
        let (path, body) = (row.request)(self);
        let url = format!("{}{path}", self.play.server.address);
        let mut request = self.play.server.client.request(row.method.parse().unwrap(), url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if path.starts_with("/api/v1/uploads") {
            request = request.header(TUS.0, TUS.1);
        }
        request = match body {
            Body::None => request,
            Body::Json(body) => {
                request.header("content-type", "application/json").body(body.to_string())
            }
            Body::Bytes(headers, body) => headers
                .iter()
                .fold(request, |request, (name, value)| request.header(*name, *value))
                .body(body),
        };
        let (status, answer) = read(wait(request.send()).unwrap());
        let code = answer["code"].as_str().filter(|_| !status.is_success());
        (status.as_u16(), code.unwrap_or_default().to_owned())
    }
}

/// What the one table says, or the route's own answer where the door is open.
fn expected(scene: &Scene, row: &Row, at: usize, actor: &Actor) -> (u16, String) {
    if ROLES[at] == "revoked" {
        return (401, "auth-revoked".to_owned());
    }
    let told = |refused: Refused| (refused.status(), refused.code());
    let buyer = Owner::Enterprise(scene.play.buyer.id);
    let refused = match &row.door {
        Table(act, owner) => allow(actor, *act, &owner(scene)).err().map(told),
        Draft(act) if *act != Act::ReadDraft && *actor == Actor::Public => {
            Some(told(Refused::NotLoggedIn))
        }
        Draft(act) => allow(actor, *act, &buyer).err().map(|_| (404, "tender-not-found")),
        Signature => None,
    };
    let own = row.other.filter(|_| ROLES[at] == "other bidder").unwrap_or(row.open);
    let (status, code) = refused.unwrap_or(own);
    (status, code.to_owned())
}

#[test]
fn every_route_has_a_row_and_every_row_a_route() {
    let routes: BTreeSet<_> = ROUTES.iter().copied().collect();
    let all: Vec<_> = rows().iter().map(|row| (row.method, row.path)).collect();
    assert_eq!(all.iter().copied().collect::<BTreeSet<_>>(), routes);
    assert_eq!(all.len(), routes.len(), "a row stands twice");
}

on_both! {
    fn every_route_answers_every_role_as_the_table_says(base: TestBase) {
        let scene = Scene::new(&base);
        let mut wrong = Vec::new();
        for row in rows() {
            // Each row anew: one of them ends sessions.
            for (at, (actor, token)) in scene.sessions().into_iter().enumerate() {
                let (status, mut code) = expected(&scene, &row, at, &actor);
                if row.method == "HEAD" {
                    code.clear();
                }
                let answer = scene.ask(&row, token.as_deref());
                if answer != (status, code.clone()) {
                    wrong.push(format!(
                        "{} {} as {}: {answer:?}, not {:?}",
                        row.method, row.path, ROLES[at], (status, code)
                    ));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

on_both! {
    fn a_statement_binds_only_under_the_key_of_whom_it_takes(base: TestBase) {
        let scene = Scene::new(&base);
        let applicant = crate::registration::id(7);
        let key = crate::registration::key(7, 7);
        let application = signed(crate::registration::application(7, 7), &[&key]);
        scene.play.server.apply(&application);
        let path = format!("/api/v1/enterprises/{applicant}/verification");
        let vouched = crate::registration::vouched(&application);
        let (buyer, bidder) = (&*scene.play.buyer.key, &*scene.play.bidders[0].key);
        let platform = crate::server::platform_key();
        for wrong in [buyer, bidder, &regulator(), &scene.custodian(), &platform, &key] {
            let statement = signed(vouched.clone(), &[wrong]);
            let (status, refused) = scene.play.server.state(&path, &statement);
            assert_eq!((status.as_u16(), refused["code"].as_str()), (403, Some("enterprise-not-an-operator")), "{wrong:?}");
        }
        let right: Statement<_> = signed(vouched, &[&operator()]);
        assert_eq!(scene.play.server.state(&path, &right).1["state"], "verified");
    }
}

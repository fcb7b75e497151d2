//! Who gets which answer where: every route, asked by every role, against the one table of acts.

use std::collections::BTreeSet;

use reqwest::Method;
use sealbid::auth::Actor;
use sealbid::auth::table::{Act, Owner, allow};
use sealbid::bid::statements::Withdrawal;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::SigningKey;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::home::Home;
use sealbid::enterprise::statements::{Declined, KeyRevocation};
use sealbid::error::Refusal as _;
use sealbid::ids::{TenderId, UnitId};
use sealbid::opening::statements::{Order, Suspension, SuspensionState, Void, VoidReason};
use sealbid::tender::statements::{Amendment, AmendmentReason, Stage};
use sealbid::web::ROUTES;
use serde_json::{Value, json};

use crate::on_both;
use crate::play::{DEADLINE, Play, first};
use crate::registration::{ORIGIN, operator, signed};
use crate::server::{read, regulator};
use crate::support::wait;

/// Who asks, in the order of a row's answers.
const ROLES: [&str; 8] =
    ["nobody", "bidder", "other bidder", "buyer", "operator", "custodian", "regulator", "revoked"];

/// Who lets whom in.
enum Door {
    /// The table, for a thing of this owner.
    Table(Act, fn(&Scene) -> Owner),
    /// The signature on what is sent: the bringer's session plays no part.
    Signature,
}
use Door::{Signature, Table};

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
        let request = request.bearer_auth(token).header("upload-length", "10");
        wait(request.send()).unwrap().headers()["location"].to_str().unwrap().to_owned()
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

fn nobodys(_: &Scene) -> Owner {
    Owner::Actor
}

fn buyers(scene: &Scene) -> Owner {
    Owner::Enterprise(scene.play.buyer.id)
}

fn bidders(scene: &Scene) -> Owner {
    Owner::Enterprise(scene.play.bidders[0].id)
}

fn of_unit(scene: &Scene, rest: &str) -> String {
    format!("/api/v1/units/{}{rest}", scene.unit)
}

fn of_draft(scene: &Scene, rest: &str) -> String {
    format!("/api/v1/tenders/{}{rest}", scene.draft)
}

fn statement<B: sealbid::crypto::statement::Body>(body: B, keys: &[&SigningKey]) -> Body {
    Body::Json(json!({ "statement": signed(body, keys).encode() }))
}

/// A route that everybody may read at a fixed address.
const fn open(path: &'static str, request: fn(&Scene) -> (String, Body)) -> Row {
    Row {
        method: "GET",
        path,
        door: Table(Act::ReadPublic, nobodys),
        request,
        open: (200, ""),
        other: None,
    }
}

const fn row(
    method: &'static str,
    path: &'static str,
    door: Door,
    request: fn(&Scene) -> (String, Body),
    open: (u16, &'static str),
) -> Row {
    Row { method, path, door, request, open, other: None }
}

/// Every route. Where an act would change the scene, what is sent is refused for a reason of its own
/// once the door is open.
fn rows() -> Vec<Row> {
    let mut rows = reading();
    rows.extend(front_door());
    rows.extend(buying());
    rows.extend(bidding());
    rows.extend(deciding());
    rows
}

fn reading() -> Vec<Row> {
    vec![
        open("/", |_| ("/".to_owned(), Body::None)),
        open("/api/v1/platform", |_| ("/api/v1/platform".to_owned(), Body::None)),
        open("/api/v1/openapi.json", |_| ("/api/v1/openapi.json".to_owned(), Body::None)),
        open("/api/v1/tenders", |_| ("/api/v1/tenders".to_owned(), Body::None)),
        open("/record/checkpoint", |_| ("/record/checkpoint".to_owned(), Body::None)),
        open("/record/roster", |_| ("/record/roster".to_owned(), Body::None)),
        open("/record/tile/{path:.*}", |_| ("/record/tile/entries/000.p/1".to_owned(), Body::None)),
        open("/api/v1/units/{id}", |s| (of_unit(s, ""), Body::None)),
        open("/api/v1/units/{id}/read-out", |s| (of_unit(s, "/read-out"), Body::None)),
        open("/api/v1/record/entries/{index}", |_| {
            ("/api/v1/record/entries/0".to_owned(), Body::None)
        }),
        open("/api/v1/record/receipts/{index}", |_| {
            ("/api/v1/record/receipts/0".to_owned(), Body::None)
        }),
        Row {
            open: (404, "web-not-found"),
            ..open("/api/v1/units/{id}/opening", |s| (of_unit(s, "/opening"), Body::None))
        },
        open("/api/v1/units/{id}/case", |s| (of_unit(s, "/case"), Body::None)),
        open("/api/v1/tenders/{id}/case", |s| {
            (format!("/api/v1/tenders/{}/case", s.tender), Body::None)
        }),
        row(
            "GET",
            "/api/v1/tenders/{id}",
            Table(Act::ReadDraft, buyers),
            |s| (of_draft(s, ""), Body::None),
            (200, ""),
        ),
        row(
            "GET",
            "/api/v1/documents/{id}",
            Table(Act::ReadDraft, buyers),
            |s| (format!("/api/v1/documents/{}", s.document), Body::None),
            (200, ""),
        ),
        row(
            "GET",
            "/api/v1/units/{id}/lines/{line}/documents",
            Table(Act::ReadOpened, nobodys),
            |s| (of_unit(s, &format!("/lines/{}/documents", Hash::of(b"line"))), Body::None),
            (409, "opening-not-opened"),
        ),
        row(
            "GET",
            "/api/v1/units/{id}/lines/{line}/documents/{name}",
            Table(Act::ReadOpened, nobodys),
            |s| (of_unit(s, &format!("/lines/{}/documents/a", Hash::of(b"line"))), Body::None),
            (409, "opening-not-opened"),
        ),
        row(
            "GET",
            "/api/v1/units/{id}/case/auditor",
            Table(Act::ReadAuditBundle, nobodys),
            |s| (of_unit(s, "/case/auditor"), Body::None),
            (200, ""),
        ),
        row(
            "GET",
            "/api/v1/tenders/{id}/case/auditor",
            Table(Act::ReadAuditBundle, nobodys),
            |s| (format!("/api/v1/tenders/{}/case/auditor", s.tender), Body::None),
            (200, ""),
        ),
    ]
}

fn front_door() -> Vec<Row> {
    vec![
        row(
            "POST",
            "/api/v1/login/challenges",
            Table(Act::LogIn, nobodys),
            |_| ("/api/v1/login/challenges".to_owned(), Body::Json(json!({}))),
            (200, ""),
        ),
        row(
            "POST",
            "/api/v1/login",
            Table(Act::LogIn, nobodys),
            |_| ("/api/v1/login".to_owned(), Body::Json(json!({ "statement": "x" }))),
            (400, "enterprise-statement"),
        ),
        row(
            "DELETE",
            "/api/v1/login",
            Table(Act::LogOut, nobodys),
            |_| ("/api/v1/login".to_owned(), Body::None),
            (204, ""),
        ),
        row(
            "POST",
            "/api/v1/enterprises",
            Table(Act::Apply, nobodys),
            |_| ("/api/v1/enterprises".to_owned(), Body::Json(json!({ "application": "x" }))),
            (400, "enterprise-statement"),
        ),
        row(
            "GET",
            "/api/v1/enterprises",
            Table(Act::ReadApplication, |_| Owner::Exactly(Actor::Public)),
            |_| ("/api/v1/enterprises?state=applied".to_owned(), Body::None),
            (200, ""),
        ),
        open("/api/v1/enterprises/{id}", |s| {
            (format!("/api/v1/enterprises/{}", s.play.bidders[0].id), Body::None)
        }),
        row(
            "POST",
            "/api/v1/enterprises/{id}/verification",
            Signature,
            |s| {
                let id = s.play.bidders[0].id;
                let body = Declined {
                    application_sha256: Hash::of(b"none"),
                    enterprise: id,
                    reason: "x".to_owned(),
                };
                let path = format!("/api/v1/enterprises/{id}/verification");
                (path, statement(body, &[&s.play.buyer.key]))
            },
            (403, "enterprise-not-an-operator"),
        ),
        row(
            "POST",
            "/api/v1/enterprises/{id}/keys",
            Signature,
            |s| {
                let party = &s.play.bidders[0];
                let key = party.key.verifying().clone();
                let body = KeyRevocation { enterprise: party.id, key, reason: "x".to_owned() };
                let path = format!("/api/v1/enterprises/{}/keys", party.id);
                (path, statement(body, &[&s.play.bidders[1].key]))
            },
            (403, "enterprise-not-an-operator"),
        ),
    ]
}

fn buying() -> Vec<Row> {
    vec![
        row(
            "POST",
            "/api/v1/tenders",
            Table(Act::DraftTender, nobodys),
            |_| {
                let plan = json!({ "title": "x", "documents_until": 0, "lots": [] });
                ("/api/v1/tenders".to_owned(), Body::Json(plan))
            },
            (422, "tender-plan"),
        ),
        row(
            "POST",
            "/api/v1/tenders/{id}/documents",
            Table(Act::DraftTender, buyers),
            |s| (of_draft(s, "/documents?name=a%2Fb"), Body::Bytes(&[], b"x")),
            (422, "tender-notice"),
        ),
        row(
            "POST",
            "/api/v1/tenders/{id}/preparation",
            Table(Act::Publish, buyers),
            |s| (of_draft(s, "/preparation"), Body::Json(json!({}))),
            (200, ""),
        ),
        row(
            "POST",
            "/api/v1/tenders/{id}/publication",
            Table(Act::Publish, buyers),
            |s| (of_draft(s, "/publication"), Body::Json(json!({ "notice": "x", "units": [] }))),
            (422, "tender-unit"),
        ),
        row(
            "POST",
            "/api/v1/units/{id}/amendments",
            Table(Act::Amend, buyers),
            |s| {
                let body = Amendment {
                    deadline: DEADLINE.plus(-1),
                    no: 1,
                    open_at: DEADLINE,
                    prev_sha256: Hash::of(b"x"),
                    reason: AmendmentReason::Postponed { text: "x".to_owned() },
                    unit_id: s.unit,
                };
                (of_unit(s, "/amendments"), statement(body, &[&s.play.buyer.key]))
            },
            (422, "tender-amendment"),
        ),
        row(
            "POST",
            "/api/v1/units/{id}/void",
            Table(Act::Cancel, buyers),
            |s| {
                let reason = VoidReason::TooFew;
                let body = Void { close_sha256: None, fault: None, reason, unit_id: s.unit };
                (of_unit(s, "/void"), statement(body, &[&s.play.buyer.key]))
            },
            (422, "tender-unit"),
        ),
        row(
            "POST",
            "/api/v1/units/{id}/outages",
            Table(Act::RegisterOutage, nobodys),
            |s| (of_unit(s, "/outages"), Body::Json(json!({ "text": "x" }))),
            (409, "tender-no-outage"),
        ),
    ]
}

fn bidding() -> Vec<Row> {
    vec![
        row(
            "OPTIONS",
            "/api/v1/uploads",
            Table(Act::ReadPublic, nobodys),
            |_| ("/api/v1/uploads".to_owned(), Body::None),
            (204, ""),
        ),
        row(
            "POST",
            "/api/v1/uploads",
            Table(Act::Upload, nobodys),
            |_| ("/api/v1/uploads".to_owned(), Body::Bytes(&[("upload-length", "10")], b"")),
            (201, ""),
        ),
        row(
            "HEAD",
            "/api/v1/uploads/{id}",
            Table(Act::Upload, bidders),
            |s| (s.upload(), Body::None),
            (200, ""),
        ),
        row(
            "PATCH",
            "/api/v1/uploads/{id}",
            Table(Act::Upload, bidders),
            |s| (s.upload(), Body::Bytes(&[("upload-offset", "0")], b"x")),
            (204, ""),
        ),
        row(
            "DELETE",
            "/api/v1/uploads/{id}",
            Table(Act::Upload, bidders),
            |s| (s.upload(), Body::None),
            (204, ""),
        ),
        Row {
            other: Some((422, "bid-signature")),
            ..row(
                "POST",
                "/api/v1/units/{id}/bids",
                Table(Act::Submit, nobodys),
                |s| {
                    let (manifest, shares) = &s.manifest;
                    let body = json!({ "manifest": manifest, "shares": shares });
                    (of_unit(s, "/bids"), Body::Json(body))
                },
                (200, ""),
            )
        },
        Row {
            other: Some((422, "bid-signature")),
            ..row(
                "POST",
                "/api/v1/units/{id}/withdrawals",
                Table(Act::Submit, nobodys),
                |s| {
                    let manifest_sha256 = Hash::of(b"x");
                    let body = Withdrawal { manifest_sha256, seq: 2, unit_id: s.unit };
                    let note = signed(body, &[&s.play.bidders[0].key]).encode();
                    (of_unit(s, "/withdrawals"), Body::Json(json!({ "withdrawal": note })))
                },
                (409, "bid-nothing-to-withdraw"),
            )
        },
        Row {
            other: Some((404, "bid-not-found")),
            ..row(
                "GET",
                "/api/v1/units/{id}/bid",
                Table(Act::ReadOwnBid, nobodys),
                |s| (of_unit(s, "/bid"), Body::None),
                (200, ""),
            )
        },
        row(
            "GET",
            "/api/v1/bids",
            Table(Act::ReadOwnBid, nobodys),
            |_| ("/api/v1/bids".to_owned(), Body::None),
            (200, ""),
        ),
    ]
}

fn deciding() -> Vec<Row> {
    vec![
        row(
            "POST",
            "/api/v1/units/{id}/challenges",
            Table(Act::Challenge, nobodys),
            |s| (of_unit(s, "/challenges"), Body::Json(json!({ "statement": "x" }))),
            (422, "opening-statement"),
        ),
        row(
            "POST",
            "/api/v1/units/{id}/order",
            Table(Act::Order, buyers),
            |s| {
                let body =
                    Order { close_sha256: Hash::of(b"x"), lines: Vec::new(), unit_id: s.unit };
                (of_unit(s, "/order"), statement(body, &[&s.play.buyer.key, &regulator()]))
            },
            (409, "opening-no-order-now"),
        ),
        row(
            "POST",
            "/api/v1/units/{id}/suspensions",
            Table(Act::Suspend, nobodys),
            |s| {
                let state = SuspensionState::Suspended;
                let reason = "x".to_owned();
                let body = Suspension { no: 1, reason, state, unit_id: s.unit };
                (of_unit(s, "/suspensions"), statement(body, &[&operator()]))
            },
            (422, "opening-signature"),
        ),
    ]
}

/// What the one table says, or the route's own answer where the door is open.
fn expected(scene: &Scene, row: &Row, at: usize, actor: &Actor) -> (u16, String) {
    if ROLES[at] == "revoked" {
        return (401, "auth-revoked".to_owned());
    }
    let refused = match &row.door {
        Table(act, owner) => allow(actor, *act, &owner(scene)).err(),
        Signature => None,
    };
    let own = row.other.filter(|_| ROLES[at] == "other bidder").unwrap_or(row.open);
    let (status, code) = refused.map_or(own, |refused| (refused.status(), refused.code()));
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

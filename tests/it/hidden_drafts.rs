//! Can anybody tell another's draft from one that does not exist?

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::key::SigningKey;
use sealbid::crypto::statement::Statement;
use sealbid::enterprise::statements::Kind;
use sealbid::ids::{DocumentId, TenderId, UnitId};
use sealbid::tender::statements::{Stage, Unit};
use sealbid::web::ROUTES;
use serde_json::{Value, json};

use crate::on_both;
use crate::play::{Play, meant, registered};
use crate::registration::operator;
use crate::server::{read, regulator};
use crate::support::wait;

/// What a route answers, without what differs from one request to the next.
#[derive(Debug, PartialEq)]
struct Told {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Value,
}

impl Told {
    fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

fn ask(play: &Play, (method, path): (&str, &str), token: Option<&str>) -> Told {
    let url = format!("{}{path}", play.server.address);
    let mut request = play.server.client.request(method.parse::<Method>().unwrap(), url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if path.ends_with("/publication") {
        let body = json!({ "notice": "x", "units": [] }).to_string();
        request = request.header("content-type", "application/json").body(body);
    } else if method == "POST" {
        request = request.body("x");
    }
    let response = wait(request.send()).unwrap();
    let headers = response.headers().iter();
    let mut headers: BTreeMap<_, _> = headers
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    for changing in ["date", "x-request-id", "x-sealbid-time"] {
        headers.remove(changing);
    }
    let (status, mut body) = read(response);
    if let Some(body) = body.as_object_mut() {
        body.remove("instance");
    }
    Told { status: status.as_u16(), headers, body }
}

/// Every route of a tender or a document, with an id in its place.
fn routes(tender: TenderId, document: DocumentId) -> Vec<(&'static str, String)> {
    let of_either =
        |path: &&str| path.contains("/tenders/{id}") || path.contains("/documents/{id}");
    let found = ROUTES.iter().filter(|(_, path)| of_either(path));
    let routes: Vec<_> = found
        .map(|(method, path)| {
            let id =
                if path.contains("/tenders/") { tender.to_string() } else { document.to_string() };
            let name = if path.ends_with("/documents") { "?name=a" } else { "" };
            (*method, format!("{}{name}", path.replace("{id}", &id)))
        })
        .collect();
    assert_eq!(routes.len(), 7, "{routes:?}");
    routes
}

/// Adds a document to a draft.
fn documented(play: &Play, tender: TenderId) -> DocumentId {
    let path = format!("/api/v1/tenders/{tender}/documents?name=a");
    let token = play.server.login(&play.buyer.key);
    let put = play.server.client.post(format!("{}{path}", play.server.address));
    let (_, added) = read(wait(put.bearer_auth(token).body("terms").send()).unwrap());
    added["document"].as_str().unwrap().parse().unwrap()
}

/// A tender whose custodians have not answered yet.
fn proposed(play: &Play) -> TenderId {
    let client = play.client(&play.buyer.key);
    let tender = play.draft(&[Stage::Single]);
    wait(client.publish(&play.pinned, tender, &meant(&[Stage::Single]))).unwrap();
    tender
}

/// The units that a draft's publication would have.
fn units(play: &Play, tender: TenderId) -> Vec<UnitId> {
    let bearer = format!("Bearer {}", play.server.login(&play.buyer.key));
    let path = format!("/api/v1/tenders/{tender}/preparation");
    let answer = play.server.ask(Method::POST, &path, &[("authorization", &bearer)], None);
    let (_, prepared) = read(answer);
    let units = prepared["units"].as_array().unwrap().iter();
    let id = |text: &Value| {
        let key = &*play.buyer.key;
        let body = sealbid::crypto::json::parse::<Unit>(
            text.as_str().unwrap().lines().nth(1).unwrap().as_bytes(),
        );
        Statement::signed(body.unwrap(), key).unwrap().body().id().unwrap()
    };
    units.map(id).collect()
}

on_both! {
    fn anothers_draft_is_answered_like_none(base: TestBase) {
        let play = Play::new(&base, 1);
        let draft = play.draft(&[Stage::Single]);
        let document = documented(&play, draft);
        let other = registered(&play.server, 91, Kind::Organisation);
        let login = |key: &SigningKey| Some(play.server.login(key));
        let askers = [
            ("nobody", None),
            ("bidder", login(&play.bidders[0].key)),
            ("another buyer", login(&other.key)),
            ("operator", login(&operator())),
        ];
        let entropy = SystemEntropy::new();
        let none = (TenderId::random(&entropy).unwrap(), DocumentId::random(&entropy).unwrap());
        let missing = routes(none.0, none.1);
        for tender in [draft, proposed(&play)] {
            for (there, missing) in routes(tender, document).iter().zip(&missing) {
                for (who, token) in &askers {
                    let [told, none] = [there, missing].map(|(method, path)| {
                        ask(&play, (method, path), token.as_deref())
                    });
                    assert_eq!(told, none, "{there:?} as {who}");
                    assert!(matches!(told.status, 401 | 404), "{there:?} as {who}: {told:?}");
                }
            }
        }
        // Of its own it is told, so that the sameness is no accident of the requests.
        let buyer = login(&play.buyer.key);
        let own: BTreeSet<_> = routes(draft, document)
            .iter()
            .map(|(method, path)| ask(&play, (method, path), buyer.as_deref()).code().to_owned())
            .collect();
        assert!(!own.contains("tender-not-found") && own.contains(""), "{own:?}");
        let show = format!("/api/v1/tenders/{draft}");
        assert_eq!(ask(&play, ("GET", &show), login(&regulator()).as_deref()).status, 200);
        let shown = ask(&play, ("GET", &show), None);
        assert_eq!((shown.status, shown.code()), (404, "tender-not-found"));
    }
}

on_both! {
    fn a_unit_that_is_only_drafted_is_none(base: TestBase) {
        let play = Play::new(&base, 1);
        let drafted = units(&play, play.draft(&[Stage::Single]))[0];
        let none = UnitId(sealbid::crypto::hash::Hash::of(b"none"));
        let bidder = play.server.login(&play.bidders[0].key);
        for (method, path) in ROUTES.iter().filter(|(_, path)| path.contains("/units/{id}")) {
            for token in [None, Some(bidder.as_str())] {
                let [told, none] = [drafted, none].map(|unit| {
                    let path = path.replace("{id}", &unit.to_string());
                    ask(&play, (method, &path.replace("{line}", &unit.to_string())), token)
                });
                assert_eq!(told, none, "{method} {path}");
                assert!(told.status >= 400, "{method} {path}: {told:?}");
            }
        }
    }
}

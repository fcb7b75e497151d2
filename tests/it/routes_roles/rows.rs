//! One row a route.

use super::*;

pub fn nobodys(_: &Scene) -> Owner {
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

pub fn statement<B: sealbid::crypto::statement::Body>(body: B, keys: &[&SigningKey]) -> Body {
    Body::Json(json!({ "statement": signed(body, keys).encode() }))
}

/// A route that everybody may read at a fixed address.
pub const fn open(path: &'static str, request: fn(&Scene) -> (String, Body)) -> Row {
    Row {
        method: "GET",
        path,
        door: Table(Act::ReadPublic, nobodys),
        request,
        open: (200, ""),
        other: None,
    }
}

pub const fn row(
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
pub fn rows() -> Vec<Row> {
    let mut rows = reading();
    rows.extend(front_door::rows());
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
        open("/api/v1/record/head", |_| ("/api/v1/record/head".to_owned(), Body::None)),
        open("/api/v1/record/entries", |_| {
            ("/api/v1/record/entries?from=0".to_owned(), Body::None)
        }),
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
            Draft(Act::ReadDraft),
            |s| (of_draft(s, ""), Body::None),
            (200, ""),
        ),
        row(
            "GET",
            "/api/v1/documents/{id}",
            Draft(Act::ReadDraft),
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

fn buying() -> Vec<Row> {
    vec![
        row(
            "GET",
            "/api/v1/drafts",
            Table(Act::DraftTender, nobodys),
            |_| ("/api/v1/drafts".to_owned(), Body::None),
            (200, ""),
        ),
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
            Draft(Act::DraftTender),
            |s| (of_draft(s, "/documents?name=a%2Fb"), Body::Bytes(&[], b"x")),
            (422, "tender-notice"),
        ),
        row(
            "POST",
            "/api/v1/tenders/{id}/preparation",
            Draft(Act::Publish),
            |s| (of_draft(s, "/preparation"), Body::Json(json!({}))),
            (200, ""),
        ),
        row(
            "POST",
            "/api/v1/tenders/{id}/publication",
            Draft(Act::Publish),
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
            (422, "tender-unlawful"),
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
            |s| (of_unit(s, "/outages"), statement(s.outage(), &[&operator()])),
            (422, "tender-amendment"),
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
            |s| (s.upload(), Body::Bytes(&[("upload-offset", "0"), PIECE], b"x")),
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
        resupply(),
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
            |s| {
                (
                    of_unit(s, "/challenges"),
                    Body::Json(
                        json!({ "account": { "accepted": "x", "credentials": [] }, "statement": "x" }),
                    ),
                )
            },
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
            "GET",
            "/api/v1/units/{id}/lines",
            Table(Act::Order, buyers),
            |s| (of_unit(s, "/lines"), Body::None),
            (409, "opening-lines-sealed"),
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

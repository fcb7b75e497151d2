//! The rows of login and registration.

use super::rows::{nobodys, open, row, statement};
use super::*;

pub fn rows() -> Vec<Row> {
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
            "GET",
            "/api/v1/sessions",
            Table(Act::LogOut, nobodys),
            |_| ("/api/v1/sessions".to_owned(), Body::None),
            (200, ""),
        ),
        row(
            "DELETE",
            "/api/v1/sessions/{id}",
            Table(Act::LogOut, nobodys),
            |_| (format!("/api/v1/sessions/ses_{}", "0".repeat(32)), Body::None),
            (404, "auth-not-found"),
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

//! Are uploads resumable over HTTP, nobody else's, and refused where they do not fit?

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::on_both;
use crate::play::Play;
use crate::server::read;
use crate::support::wait;

on_both! {
    fn uploads_go_on_where_they_broke_off_and_refuse_what_does_not_fit(base: TestBase) {
        let play = Play::new(&base, 2);
        let own = format!("Bearer {}", play.server.login(&play.bidders[0].key));
        let other = format!("Bearer {}", play.server.login(&play.bidders[1].key));
        let tus = |method: Method, path: &str, bearer: &str, headers: &[(&str, &str)], body: &[u8]| {
            let mut request = play.server.client.request(method, format!("{}{path}", play.server.address));
            let usual = [("authorization", bearer), ("tus-resumable", "1.0.0"), ("content-type", "application/offset+octet-stream")];
            for (name, value) in usual.iter().filter(|(name, _)| headers.iter().all(|(own, _)| own != name)).chain(headers) {
                request = request.header(*name, *value);
            }
            wait(request.body(body.to_vec()).send()).unwrap()
        };
        let offset = |path: &str| tus(Method::HEAD, path, &own, &[], b"").headers()["upload-offset"].clone();
        let huge = tus(Method::POST, "/api/v1/uploads", &own, &[("upload-length", "1048577")], b"");
        assert_eq!(huge.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(read(huge).1["code"], "bid-too-large");
        let begun = tus(Method::POST, "/api/v1/uploads", &own, &[("upload-length", "10")], b"");
        assert_eq!(begun.status(), StatusCode::CREATED);
        let path = begun.headers()["location"].to_str().unwrap().to_owned();
        let expires = begun.headers()["upload-expires"].clone();
        assert!(expires.to_str().unwrap().ends_with(" GMT"), "{expires:?}");
        let none = tus(Method::POST, "/api/v1/uploads", &own, &[("upload-length", "0")], b"");
        assert_eq!(read(none).1["code"], "web-query", "no envelope is empty");
        // Another's is as good as none, and a scheme has its name in any case.
        let nothing = format!("/api/v1/uploads/upl_{:032x}", 7);
        for path in [&path, &nothing] {
            let answer = read(tus(Method::DELETE, path, &other, &[], b""));
            assert_eq!((answer.0, &answer.1["code"]), (StatusCode::NOT_FOUND, &json!("auth-not-found")));
            let public = play.server.ask(Method::DELETE, path, &[("tus-resumable", "1.0.0")], None);
            assert_eq!(read(public).1["code"], "auth-login-needed");
        }
        let lower = own.replacen("Bearer", "bearer", 1);
        assert_eq!(tus(Method::HEAD, &path, &lower, &[], b"").status(), StatusCode::OK);
        let append = |at: &str, body: &[u8], more: &[(&str, &str)]| {
            let headers = [&[("upload-offset", at)], more].concat();
            tus(Method::PATCH, &path, &own, &headers, body)
        };
        let first = append("0", b"1234", &[]);
        assert_eq!((first.status(), first.headers()["upload-expires"].clone()), (StatusCode::NO_CONTENT, expires.clone()));
        assert_eq!(tus(Method::HEAD, &path, &own, &[], b"").headers()["upload-expires"], expires);
        assert_eq!(offset(&path), "4");
        for (name, value, status, refused) in [
            ("tus-resumable", "0.2.2", 412, "bid-upload-version"),
            ("tus-resumable", "", 412, "bid-upload-version"),
            ("content-type", "application/octet-stream", 415, "bid-upload-media"),
        ] {
            let answer = append("4", b"5", &[(name, value)]);
            assert_eq!(answer.status().as_u16(), status, "{name}: {value}");
            assert_eq!(answer.headers()["tus-resumable"], "1.0.0", "on refusals too");
            assert_eq!(answer.headers().get("tus-version").is_some_and(|v| v == "1.0.0"), status == 412);
            assert_eq!(read(answer).1["code"], refused);
        }
        let wrong = append("3", b"4", &[]);
        assert_eq!((wrong.status(), read(wrong).1["code"].clone()), (StatusCode::CONFLICT, json!("bid-upload-offset")));
        let sum = [("upload-checksum", "sha256 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")];
        let spoilt = append("4", b"56", &sum);
        assert_eq!(spoilt.status().as_u16(), 460);
        assert_eq!(read(spoilt).1["code"], "bid-upload-checksum");
        assert_eq!(offset(&path), "4", "nothing of it was kept");
        assert_eq!(read(append("4", b"567890x", &[])).1["code"], "bid-upload-too-long");
        for spelling in ["no", "+4", "04", "4.0", ""] {
            assert_eq!(read(append(spelling, b"5", &[])).1["code"], "web-query", "{spelling}");
        }
        for method in [Method::HEAD, Method::DELETE, Method::PATCH] {
            let theirs = tus(method.clone(), &path, &other, &[("upload-offset", "4")], b"5");
            assert_eq!(theirs.status(), StatusCode::NOT_FOUND, "{method}");
        }
        assert_eq!(tus(Method::DELETE, &path, &own, &[], b"").status(), StatusCode::NO_CONTENT);
        assert_eq!(tus(Method::HEAD, &path, &own, &[], b"").status(), StatusCode::NOT_FOUND);
        let offered = play.server.ask(Method::OPTIONS, "/api/v1/uploads", &[], None);
        for (name, value) in [
            ("tus-max-size", "1048576"),
            ("tus-version", "1.0.0"),
            ("tus-resumable", "1.0.0"),
            ("tus-checksum-algorithm", "sha256"),
        ] {
            assert_eq!(offered.headers()[name], value);
        }
    }
}

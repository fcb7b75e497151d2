//! Does a download of a tender's document that broke off go on where it was?

use reqwest::{Method, StatusCode};
use sealbid::crypto::hash::Hash;
use sealbid::tender::statements::Stage;

use crate::on_both;
use crate::play::Play;
use crate::server::read;
use crate::support::wait;

/// More than leaves the server in one piece, and no two parts alike.
fn document() -> Vec<u8> {
    (0..75_000_u32).flat_map(u32::to_be_bytes).collect()
}

/// A draft's document, as its buyer reads it.
struct Reader {
    play: Play,
    path: String,
    bearer: String,
}

impl Reader {
    fn ask(&self, method: Method, headers: &[(&str, &str)]) -> reqwest::Response {
        let mut headers = headers.to_vec();
        headers.push(("authorization", &self.bearer));
        self.play.server.ask(method, &self.path, &headers, None)
    }

    /// The status, `Content-Range`, and the bytes.
    fn get(&self, headers: &[(&str, &str)]) -> (StatusCode, Option<String>, Vec<u8>) {
        let answer = self.ask(Method::GET, headers);
        let range = answer.headers().get("content-range").map(|it| it.to_str().unwrap().to_owned());
        let (status, length) = (answer.status(), answer.content_length());
        let bytes = wait(answer.bytes()).unwrap().to_vec();
        assert_eq!(length, Some(bytes.len() as u64));
        (status, range, bytes)
    }
}

on_both! {
    fn a_download_that_broke_off_goes_on_where_it_was(base: TestBase) {
        let play = Play::new(&base, 0);
        let (tender, token) = (play.draft(&[Stage::Single]), play.server.login(&play.buyer.key));
        let bytes = document();
        let url = format!("{}/api/v1/tenders/{tender}/documents?name=a.pdf", play.server.address);
        let put = play.server.client.post(url).bearer_auth(&token).body(bytes.clone());
        let (status, added) = read(wait(put.send()).unwrap());
        assert_eq!(status, StatusCode::CREATED, "{added}");
        let path = format!("/api/v1/documents/{}", added["document"].as_str().unwrap());
        let reader = Reader { play, path, bearer: format!("Bearer {token}") };

        let tag = format!("\"{}\"", Hash::of(&bytes));
        let whole = reader.ask(Method::GET, &[]);
        assert_eq!(whole.headers()["etag"], tag);
        assert_eq!(whole.headers()["accept-ranges"], "bytes");
        drop(whole);
        let all = (StatusCode::OK, None, bytes.clone());
        assert_eq!(reader.get(&[]), all);
        let part = |from: usize, until: usize| {
            let range = format!("bytes {from}-{}/{}", until - 1, bytes.len());
            (StatusCode::PARTIAL_CONTENT, Some(range), bytes[from..until].to_vec())
        };
        let same = ("if-range", &*tag);
        assert_eq!(reader.get(&[("range", "bytes=131073-"), same]), part(131_073, 300_000));
        assert_eq!(reader.get(&[("range", "bytes=299999-"), same]), part(299_999, 300_000));
        assert_eq!(reader.get(&[("range", "bytes=0-4")]), part(0, 5));
        assert_eq!(reader.get(&[("range", "bytes=5-999999")]), part(5, 300_000));
        assert_eq!(reader.get(&[("range", "bytes=-7")]), part(299_993, 300_000));

        let (rest, weak) = (("range", "bytes=5-"), format!("W/{tag}"));
        for other in ["\"x\"", &weak, "Sat, 29 Oct 1994 19:43:31 GMT", "x"] {
            assert_eq!(reader.get(&[rest, ("if-range", other)]), all, "another file: {other}");
        }
        for none in ["bytes=0-1,5-6", "lines=1-2", "bytes=x", "bytes", ""] {
            assert_eq!(reader.get(&[("range", none)]), all, "not understood: {none}");
        }
        let head = reader.ask(Method::HEAD, &[rest]);
        assert_eq!(head.status(), StatusCode::OK);
        assert_eq!(head.headers()["content-length"], "300000");
        assert_eq!(head.headers()["etag"], tag);

        let beyond = reader.ask(Method::GET, &[("range", "bytes=300000-"), same]);
        assert_eq!(beyond.headers()["content-range"], "bytes */300000");
        let (status, told) = read(beyond);
        assert_eq!((status, &told["code"]), (StatusCode::RANGE_NOT_SATISFIABLE, &"web-range".into()));
    }
}

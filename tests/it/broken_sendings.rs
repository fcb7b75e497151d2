//! Does what is sent through breaks, twice or altered become one bid, the one that was sealed?

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, StatusCode};
use sealbid::bid::statements::{BidEvent, Fault};
use sealbid::cli::bid::read as read_bid;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::json;
use sealbid::ids::UnitId;
use sealbid::opening::statements::LineStatus;
use sealbid::record::store;
use sealbid::tender::statements::Stage;
use serde_json::Value;

use crate::killed::verified;
use crate::on_both;
use crate::play::{Play, first};
use crate::routes_story::opening;
use crate::server::read;
use crate::support::{TestBase, wait};

/// A bidder with a sealed bid.
struct Sender {
    play: Play,
    unit: UnitId,
    bid: PathBuf,
    bearer: String,
}

impl Sender {
    fn new(base: &TestBase) -> Self {
        let play = Play::new(base, 3);
        let unit = play.publish(&[Stage::Single])[0];
        let bid = play.seal(0, &unit, first(), 200_000);
        let bearer = format!("Bearer {}", play.server.login(&play.bidders[0].key));
        Self { play, unit, bid, bearer }
    }

    /// The sealed payload.
    fn envelope(&self) -> Vec<u8> {
        let slice = read_bid(&self.bid).unwrap().bid;
        let (start, size) = (slice.start as usize, slice.size as usize);
        fs::read(&self.bid).unwrap()[start..start + size].to_vec()
    }

    /// An upload of so many bytes; gives its address.
    fn begin(&self, length: usize) -> String {
        let length = length.to_string();
        let headers = [
            ("authorization", &*self.bearer),
            ("tus-resumable", "1.0.0"),
            ("upload-length", &length),
        ];
        let begun = self.play.server.ask(Method::POST, "/api/v1/uploads", &headers, None);
        assert_eq!(begun.status(), StatusCode::CREATED);
        begun.headers()["location"].to_str().unwrap().to_owned()
    }

    fn append(
        &self,
        path: &str,
        offset: usize,
        bytes: &[u8],
        more: &[(&str, &str)],
    ) -> (StatusCode, Value) {
        let server = &self.play.server;
        let request = server.client.request(Method::PATCH, format!("{}{path}", server.address));
        let request =
            request.header("authorization", &self.bearer).header("tus-resumable", "1.0.0");
        let request = request.header("content-type", "application/offset+octet-stream");
        let mut request = request.header("upload-offset", offset);
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        read(wait(request.body(bytes.to_vec()).send()).unwrap())
    }

    fn offset(&self, path: &str) -> usize {
        let headers = [("authorization", &*self.bearer), ("tus-resumable", "1.0.0")];
        let found = self.play.server.ask(Method::HEAD, path, &headers, None);
        found.headers()["upload-offset"].to_str().unwrap().parse().unwrap()
    }

    /// The submission as the client sends it.
    fn submission(&self) -> Value {
        let envelope = read_bid(&self.bid).unwrap();
        let shares: Vec<_> = envelope.shares.iter().map(|share| STANDARD.encode(share)).collect();
        serde_json::json!({ "manifest": envelope.manifest.encode(), "shares": shares })
    }

    fn submit(&self, key: Option<&str>) -> (StatusCode, bool, Value) {
        let mut headers = vec![("authorization", self.bearer.as_str())];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let path = format!("/api/v1/units/{}/bids", self.unit);
        let answer = self.play.server.ask(Method::POST, &path, &headers, Some(self.submission()));
        let replayed = answer.headers().contains_key("idempotency-replayed");
        let (status, answer) = read(answer);
        (status, replayed, answer)
    }

    fn entries(&self, kind: &str) -> usize {
        let db = self.play.server.app().db();
        let entries = db.read(|conn| store::entries_of_unit(conn, &self.unit, kind));
        entries.unwrap().len()
    }

    /// With two bids more it opens to what was sealed.
    fn opens(&self) {
        let play = &self.play;
        for n in 1..3 {
            play.bid(n, &self.unit);
        }
        play.open(&self.unit);
        let lines = opening(play, &self.unit).lines;
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| matches!(line.outcome, LineStatus::Opened { .. })));
        verified(play, self.unit);
    }
}

/// A piece that is announced whole and breaks off.
fn half_a_piece(sender: &Sender, path: &str, offset: usize, bytes: &[u8]) -> TcpStream {
    let host = sender.play.server.address.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: {}\r\ntus-resumable: 1.0.0\r\n\
         content-type: application/offset+octet-stream\r\nupload-offset: {offset}\r\ncontent-length: {}\r\n\r\n",
        sender.bearer,
        bytes.len(),
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&bytes[..bytes.len() / 2]).unwrap();
    stream
}

/// Where the server keeps the bytes of an upload that is under way.
fn growing(sender: &Sender, path: &str) -> PathBuf {
    let id = path.rsplit('/').next().unwrap();
    sender.play.server.home().join("data").join("uploads").join(id)
}

/// Until a file has more than so many bytes.
fn until_longer(file: &Path, bytes: u64) {
    let grown = async {
        while fs::metadata(file).unwrap().len() <= bytes {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let patience = Duration::from_secs(60);
    wait(async { tokio::time::timeout(patience, grown).await }).expect("nothing more is there");
}

on_both! {
    fn an_upload_that_its_server_did_not_outlive_goes_on_after_the_restart(base: TestBase) {
        let mut sender = Sender::new(&base);
        let envelope = sender.envelope();
        let path = sender.begin(envelope.len());
        assert_eq!(sender.append(&path, 0, &envelope[..50_000], &[]).0, StatusCode::NO_CONTENT);
        let mut broken = half_a_piece(&sender, &path, 50_000, &envelope[50_000..]);
        until_longer(&growing(&sender, &path), 50_000);
        sender.play.server.restart();
        let mut said = Vec::new();
        drop(broken.read_to_end(&mut said));
        assert!(said.is_empty(), "nothing of it was acknowledged");
        let reached = sender.offset(&path);
        assert!((50_000..envelope.len()).contains(&reached), "{reached}");
        // The bidder's own client goes on with it.
        let kept = sender.bid.with_extension("upload");
        fs::write(&kept, &path).unwrap();
        sender.play.send_on(0, &sender.bid, Some(&kept)).unwrap();
        let all = fs::read(sender.play.server.home().join("data").join("blobs").join(path.rsplit('/').next().unwrap()));
        assert_eq!(Hash::of(&all.unwrap()), Hash::of(&envelope), "in that very upload");
        sender.opens();
    }
}

/// Has the server let uploads go after so long a silence.
fn with_silence(sender: &mut Sender, millis: u32) {
    let config = &sender.play.server.config;
    let text = fs::read_to_string(config).unwrap();
    fs::write(config, format!("upload_silence_ms = {millis}\n{text}")).unwrap();
    sender.play.server.restart();
}

/// An upload that another connection holds, which fell silent and was never closed.
fn half_open(sender: &Sender, envelope: &[u8]) -> (String, TcpStream) {
    let path = sender.begin(envelope.len());
    let silent = half_a_piece(sender, &path, 0, envelope);
    until_longer(&growing(sender, &path), 0);
    (path, silent)
}

on_both! {
    fn an_upload_whose_connection_fell_silent_goes_on_through_another(base: TestBase) {
        let mut sender = Sender::new(&base);
        with_silence(&mut sender, 2_000);
        let envelope = sender.envelope();
        let (path, silent) = half_open(&sender, &envelope);
        // The bidder's own client goes on with that very upload.
        let kept = sender.bid.with_extension("upload");
        fs::write(&kept, &path).unwrap();
        sender.play.send_on(0, &sender.bid, Some(&kept)).unwrap();
        let blobs = sender.play.server.home().join("data").join("blobs");
        let all = fs::read(blobs.join(path.rsplit('/').next().unwrap())).expect("not begun anew");
        assert_eq!(Hash::of(&all), Hash::of(&envelope));
        drop(silent);
        sender.opens();
    }
}

on_both! {
    fn an_upload_that_is_never_let_go_is_begun_anew(base: TestBase) {
        let mut sender = Sender::new(&base);
        with_silence(&mut sender, 600_000);
        let envelope = sender.envelope();
        let (path, silent) = half_open(&sender, &envelope);
        let (status, told) = sender.append(&path, 0, &envelope, &[]);
        assert_eq!((status, told["code"].as_str()), (StatusCode::CONFLICT, Some("bid-upload-busy")));
        let kept = sender.bid.with_extension("upload");
        fs::write(&kept, &path).unwrap();
        sender.play.send_on(0, &sender.bid, Some(&kept)).unwrap();
        assert_eq!(sender.entries("sealbid/accepted/v1"), 1);
        drop(silent);
    }
}

on_both! {
    fn an_upload_that_was_altered_or_cut_on_its_way_is_no_bid_until_it_is_sent_right(base: TestBase) {
        let sender = Sender::new(&base);
        let envelope = sender.envelope();
        let mut altered = envelope.clone();
        altered[100_000] ^= 1;
        let sum = format!("sha256 {}", STANDARD.encode(Hash::of(&envelope).as_bytes()));
        let path = sender.begin(envelope.len());
        let (status, told) = sender.append(&path, 0, &altered, &[("upload-checksum", &sum)]);
        assert_eq!((status.as_u16(), told["code"].as_str()), (460, Some("bid-upload-checksum")));
        assert_eq!(sender.offset(&path), 0);
        // Without a checksum it is another file than the manifest names.
        assert_eq!(sender.append(&path, 0, &altered, &[]).0, StatusCode::NO_CONTENT);
        let not_it = |sender: &Sender| {
            let (status, _, told) = sender.submit(None);
            assert_eq!((status, told["code"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some("bid-envelope")));
            let receipt = sender.play.pinned.receipt(told["receipt"].as_str().unwrap().as_bytes()).unwrap();
            let event = json::parse::<BidEvent>(&receipt.receipt.event).unwrap();
            assert!(matches!(event, BidEvent::Refused { fault: Fault::Bidder, .. }), "{event:?}");
        };
        not_it(&sender);
        // Cut, and announced so, it has no length that an envelope may have; altered at its head, no
        // header.
        let cut = sender.begin(envelope.len() - 1);
        let (status, told) = sender.append(&cut, 0, &envelope[..envelope.len() - 1], &[]);
        assert_eq!((status, told["code"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some("bid-profile")));
        let mut headless = envelope.clone();
        headless[3] ^= 1;
        let other = sender.begin(envelope.len());
        let (status, told) = sender.append(&other, 0, &headless, &[]);
        assert_eq!((status, told["code"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some("bid-profile")));
        not_it(&sender);
        assert_eq!((sender.entries("sealbid/refused/v1"), sender.entries("sealbid/accepted/v1")), (1, 0));
        sender.play.send(0, &sender.bid).unwrap();
        sender.opens();
    }
}

on_both! {
    fn one_submission_sent_many_times_at_once_is_one_entry_whatever_its_key(base: TestBase) {
        let mut sender = Sender::new(&base);
        let envelope = sender.envelope();
        let path = sender.begin(envelope.len());
        assert_eq!(sender.append(&path, 0, &envelope, &[]).0, StatusCode::NO_CONTENT);
        let keys = [Some("one"), Some("one"), Some("one"), Some("one"), Some("two"), Some("two"), None, None];
        let answers: Vec<_> = std::thread::scope(|scope| {
            let twins: Vec<_> = keys.iter().map(|key| scope.spawn(|| sender.submit(*key))).collect();
            twins.into_iter().map(|twin| twin.join().unwrap()).collect()
        });
        let index = answers.iter().find(|it| it.0 == StatusCode::OK).unwrap().2["index"].clone();
        for (key, (status, _, answer)) in keys.iter().zip(&answers) {
            match *status {
                StatusCode::OK => assert_eq!(answer["index"], index),
                _ => {
                    assert!(key.is_some(), "{answer}");
                    let told = (*status, answer["code"].as_str());
                    assert_eq!(told, (StatusCode::CONFLICT, Some("web-idempotency-running")));
                }
            }
        }
        assert_eq!((sender.entries("sealbid/accepted/v1"), sender.entries("sealbid/refused/v1")), (1, 0));
        let first = sender.submit(Some("one"));
        assert!(first.1, "it is answered from memory");
        sender.play.server.restart();
        let again = sender.submit(Some("one"));
        assert_eq!((again.0, again.1, &again.2), (StatusCode::OK, true, &first.2), "after a restart too");
        assert_eq!(first.2["index"], index);
        sender.opens();
    }
}

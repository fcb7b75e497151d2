//! How much memory the server takes for a large upload, and how fast it is:
//! `upload [MIB]`, 2,048 by default.
//!
//! The real server, in a process of its own, on SQLite; one sealed file in one `PATCH` of the tus
//! protocol, read from disk as it leaves; the time includes reading back and hashing what was stored.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::time::Instant;

use reqwest::{Body, Client, StatusCode};
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::seal::Identity;
use sealbid::crypto::seal::payload::{Attachment, seal_bid};

use crate::live::Live;
use crate::support::{TestBase, folder, wait};

const MIB: u64 = 1 << 20;
/// The server's limit is 2 GiB of ciphertext: what is sealed leaves room for headers and padding.
const ROOM: u64 = 64 * MIB;

/// `upload [MIB]`
pub fn run(numbers: &[usize]) {
    let mib = numbers.first().map_or(2048, |mib| *mib as u64);
    let home = folder("upload");
    let (plain, sealed) = (home.join("plain"), home.join("bid.age"));
    let size = (mib * MIB).saturating_sub(ROOM);
    let mut file = File::create(&plain).expect("created");
    let block = vec![0x5a; 1 << 20];
    (0..size / MIB).for_each(|_| file.write_all(&block).expect("written"));
    let key = Identity::generate(&SystemEntropy::new()).expect("a key").recipient();
    let attachment = Attachment::file("offer.pdf", &plain).expect("a file");
    let out = File::create(&sealed).expect("created");
    let length =
        seal_bid(out, &key, &SystemEntropy::new(), b"{}", vec![attachment]).expect("sealed").size;
    let mut live = Live::set(TestBase::sqlite());
    let bidder = live.register(1).remove(0);
    live.serve();
    let before = live.used();
    let began = Instant::now();
    wait(send(&format!("http://{}", live.address()), &bidder.token, &sealed, length));
    let (took, after) = (began.elapsed().as_secs_f64(), live.used());
    println!(
        "{} MiB in {took:.1} s, {:.0} MB/s, {:.1} s of the server's processor time; resident at most \
         {:.1} MiB, before the upload {:.1} MiB",
        length / MIB,
        length as f64 / took / 1e6,
        after.0 - before.0,
        after.1 as f64 / 1024.0,
        before.1 as f64 / 1024.0
    );
}

async fn send(server: &str, token: &str, sealed: &std::path::Path, length: u64) {
    let client = Client::new();
    let request = client.post(format!("{server}/api/v1/uploads")).bearer_auth(token);
    let request = request.header("tus-resumable", "1.0.0");
    let created = request.header("upload-length", length).send().await.expect("an answer");
    assert_eq!(created.status(), StatusCode::CREATED);
    let place = created.headers()["location"].to_str().expect("text").to_owned();
    let mut file = File::open(sealed).expect("a file");
    let pieces = std::iter::from_fn(move || {
        let mut piece = vec![0; 256 << 10];
        let count = file.read(&mut piece).expect("read");
        piece.truncate(count);
        (count > 0).then_some(Ok::<_, std::io::Error>(piece))
    });
    let pieces = futures_util::stream::iter(pieces);
    let request = client.patch(format!("{server}{place}")).bearer_auth(token);
    let request = request
        .header("tus-resumable", "1.0.0")
        .header("content-type", "application/offset+octet-stream");
    let request = request.header("upload-offset", 0).header("content-length", length);
    let done = request.body(Body::wrap_stream(pieces)).send().await.expect("an answer");
    assert_eq!(done.status(), StatusCode::NO_CONTENT);
}

//! Does a platform whose disk is full say so, lose nothing that it acknowledged, and go on without a
//! restart once there is room?
//!
//! The disks are real: small file systems in memory, mounted where only the test's own process sees
//! them, which needs root or a user's own namespace; filled by a file, and emptied by its removal.
//! PostgreSQL's disk is its server's, which a test cannot fill: there every table refuses what is
//! written with the error of a full disk, word for word.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::{Method, StatusCode};
use sealbid::cli::bid::read as read_bid;
use sealbid::cli::output::Silent;
use sealbid::ids::UnitId;
use sealbid::tender::statements::Stage;
use sealbid::web::folder::ID;
use serde_json::{Value, json};

use crate::killed::verified;
use crate::play::{Play, code, first};
use crate::routes_story::opening;
use crate::server::read;
use crate::support::{TestBase, folder, wait};

/// Says to the child that it may mount.
const CHILD: &str = "SEALBID_TEST_MOUNTS";

/// Runs this test again in a process with mounts of its own, and says whether this is that process.
/// Where the system allows none, the test says so, past whatever collects a test's words, and does
/// nothing: whether a machine lets anybody mount is not the program's to decide, in CI neither.
fn has_own_mounts(test: &str) -> bool {
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let as_user = ["--map-root-user", "--mount"];
    let allowed = |options: &[&str]| {
        Command::new("unshare").args(options).arg("true").output().is_ok_and(|o| o.status.success())
    };
    let Some(options) = [&as_user[1..], &as_user].into_iter().find(|options| allowed(options))
    else {
        let said = format!("SKIPPED: {test}: no file system can be mounted here\n");
        std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()).unwrap();
        return false;
    };
    let mut child = Command::new("unshare");
    child.args(options).arg(std::env::current_exe().unwrap());
    child.args(["--exact", &format!("full_disks::{test}"), "--nocapture"]).env(CHILD, "1");
    let child = child.output().unwrap();
    let said = [child.stdout, child.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
    false
}

/// A small disk.
struct Disk(PathBuf);

impl Disk {
    /// On an empty folder.
    fn on(path: &Path, size: &str) -> Self {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size},mode=0700"), "tmpfs"]).arg(path);
        assert!(mount.status().unwrap().success());
        Self(path.to_owned())
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Takes all room but so many bytes.
    fn fill_to(&self, free: usize) {
        use std::io::Write as _;
        let mut filler = fs::File::create(self.filler()).unwrap();
        while filler.write_all(&[0; 4096]).is_ok() {}
        let full = filler.metadata().unwrap().len();
        filler.set_len(full - free as u64).unwrap();
    }

    fn empty(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

/// A request of the upload protocol.
fn tus(
    play: &Play,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> reqwest::Response {
    let mut request = play.server.client.request(method, format!("{}{path}", play.server.address));
    let usual = [("tus-resumable", "1.0.0"), ("content-type", "application/offset+octet-stream")];
    for (name, value) in usual.iter().chain(headers) {
        request = request.header(*name, *value);
    }
    wait(request.body(body).send()).unwrap()
}

/// A full disk is told in both languages, with what to do next.
fn is_full(told: &[(StatusCode, Value)], expected: &str) {
    for (status, problem) in told {
        assert_eq!(*status, StatusCode::INSUFFICIENT_STORAGE, "{problem}");
        assert_eq!(problem["code"], expected, "{problem}");
        assert!(problem["hint"].as_str().unwrap().contains("sealbid bid lodge"), "{problem}");
    }
    assert_ne!(told[0].1["detail"], told[1].1["detail"], "two languages");
}

/// From here to the end everything goes as it does; what was acknowledged is in.
fn opens(play: &Play, unit: UnitId, bids: usize) {
    play.open(&unit);
    assert_eq!(opening(play, &unit).lines.len(), bids);
    verified(play, unit);
}

fn blobs_full(base: &TestBase) {
    let mut play = Play::new(base, 3);
    let unit = play.publish(&[Stage::Single])[0];
    play.server.stop();
    let data = play.server.home().join("data");
    let id = fs::read(data.join(ID)).unwrap();
    let disk = Disk::on(&data, "1m");
    // Still the folder that the database knows.
    fs::write(data.join(ID), id).unwrap();
    play.server.restart();
    let bids: Vec<_> = (0..3).map(|n| play.seal(n, &unit, first(), 200_000)).collect();
    play.send(0, &bids[0]).unwrap();
    // The second has uploaded all of it, and the third a part.
    let envelope = read_bid(&bids[1]).unwrap().bid;
    let client = play.client(&play.bidders[1].key);
    let kept = bids[1].with_extension("upload");
    wait(client.upload(&envelope, Some(&kept), &Silent)).unwrap();
    let slice = read_bid(&bids[2]).unwrap().bid;
    let whole = fs::read(&bids[2]).unwrap();
    let start = usize::try_from(slice.start).unwrap();
    let bytes = &whole[start..start + usize::try_from(slice.size).unwrap()];
    let bearer = format!("Bearer {}", play.server.login(&play.bidders[2].key));
    let own = |more: &[(&'static str, &'static str)]| {
        [&[("authorization", bearer.as_str())], more].concat()
    };
    let length = slice.size.to_string();
    let begun = tus(
        &play,
        Method::POST,
        "/api/v1/uploads",
        &[own(&[]), vec![("upload-length", &length)]].concat(),
        Vec::new(),
    );
    let path = begun.headers()["location"].to_str().unwrap().to_owned();
    let append = |offset: usize, language: &'static str| {
        let at = offset.to_string();
        let headers =
            [own(&[("accept-language", language)]), vec![("upload-offset", at.as_str())]].concat();
        read(tus(&play, Method::PATCH, &path, &headers, bytes[offset..].to_vec()))
    };
    let offset = || {
        let at = tus(&play, Method::HEAD, &path, &own(&[]), Vec::new());
        at.headers()["upload-offset"].to_str().unwrap().parse::<usize>().unwrap()
    };
    let at = [own(&[]), vec![("upload-offset", "0")]].concat();
    assert_eq!(
        tus(&play, Method::PATCH, &path, &at, bytes[..50_000].to_vec()).status(),
        StatusCode::NO_CONTENT
    );

    disk.fill_to(16_384);
    is_full(&[append(50_000, "en"), append(50_000, "zh")], "bid-upload-full");
    assert_eq!(offset(), 50_000, "what was acknowledged is there");
    disk.fill_to(0);
    let begin = |language: &'static str| {
        let headers =
            [own(&[("accept-language", language)]), vec![("upload-length", &length)]].concat();
        read(tus(&play, Method::POST, "/api/v1/uploads", &headers, Vec::new()))
    };
    is_full(&[begin("en"), begin("zh")], "bid-upload-full");
    assert_eq!(code(play.send(0, &bids[0]).map(|_| ())), "bid-upload-full", "it would upload anew");
    // A submission writes nothing there.
    assert!(play.send_on(1, &bids[1], Some(&kept)).is_ok());

    disk.empty();
    assert_eq!(append(offset(), "en").0, StatusCode::NO_CONTENT);
    play.send(2, &bids[2]).unwrap();
    opens(&play, unit, 3);
}

#[test]
fn a_full_disk_of_uploads_is_told_and_loses_nothing_on_sqlite() {
    if has_own_mounts("a_full_disk_of_uploads_is_told_and_loses_nothing_on_sqlite") {
        blobs_full(&TestBase::sqlite());
    }
}

#[test]
fn a_full_disk_of_uploads_is_told_and_loses_nothing_on_postgres() {
    if has_own_mounts("a_full_disk_of_uploads_is_told_and_loses_nothing_on_postgres")
        && let Some(base) = TestBase::postgres()
    {
        blobs_full(&base);
    }
}

/// PostgreSQL's words, and its code. The one writer's lock comes first: no act is under way then that
/// this could meet in a deadlock.
const FULL: &str = "SELECT pg_advisory_xact_lock(32481091426347364); CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
    RAISE EXCEPTION 'could not extend file \"base/16384/16397\": No space left on device' \
    USING ERRCODE = '53100', HINT = 'Check free disk space.'; END $$; \
    DO $$ DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP \
    EXECUTE format('CREATE TRIGGER a_full_disk BEFORE INSERT OR UPDATE ON %I EXECUTE FUNCTION full_disk()', t); \
    END LOOP; END $$";
const ROOM: &str = "CREATE OR REPLACE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS \
    $$ BEGIN RETURN NULL; END $$";

fn database_full(base: &TestBase, fill: &dyn Fn(), empty: &dyn Fn()) {
    let mut play = Play::new(base, 3);
    let unit = play.publish(&[Stage::Single])[0];
    let bids: Vec<_> = (0..3).map(|n| play.seal(n, &unit, first(), 0)).collect();
    let receipt = play.send(0, &bids[0]).unwrap();
    let uploaded = |n: usize| {
        let kept = bids[n].with_extension("upload");
        let envelope = read_bid(&bids[n]).unwrap();
        let client = play.client(&play.bidders[n].key);
        wait(client.upload(&envelope.bid, Some(&kept), &Silent)).unwrap();
        let shares: Vec<_> = envelope.shares.iter().map(|share| base64(share)).collect();
        json!({ "manifest": envelope.manifest.encode(), "shares": shares })
    };
    let body = uploaded(1);
    let token = format!("Bearer {}", play.server.login(&play.bidders[1].key));
    let path = format!("/api/v1/units/{unit}/bids");
    let submit = |language: &str, key: Option<&str>| {
        let mut headers = vec![("authorization", token.as_str()), ("accept-language", language)];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        read(play.server.ask(Method::POST, &path, &headers, Some(body.clone())))
    };
    let head = || read(play.server.ask(Method::GET, "/record/checkpoint", &[], None));
    play.server.beat();

    fill();
    let before = head();
    for key in [None, Some("one")] {
        is_full(&[submit("en", key), submit("zh", key)], "db-full");
    }
    let begun = |language: &str| {
        let headers = [
            ("authorization", token.as_str()),
            ("accept-language", language),
            ("upload-length", "1000"),
        ];
        read(tus(&play, Method::POST, "/api/v1/uploads", &headers, Vec::new()))
    };
    is_full(&[begun("en"), begun("zh")], "db-full");
    let challenge =
        || read(play.server.ask(Method::POST, "/api/v1/login/challenges", &[], Some(json!({}))));
    assert_eq!(challenge().0, StatusCode::OK, "who asks for a challenge leaves nothing");
    assert_eq!(head(), before);
    assert_eq!(play.unit(&unit)["state"], "open", "whoever looks sees");

    empty();
    let (status, told) = submit("en", Some("one"));
    assert_eq!(status, StatusCode::OK, "{told}");
    play.send(2, &bids[2]).unwrap();
    let again = play.send(0, &bids[0]).unwrap();
    assert_eq!(again, receipt, "acknowledged once is acknowledged");
    play.server.restart();
    opens(&play, unit, 3);
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn a_full_disk_of_the_database_is_told_and_loses_nothing_on_sqlite() {
    if has_own_mounts("a_full_disk_of_the_database_is_told_and_loses_nothing_on_sqlite") {
        let folder = folder("disk");
        let disk = Disk::on(&folder, "32m");
        let base = TestBase::sqlite_in(&folder);
        let fill = || {
            // Or what is written would find room in the log's old pages for a while.
            base.meddle("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
            disk.fill_to(0);
        };
        database_full(&base, &fill, &|| disk.empty());
    }
}

#[test]
fn a_full_disk_of_the_database_is_told_and_loses_nothing_on_postgres() {
    if let Some(base) = TestBase::postgres() {
        let meddle = |sql: &str| base.meddle(sql).unwrap();
        database_full(&base, &|| meddle(FULL), &|| meddle(ROOM));
    }
}

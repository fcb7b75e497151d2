//! Do the next roster and a succession go from draft over every signature into the chain?

use std::path::Path;

use sealbid::cli::keys;
use sealbid::cli::trust::Pinned;
use sealbid::crypto::hash::Hash;
use sealbid::custodian::home::{Home, HomeError};
use sealbid::record::checkpoint::Checkpoint;

use super::{ORIGIN, done, new_key, refused};
use crate::support::folder;

/// The TOML of a roster whose four agents are made here, each in a folder of this name and number.
fn roster_source(folder: &Path, keys: &str, agents: &str) -> String {
    let mut source = keys.to_owned();
    for i in 1..=4 {
        let dir = folder.join(format!("{agents}{i}")).display().to_string();
        done(&["custodian", "keygen", &dir]);
        let (id, address) = (format!("c{i}"), format!("http://127.0.0.1:{i}"));
        let naming = ["--id", &id, "--name", "Notary", "--address", &address];
        let told = [&["custodian", "member", &dir, "--origin", ORIGIN], &naming[..]].concat();
        source.push_str(&done(&told));
    }
    source
}

#[test]
fn a_next_roster_and_a_succession_go_over_their_custodians_into_the_chain() {
    let folder = folder("cli_chain");
    let at = |name: &str| folder.join(name).display().to_string();
    let (_, platform) = new_key(&folder, "platform");
    let (log_file, log) = new_key(&folder, "log");
    let (_, operator) = new_key(&folder, "operator");
    let (regulator_file, regulator) = new_key(&folder, "regulator");
    let by_regulator = |arguments: &[&str]| {
        done(&[arguments, &["--key", &regulator_file]].concat());
    };
    let keys = format!(
        "origin = \"{ORIGIN}\"\nt = 2\nlog_key = \"{log}\"\nplatform_key = \"{platform}\"\n\
         regulator_key = \"{regulator}\"\noperator_keys = [\"{operator}\"]\n"
    );
    let enrol = |dir: &str, roster: &str| {
        let all = ["custodian", "enrol", &at(dir), "--roster", &at(roster), "--trust", &regulator];
        done(&all)
    };
    std::fs::write(at("1.toml"), roster_source(&folder, &keys, "a")).unwrap();
    done(&["roster", "draft", &at("1.toml"), "--out", &at("1.draft")]);
    by_regulator(&["roster", "sign", &at("1.draft"), "--out", &at("1.note")]);
    for i in 1..=4 {
        enrol(&format!("a{i}"), "1.note");
    }
    let again = ["roster", "draft", &at("1.toml"), "--after", &at("1.note"), "--out", &at("x")];
    let (error, _) = refused(&again);
    assert!(error.contains("new seeds"), "{error}");
    std::fs::write(at("2.toml"), roster_source(&folder, &keys, "b")).unwrap();
    done(&["roster", "draft", &at("2.toml"), "--after", &at("1.note"), "--out", &at("2.draft")]);
    by_regulator(&["roster", "sign", &at("2.draft"), "--out", &at("2.0")]);
    refused(&["roster", "chain", &at("1.note"), &at("2.0"), "--out", &at("x")]);
    for i in 1..=3 {
        let (before, after) = (at(&format!("2.{}", i - 1)), at(&format!("2.{i}")));
        let dir = at(&format!("a{i}"));
        done(&["custodian", "sign-roster", &dir, &before, "--out", &after]);
    }
    let (error, _) =
        refused(&["custodian", "sign-roster", &at("b1"), &at("2.0"), "--out", &at("x")]);
    assert!(
        error.contains("roster.note"),
        "an agent that is enrolled nowhere signs nothing: {error}"
    );
    let pin = done(&["roster", "chain", &at("1.note"), &at("2.3"), "--out", &at("chain")]);
    assert_eq!(done(&["roster", "pin", &at("chain")]), pin);
    let chain = std::fs::read(at("chain")).unwrap();
    let pinned = Pinned::new(&chain, &regulator.parse().unwrap()).unwrap();
    assert_eq!(pinned.sha256().to_string(), pin.trim_end());
    enrol("b1", "chain");
    let trust = ["--trust", regulator.as_str()];
    refused(&[&["custodian", "enrol", &at("b2"), "--roster", &at("2.3")][..], &trust].concat());
    let unsigned = ["1.note", "2.0"].map(|name| std::fs::read(at(name)).unwrap()).concat();
    std::fs::write(at("unsigned"), &unsigned).unwrap();
    refused(
        &[&["custodian", "enrol", &at("b2"), "--roster", &at("unsigned")][..], &trust].concat(),
    );
    let kept = folder.join("b1").join("roster.note");
    let chain = std::fs::read(&kept).unwrap();
    std::fs::write(&kept, unsigned).unwrap();
    let swapped = Home::read(&folder.join("b1"));
    assert!(matches!(swapped, Err(HomeError::Content { .. })), "fewer than q of version 1");
    std::fs::write(&kept, chain).unwrap();

    let head = Checkpoint { origin: ORIGIN.to_owned(), size: 8, root: Hash::of(b"a tree") };
    let head = head.signed(&keys::load(Path::new(&log_file)).unwrap()).unwrap();
    std::fs::write(at("head"), head.encode()).unwrap();
    let new = at("new-log");
    let origin = format!("{ORIGIN}/2");
    let key = done(&["key", "new", "--origin", &origin, "--role", "log", "--out", &new]);
    let draft = ["succession", "draft", "--roster", &at("chain"), "--checkpoint", &at("head")];
    let what =
        ["--log-key", key.trim_end(), "--reason", "restored-backup", "--out", &at("s.draft")];
    done(&[&draft[..], &what[..]].concat());
    by_regulator(&["succession", "sign", &at("s.draft"), "--out", &at("s.note")]);
    let sign =
        ["custodian", "sign-succession", &at("b1"), &at("s.note"), "--checkpoint", &at("head")];
    let (error, _) = refused(&[&sign[..], &["--out", &at("x")]].concat());
    assert!(error.contains("has not cosigned"), "{error}");
    refused(&["roster", "chain", &at("chain"), &at("s.note"), "--out", &at("x")]);
}

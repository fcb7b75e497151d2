//! Are keys and rosters made privately, pinned, and never written over?

use sealbid::cli::failed::Failed;
use sealbid::cli::keys;
use sealbid::cli::trust::Pinned;
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::custodian::home::Home;

use super::files::in_both;
use super::{ORIGIN, done, new_key, program, refused, refused_with};
use crate::support::folder;

#[test]
fn a_new_key_is_private_and_never_written_over_another() {
    let folder = folder("cli_key");
    let (file, key) = new_key(&folder, "enterprise");
    assert!(key.starts_with(&format!("{ORIGIN}/enterprise/ent_")), "{key}");
    assert_eq!(done(&["key", "show", &file]), format!("{key}\n"));
    let before = std::fs::read(&file).unwrap();
    let again = ["key", "new", "--origin", ORIGIN, "--role", "enterprise", "--out", &file];
    let (error, _) = refused(&again);
    assert_eq!(error, format!("error: {file} exists already; it was not touched."));
    assert_eq!(std::fs::read(&file).unwrap(), before);
    let left = std::fs::read_dir(&*folder).unwrap().count();
    assert_eq!(left, 1, "nothing half-written stays");
}

#[cfg(unix)]
#[test]
fn a_key_file_that_others_can_read_is_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder("cli_exposed");
    let (file, _) = new_key(&folder, "regulator");
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    mode(0o640).unwrap();
    let (error, _) = refused(&["key", "show", &file]);
    assert!(error.contains("Others on this machine"), "{error}");
    mode(0o600).unwrap();
    assert!(!done(&["key", "show", &file]).is_empty());
}

#[test]
fn a_key_file_whose_halves_differ_is_not_used() {
    let folder = folder("cli_halves");
    let (one, other) = (folder.join("one"), folder.join("other"));
    let entropy = SystemEntropy::new();
    keys::create(&one, "bids.example/operator/a", &entropy).unwrap();
    keys::create(&other, "bids.example/operator/a", &entropy).unwrap();
    let (one_text, other_text) =
        (std::fs::read_to_string(&one).unwrap(), std::fs::read_to_string(&other).unwrap());
    let public = one_text.lines().next().unwrap();
    let secret = other_text.lines().nth(1).unwrap();
    std::fs::write(&one, format!("{public}\n{secret}\n")).unwrap();
    assert!(matches!(keys::load(&one), Err(Failed::Content { .. })));
    assert!(keys::load(&other).is_ok());
}

#[test]
fn a_roster_goes_from_toml_over_draft_and_signature_to_its_pin() {
    let folder = folder("cli_roster");
    let at = |name: &str| folder.join(name).display().to_string();
    let (_, platform) = new_key(&folder, "platform");
    let (_, log) = new_key(&folder, "log");
    let (operator_file, operator) = new_key(&folder, "operator");
    let (regulator_file, regulator) = new_key(&folder, "regulator");
    let mut source = format!(
        "origin = \"{ORIGIN}\"\nt = 2\nlog_key = \"{log}\"\nplatform_key = \"{platform}\"\n\
         regulator_key = \"{regulator}\"\noperator_keys = [\"{operator}\"]\n"
    );
    for i in 1..=4 {
        let (dir, id) = (at(&format!("agent{i}")), format!("c{i}"));
        done(&["custodian", "keygen", &dir]);
        let address = format!("http://127.0.0.1:{i}");
        let naming = ["--id", &id, "--name", "Notary", "--address", &address];
        let told = [&["custodian", "member", &dir, "--origin", ORIGIN], &naming[..]].concat();
        source.push_str(&done(&told));
    }
    std::fs::write(at("roster.toml"), source).unwrap();
    done(&["roster", "draft", &at("roster.toml"), "--out", &at("draft")]);
    let (unsigned, _) = refused(&["roster", "pin", &at("draft")]);
    assert!(unsigned.contains("a signature that must be there is missing"), "{unsigned}");
    let sign = ["roster", "sign", &at("draft"), "--out", &at("roster.note")];
    refused_with(2, &sign);
    let by_operator = [&sign[..], &["--key", &operator_file]].concat();
    let (foreign, hint) = refused(&by_operator);
    assert!(foreign.contains(&operator) && hint.contains(&regulator), "{foreign} {hint}");
    assert!(!folder.join("roster.note").exists());
    in_both(&by_operator, "");
    done(&[&sign[..], &["--key", &regulator_file]].concat());
    let pin = done(&["roster", "pin", &at("roster.note")]);
    let roster = std::fs::read(at("roster.note")).unwrap();
    assert!(Pinned::new(&roster, &pin.trim_end().parse().unwrap()).is_ok());
    assert!(Pinned::new(&roster, &regulator.parse().unwrap()).is_ok());
    assert!(matches!(Pinned::new(&roster, &operator.parse().unwrap()), Err(Failed::NotPinned)));
    let enrol = |dir: &str, roster: &str, more: &[&str]| {
        let (dir, roster) = (at(dir), at(roster));
        let all = [&["custodian", "enrol", &dir, "--roster", &roster][..], more].concat();
        program(&all).status.success()
    };
    let trust = ["--trust", pin.trim_end()];
    assert!(!enrol("agent3", "roster.note", &[]), "nobody says that it is the right roster");
    assert!(!enrol("agent3", "roster.note", &["--trust", &Hash::of(b"another").to_string()]));
    assert!(!enrol("agent3", "roster.note", &["--trust", &operator]));
    assert!(enrol("agent3", "roster.note", &trust));
    assert!(!enrol("agent3", "roster.note", &trust), "once");
    done(&["custodian", "keygen", &at("stranger")]);
    assert!(!enrol("stranger", "roster.note", &trust));
    assert!(enrol("agent4", "roster.note", &["--trust", &regulator, "--restored"]));
    // Each says what to do about that very folder.
    let (stranger, agent3, none) = (at("stranger"), at("agent3"), at("none"));
    let (roster, pin) = (at("roster.note"), pin.trim_end());
    let enrol = ["custodian", "enrol", &stranger, "--roster", &roster, "--trust", pin];
    let listen = ["--listen", "127.0.0.1:0"];
    let serve = |dir| [&["custodian", "serve", dir][..], &listen].concat();
    std::fs::write(folder.join("agent3/witness.json"), "{").unwrap();
    for (command, hint) in [
        (enrol.to_vec(), "sealbid custodian member"),
        (vec!["custodian", "keygen", &agent3], "choose another folder"),
        (serve(&none), "sealbid custodian keygen"),
        (serve(&stranger), "sealbid custodian enrol"),
        (serve(&agent3), "start it once with --recover"),
    ] {
        let (error, said) = refused(&command);
        assert!(said.contains(hint), "{command:?}: {error} {said}");
        in_both(&command, "");
    }
    std::fs::remove_file(folder.join("agent3/witness.json")).unwrap();
    assert!(refused(&serve(&agent3)).1.contains("sealbid custodian adopt"));
    let lost = Home::read(&folder.join("agent4")).unwrap();
    assert!(lost.state.is_lost(), "what a restored seed signed before is unknown");
}

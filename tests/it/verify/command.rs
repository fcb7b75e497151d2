//! Does `sealbid verify` end as its documents say, whatever file, pin or receipt it is given?

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};

use sealbid::verify::casefile::CaseKind;
use serde_json::Value;

use super::trust;
use crate::case_maker::{Maker, Twist, make};
use crate::support::folder;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sealbid");

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.env_remove("SEALBID_LANG").env("LANG", "en_GB.UTF-8");
    command.arg("verify").args(arguments).output().unwrap()
}

fn exit(output: &Output) -> u8 {
    u8::try_from(output.status.code().unwrap()).unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

#[test]
fn a_mistyped_pin_is_refused_before_anything_is_judged_in_both_languages() {
    let folder = folder("verify_pins");
    let maker = make(Twist::None);
    let case = put(&folder, "case.sealbid", &maker.case(CaseKind::Public));
    let hash = maker.roster.sha256().to_string();
    let key = maker.keys.regulator.verifying().to_string();
    let (name, rest) = key.split_once('+').unwrap();
    let (id, material) = rest.split_once('+').unwrap();
    let other_id = if id.starts_with('0') { "1" } else { "0" }.to_owned() + &id[1..];
    let not_a_folder = folder.join("nowhere").display().to_string();
    let pins = [
        hash[1..].to_owned(),
        format!("{hash}0"),
        format!("g{}", &hash[1..]),
        format!("0x{hash}"),
        format!("{name}+{id}"),
        format!("{name}+{id}+{}", &material[1..]),
        format!("{name}+{id}+!{}", &material[1..]),
        format!("{name}+{other_id}+{material}"),
        put(&folder, "empty", b""),
        put(&folder, "words", b"the pin is on the second page\n"),
        put(&folder, "bytes", &[0xFF; 100]),
        put(&folder, "late", &[&[b' '; 100_000], hash.as_bytes()].concat()),
        case.clone(),
        folder.display().to_string(),
        not_a_folder,
    ];
    for pin in &pins {
        for json in [&[][..], &["--json"]] {
            let asked = |lang: &str| {
                run(&[&["--lang", lang, &case, "--trust", pin.as_str()], json].concat())
            };
            let (en, zh) = (asked("en"), asked("zh"));
            assert_eq!((exit(&en), exit(&zh)), (2, 2), "{pin}");
            assert!(en.stdout.is_empty() && zh.stdout.is_empty(), "{pin}");
            let first = format!("error: \u{201c}{pin}\u{201d} is no pin, nor a file");
            assert!(told(&en).starts_with(&first), "{}", told(&en));
            assert!(told(&en).contains("\nhint: Give --trust the roster's SHA-256"));
            let first = format!("错误: \u{201c}{pin}\u{201d} 既不是锚定值");
            assert!(told(&zh).starts_with(&first), "{}", told(&zh));
        }
    }
    for pin in [hash.clone(), key, put(&folder, "pin", format!(" {hash}\n# roster\n").as_bytes())] {
        assert_eq!(exit(&run(&[&case, "--trust", &pin])), 0, "{pin}");
    }
}

/// The report of `--json`, which must be of the documented form and agree with the exit code.
fn checked(output: &Output) -> Value {
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(keys(&json), named(&["claims", "counts", "exit", "pinned"]));
    let pins = ["pinned", "not-pinned", "not-compared", "mismatch"];
    assert!(pins.contains(&json["pinned"].as_str().unwrap()));
    let verdicts = ["ok", "failed", "not-decidable"];
    assert_eq!(keys(&json["counts"]), named(&verdicts));
    let claims = json["claims"].as_array().unwrap();
    for claim in claims {
        let mut expected: BTreeSet<String> = named(&["code", "detail", "id", "verdict"]);
        if let Some(unit) = claim.get("unit") {
            assert_eq!(unit.as_str().unwrap().len(), 64);
            expected.insert("unit".to_owned());
        }
        assert_eq!(keys(claim), expected);
        assert!(verdicts.contains(&claim["verdict"].as_str().unwrap()));
        assert!(claim["code"].as_str().unwrap().starts_with("verify-say-"));
        let detail = claim["detail"].as_str().unwrap();
        assert!(!detail.is_empty() && !detail.contains("verify-say"), "{detail}");
    }
    for verdict in verdicts {
        let count = claims.iter().filter(|claim| claim["verdict"] == verdict).count();
        assert_eq!(json["counts"][verdict], count);
    }
    assert_eq!(json["exit"], exit(output));
    assert!(output.stderr.is_empty());
    json
}

/// Every way to end, in text and in JSON: the codes seen.
fn ends(folder: &Path) -> BTreeSet<u8> {
    let (maker, late) = (make(Twist::None), make(Twist::LateByOne));
    let pin = |maker: &Maker| trust(maker).to_string();
    let case = put(folder, "case", &maker.case(CaseKind::Public));
    let bad = put(folder, "late", &late.case(CaseKind::Public));
    let cut = put(folder, "cut", &maker.case(CaseKind::Public)[..9000]);
    let receipt = put(folder, "receipt", &maker.receipt(&maker.entered[&(1, 1)], 4));
    let (own, others) = (pin(&maker), pin(&late));
    let other = sealbid::crypto::hash::Hash::of(b"another").to_string();
    assert_eq!(own, others, "one roster");
    let rows: [(u8, &str, &[&str]); 9] = [
        (0, "pinned", &[&case, "--trust", &own]),
        (1, "pinned", &[&bad, "--trust", &own]),
        (1, "not-pinned", &[&bad]),
        (2, "not-compared", &[&cut, "--trust", &own]),
        (2, "not-pinned", &[&cut]),
        (3, "not-pinned", &[&case]),
        (4, "mismatch", &[&case, "--trust", &other]),
        (4, "mismatch", &[&bad, "--trust", &other]),
        (5, "pinned", &[&case, "--trust", &own, "--receipt", &receipt]),
    ];
    for (code, pinned, arguments) in &rows {
        let output = run(&[*arguments, &["--json"]].concat());
        assert_eq!((exit(&output), checked(&output)["pinned"].as_str()), (*code, Some(*pinned)));
        let text = run(arguments);
        assert_eq!(exit(&text), *code, "{arguments:?}");
        assert!(text.stderr.is_empty() && !text.stdout.is_empty());
    }
    rows.iter().map(|(code, ..)| *code).collect()
}

#[test]
fn every_documented_exit_code_is_given_and_no_other() {
    let folder = folder("verify_ends");
    let given = ends(&folder);
    let rows = |text: &str| -> BTreeSet<u8> {
        let code = |line: &str| line.strip_prefix("| ")?.split_once(" |")?.0.parse().ok();
        text.lines().filter_map(code).collect()
    };
    let part = |text: &'static str, from: &str, to: &str| {
        text.split_once(from).unwrap().1.split_once(to).unwrap().0
    };
    let formats = part(include_str!("../../../docs/FORMATS.md"), "| exit code |", "\nEvery claim");
    assert_eq!(rows(formats), given);
    let guide = part(include_str!("../../../docs/VERIFY.md"), "## Exit codes", "\n2 comes before");
    assert_eq!(rows(guide), given);
    let help = part(include_str!("../../cmd/verify.md"), "Exit codes:\n", "\n\n");
    let codes = help.lines().filter_map(|line| line.trim_start().split_once("  ")?.0.parse().ok());
    assert_eq!(codes.collect::<BTreeSet<u8>>(), given);
}

#[test]
fn what_cannot_be_read_ends_with_two() {
    let folder = folder("verify_unread");
    let path = |name: &str| folder.join(name).display().to_string();
    let case = make(Twist::None).case(CaseKind::Public);
    let good = put(&folder, "case", &case);
    symlink("loop", folder.join("loop")).unwrap();
    let closed = put(&folder, "closed", &case);
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let (loops, nowhere, it) = (path("loop"), path("nowhere"), folder.display().to_string());
    let mut unopened = vec![loops.as_str(), nowhere.as_str(), it.as_str()];
    // Nothing is closed to the machine's administrator.
    if File::open(&closed).is_err() {
        unopened.push(&closed);
    }
    for file in unopened {
        for arguments in [vec![file], vec![&good, "--receipt", file]] {
            let output = run(&arguments);
            assert_eq!(exit(&output), 2, "{arguments:?}");
            assert!(output.stdout.is_empty());
            let said = told(&output);
            assert!(said.starts_with(&format!("error: {file}: ")), "{said}");
            assert!(said.contains("\nhint: "), "{said}");
        }
    }
    let empty = put(&folder, "empty", b"");
    for file in [empty.as_str(), "/dev/null"] {
        let output = run(&[file, "--json"]);
        assert_eq!(
            (exit(&output), checked(&output)["claims"][0]["id"].as_str()),
            (2, Some("archive"))
        );
    }
}

#[test]
fn a_huge_file_is_refused_in_little_memory() {
    const HUGE: u64 = 3 << 30;
    let folder = folder("verify_huge");
    let maker = make(Twist::None);
    let case = maker.case(CaseKind::Public);
    let good = put(&folder, "case", &case);
    let grown = |name: &str, bytes: &[u8]| {
        let path = put(&folder, name, bytes);
        File::options().write(true).open(&path).unwrap().set_len(HUGE).unwrap();
        path
    };
    let zeros = grown("zeros", b"");
    let (behind, amid) = (grown("behind", &case), grown("amid", &case[..700]));
    let (pin, receipt) = (grown("pin", b"no pin"), grown("receipt", b"no receipt"));
    let rows: [&[&str]; 5] = [
        &[&zeros],
        &[&behind],
        &[&amid],
        &[&good, "--trust", &pin],
        &[&good, "--receipt", &receipt],
    ];
    for arguments in rows {
        let script = format!("ulimit -v 2000000; exec {PROGRAM} verify \"$@\"");
        let output =
            Command::new("sh").args(["-c", &script, "sh"]).args(arguments).output().unwrap();
        assert_eq!(exit(&output), 2, "{arguments:?} {}", told(&output));
    }
}

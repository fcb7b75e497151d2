//! Does a short script of another language, written from docs/FORMATS.md, come to the same draw?

use std::path::Path;
use std::process::{Command, Output};

use crate::formats_document::documented;
use crate::outside;
use crate::support::folder;

/// The document's first draw and its result, with one text of the result exchanged.
fn recomputed(from: &str, to: &str) -> Option<Output> {
    let python = outside::program("python3")?;
    let lines: Vec<&str> = documented("statements-draw").unwrap().lines().collect();
    let draw = format!("{}\n{}\n", lines[0], lines[1]);
    let result = format!("{}\n{}\n", lines[4], lines[5]);
    assert!(result.contains(from), "{from}");
    let folder = folder("draw-by-hand");
    let paths =
        [("draw.note", draw), ("result.note", result.replacen(from, to, 1))].map(|(name, text)| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/draw.py");
    Some(Command::new(python).arg(script).args(paths).output().unwrap())
}

#[test]
fn the_documents_draw_is_recomputed_by_the_script() {
    let Some(output) = recomputed("", "") else { return };
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let drawn: Vec<&str> = printed.lines().map(|line| line.rsplit_once(' ').unwrap().0).collect();
    let expected = [
        "roads 0 seated",
        "roads 1 seated",
        "roads 2 seated",
        "roads 3 reserve",
        "money 1 seated",
        "money 2 reserve",
    ];
    assert_eq!(drawn, expected, "position 0 for the money was taken for the roads");
}

#[test]
fn the_script_finds_what_does_not_follow() {
    for (from, to) in [
        ("\"index\":4", "\"index\":5"),
        ("\"outcome\":\"seated\"", "\"outcome\":\"reserve\""),
        ("{\"skipped\":\"taken\"}", "\"seated\""),
        ("\"value\":\"08", "\"value\":\"18"),
        ("\"seed\":\"", "\"seed\":\"0"),
        ("\"proof\":[\"", "\"proof\":[\"00"),
    ] {
        let Some(output) = recomputed(from, to) else { return };
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.trim()), (Some(1), "not as drawn"), "{from}");
    }
}

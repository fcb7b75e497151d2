//! Programs nobody here wrote, which the tests compare with.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Whether nothing may be skipped.
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|v| v == "true")
}

/// The program on the PATH; missing, it fails the test under CI and is said elsewhere.
pub fn program(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|p| p.join(name)).find(|p| p.is_file());
    absent(found.is_none(), &format!("the program {name} is not installed"));
    found
}

/// A file or folder below the repository that `npm ci` makes.
pub fn node_module(path: &str) -> Option<PathBuf> {
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join("node_modules").join(path);
    let there = full.exists();
    absent(!there, &format!("node_modules/{path} is missing: run `npm ci`"));
    there.then_some(full)
}

#[expect(clippy::print_stderr, reason = "a skipped comparison must be seen")]
fn absent(absent: bool, sentence: &str) {
    assert!(!(absent && in_ci()), "with CI=true nothing is skipped: {sentence}");
    if absent {
        eprintln!("SKIPPED: {sentence}");
    }
}

/// Runs a program with `input` on its standard input.
pub fn run(command: &mut Command, input: &[u8]) -> Output {
    use std::io::Write;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || stdin.write_all(&input).ok());
    let output = child.wait_with_output().expect("the program ends");
    feeder.join().expect("the feeder ends");
    output
}

/// A fresh folder for one test, removed when dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sealbid-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("a temporary file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

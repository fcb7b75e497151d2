//! Do programs nobody here wrote open a bid by the steps in docs/FORMATS.md, and we their files?

use std::path::{Path, PathBuf};
use std::process::Command;

use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::seal::payload::{Attachment, LIMITS, check, seal_bid};
use sealbid::crypto::seal::{Identity, check_header};
use sealbid::crypto::shares::{open_share, seal_share, split};

use crate::outside::{self, Folder};

fn output(program: &Path, args: &[&Path]) -> Vec<u8> {
    let output = Command::new(program).args(args).output().expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", program.display());
    output.stdout
}

fn decrypt(age: &Path, key: &Path, file: &Path) -> Vec<u8> {
    output(age, &[Path::new("-d"), Path::new("-i"), key, file])
}

#[test]
fn stock_programs_open_a_bid_from_its_shares() {
    let Some(age) = outside::program("age") else { return };
    let Some(keygen) = outside::program("age-keygen") else { return };
    let Some(python) = outside::program("python3") else { return };
    let Some(tar) = outside::program("tar") else { return };
    let folder = Folder::new("by-hand");
    let entropy = SystemEntropy::new();

    let one = Identity::generate(&entropy).unwrap();
    let drawings: Vec<u8> = (0..200_000_u32).map(|i| (i % 241) as u8).collect();
    let files = vec![Attachment::bytes("图纸.pdf", drawings.clone()).unwrap()];
    let mut bid = Vec::new();
    seal_bid(&mut bid, &one.recipient(), &entropy, b"{\"seq\":1}", files).unwrap();
    let bid = folder.write("bid.age", &bid);

    let mut opened: Vec<PathBuf> = Vec::new();
    for (i, share) in split(&one, 3, 5, &entropy).unwrap().iter().enumerate().skip(2) {
        let custodian = Identity::generate(&entropy).unwrap();
        let sealed = seal_share(share, &custodian.recipient(), &entropy).unwrap();
        let sealed = folder.write(&format!("share{i}.age"), &sealed);
        let key = folder.write(&format!("c{i}.key"), custodian.encode().as_bytes());
        opened.push(folder.write(&format!("s{i}"), &decrypt(&age, &key, &sealed)));
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/combine.py");
    let mut args = vec![script.as_path()];
    args.extend(opened.iter().map(PathBuf::as_path));
    let key = folder.write("one.key", &output(&python, &args));

    let public = output(&keygen, &[Path::new("-y"), &key]);
    assert_eq!(String::from_utf8(public).unwrap().trim(), one.recipient().to_string());
    let payload = folder.write("payload.tar", &decrypt(&age, &key, &bid));
    let json = output(&tar, &[Path::new("xOf"), &payload, Path::new("bid.json")]);
    assert_eq!(json, b"{\"seq\":1}");
    assert_eq!(output(&tar, &[Path::new("xOf"), &payload, Path::new("图纸.pdf")]), drawings);
}

#[test]
fn a_bid_sealed_by_stock_age_fits_the_profile_and_opens() {
    let Some(age) = outside::program("age") else { return };
    let folder = Folder::new("stock-age");
    let entropy = SystemEntropy::new();
    let (one, custodian) =
        (Identity::generate(&entropy).unwrap(), Identity::generate(&entropy).unwrap());
    let seal_to = |key: &Identity, plain: &Path| {
        let to = key.recipient().to_string();
        output(&age, &[Path::new("-r"), Path::new(&to), plain])
    };
    let tar = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tar/payload.tar");
    let bid = seal_to(&one, &tar);
    check_header(&bid).unwrap();
    let checked = check(std::io::Cursor::new(bid.clone()), &one, LIMITS).unwrap();
    assert_eq!(checked.sealed.unwrap().sha256, Hash::of(&bid));
    assert_eq!(checked.files.len(), 3);

    let shares = split(&one, 2, 4, &entropy).unwrap();
    let plain = folder.write("share", shares[0].as_bytes());
    let sealed = seal_to(&custodian, &plain);
    let opened = open_share(&sealed, &Hash::of(&sealed), &custodian).unwrap();
    assert_eq!(opened.as_bytes(), shares[0].as_bytes());
}

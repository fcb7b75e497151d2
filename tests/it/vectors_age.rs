//! Does the header profile let in only files on which every age program agrees?
//!
//! The vectors are C2SP's (npm `cctv-age`), made to tell age programs apart.

use std::fmt::Write as _;
use std::io::Read;

use base64::Engine;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::seal::{Identity, OpenError, ProfileError, check_header, open};

use crate::outside;

/// One line per vector: what it expects, what the profile says, what opening says.
const GOLDEN: &str = include_str!("../golden/cctv_age.txt");

struct Vector {
    name: String,
    expect: String,
    payload: Option<Hash>,
    identity: Option<Identity>,
    file: Vec<u8>,
}

/// The package is one script: `var NAME_default = __toBinary("BASE64");` per vector.
fn vectors(script: &str) -> Vec<Vector> {
    let found: Vec<_> = script
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.strip_prefix("var ")?.split_once("_default = __toBinary(\"")?;
            let base64 = rest.strip_suffix("\");")?;
            let bytes = base64::prelude::BASE64_STANDARD.decode(base64).expect("base64");
            Some(vector(name, &bytes))
        })
        .collect();
    assert!(found.len() > 100, "only {} vectors in the package", found.len());
    found
}

fn vector(name: &str, bytes: &[u8]) -> Vector {
    let end = bytes.windows(2).position(|w| w == b"\n\n").expect("a blank line");
    let head = std::str::from_utf8(&bytes[..end]).expect("a textual head");
    let field = |key: &str| head.lines().find_map(|l| l.strip_prefix(key)).map(str::to_owned);
    let mut file = bytes[end + 2..].to_vec();
    if field("compressed: ").is_some() {
        let mut plain = Vec::new();
        flate2::read::ZlibDecoder::new(file.as_slice()).read_to_end(&mut plain).expect("zlib");
        file = plain;
    }
    Vector {
        name: name.to_owned(),
        expect: field("expect: ").expect("an expectation"),
        payload: field("payload: ").map(|h| h.parse().expect("a hash")),
        identity: field("identity: ").and_then(|i| i.parse().ok()),
        file,
    }
}

fn opened(vector: &Vector) -> Result<Hash, OpenError> {
    let identity = vector.identity.as_ref().expect("an X25519 identity");
    let mut plain = Vec::new();
    open(vector.file.as_slice(), identity)?.read_to_end(&mut plain).map_err(OpenError::from_io)?;
    Ok(Hash::of(&plain))
}

#[test]
fn the_profile_and_the_opener_judge_every_vector_as_written_down() {
    let Some(package) = outside::node_module("cctv-age/index.js") else { return };
    let script = std::fs::read_to_string(package).expect("the package");
    let mut said = String::new();
    for vector in vectors(&script) {
        let profile = check_header(&vector.file).map_or_else(ProfileError::code, |_| "fits");
        let opens = match &vector.identity {
            None => "-",
            Some(_) => match opened(&vector) {
                Ok(hash) => {
                    assert_eq!(vector.expect, "success", "{} opened", vector.name);
                    assert_eq!(Some(hash), vector.payload, "{}", vector.name);
                    "opens"
                }
                Err(e) => e.code(),
            },
        };
        // Whatever fits the profile, this opener and the vectors' authors agree on.
        if profile == "fits" && vector.identity.is_some() {
            assert_eq!(opens == "opens", vector.expect == "success", "{}", vector.name);
        }
        writeln!(said, "{}: {}: {profile}: {opens}", vector.name, vector.expect).unwrap();
    }
    for (said, golden) in said.lines().zip(GOLDEN.lines()) {
        assert_eq!(said, golden);
    }
    assert_eq!(said.len(), GOLDEN.len());
}

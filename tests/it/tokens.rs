//! Does a session token or a login open anything it was not made for?

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use proptest::prelude::*;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sealbid::auth::login::{CHALLENGE_MS, CLOCK_TOLERANCE_MS, Challenge, Login, prove};
use sealbid::auth::provider::install_providers;
use sealbid::auth::token::{LIFETIME_SECONDS, TokenKey};
use sealbid::auth::{Actor, Refused};
use sealbid::clock::Time;
use sealbid::crypto::entropy::SeededEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::crypto::statement::Statement;
use sealbid::ids::{EnterpriseId, SessionId};
use serde_json::{Value, json};

const SEED: [u8; 32] = [7; 32];
const ORIGIN: &str = "bids.example.org/record";
const NOW: Time = Time::from_millis(1_795_482_000_000);

fn key() -> TokenKey {
    install_providers();
    TokenKey::new(&SEED, ORIGIN).unwrap()
}

fn session() -> SessionId {
    SessionId::random(&SeededEntropy::new(1)).unwrap()
}

fn actor() -> Actor {
    Actor::Bidder(EnterpriseId::random(&SeededEntropy::new(2)).unwrap())
}

fn parts(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|p| B64.decode(p).unwrap());
    let mut json = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (json(), json())
}

/// A token with any header and payload, truly signed by our own key.
fn forge(header: &Value, payload: &Value) -> String {
    let text = format!("{}.{}", B64.encode(header.to_string()), B64.encode(payload.to_string()));
    let pair = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
    format!("{text}.{}", B64.encode(pair.sign(text.as_bytes()).as_ref()))
}

#[test]
fn a_token_says_who_and_in_which_session() {
    let token = key().issue(&actor(), session(), NOW).unwrap();
    let claims = key().check(&token, NOW).unwrap();
    assert_eq!((claims.actor, claims.session), (actor(), session()));
    assert_eq!(claims.expires_at, NOW.plus(LIFETIME_SECONDS * 1000));
}

#[test]
fn a_token_ends_at_its_millisecond() {
    let token = key().issue(&actor(), session(), NOW).unwrap();
    let end = NOW.plus(LIFETIME_SECONDS * 1000);
    assert!(key().check(&token, end.plus(-1)).is_ok());
    assert_eq!(key().check(&token, end), Err(Refused::Expired));
    assert_eq!(key().check(&token, end.plus(1)), Err(Refused::Expired));
}

#[test]
fn a_token_that_was_good_once_still_ends_and_an_altered_one_is_another() {
    install_providers();
    let key = key();
    let token = key.issue(&actor(), session(), NOW).unwrap();
    let claims = key.check(&token, NOW).unwrap();
    assert_eq!(key.check(&token, NOW), Ok(claims.clone()));
    assert_eq!(key.check(&token, claims.expires_at), Err(Refused::Expired));
    let (text, signature) = token.split_at(token.rfind('.').unwrap() + 1);
    let altered = format!("{text}{}", signature.chars().rev().collect::<String>());
    assert_eq!(key.check(&altered, NOW), Err(Refused::Token));
    assert_eq!(key.check(&altered, NOW), Err(Refused::Token), "what was bad is not remembered");
}

#[test]
fn a_token_of_another_key_is_refused() {
    install_providers();
    let other = TokenKey::new(&[8; 32], ORIGIN).unwrap();
    let token = other.issue(&actor(), session(), NOW).unwrap();
    assert_eq!(key().check(&token, NOW), Err(Refused::Token));
}

#[test]
fn a_token_of_another_platform_with_the_same_key_is_refused() {
    install_providers();
    let other = TokenKey::new(&SEED, "other.example.org/record").unwrap();
    let token = other.issue(&actor(), session(), NOW).unwrap();
    assert_eq!(key().check(&token, NOW), Err(Refused::Token));
}

#[test]
fn the_forger_of_these_tests_can_make_a_good_token() {
    let (header, payload) = parts(&key().issue(&actor(), session(), NOW).unwrap());
    assert!(key().check(&forge(&header, &payload), NOW).is_ok());
}

#[test]
fn no_algorithm_but_ours_is_accepted() {
    let (header, payload) = parts(&key().issue(&actor(), session(), NOW).unwrap());
    for alg in ["none", "None", "HS256", "HS512", "RS256", "ES256", "Ed25519", ""] {
        let mut header = header.clone();
        header["alg"] = json!(alg);
        assert_eq!(key().check(&forge(&header, &payload), NOW), Err(Refused::Token), "{alg}");
        let text = forge(&header, &payload);
        let unsigned = &text[..=text.rfind('.').unwrap()];
        assert_eq!(key().check(unsigned, NOW), Err(Refused::Token), "{alg} unsigned");
    }
}

#[test]
fn the_public_key_is_no_hmac_secret() {
    let (mut header, payload) = parts(&key().issue(&actor(), session(), NOW).unwrap());
    header["alg"] = json!("HS256");
    let text = format!("{}.{}", B64.encode(header.to_string()), B64.encode(payload.to_string()));
    let pair = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, pair.public_key().as_ref());
    let tag = ring::hmac::sign(&secret, text.as_bytes());
    let token = format!("{text}.{}", B64.encode(tag.as_ref()));
    assert_eq!(key().check(&token, NOW), Err(Refused::Token));
}

#[test]
fn a_wrong_claim_is_refused_though_the_signature_is_ours() {
    let (header, good) = parts(&key().issue(&actor(), session(), NOW).unwrap());
    let wrong = [
        ("iss", json!("other.example.org/record")),
        ("iss", json!([ORIGIN, "x"])),
        ("aud", json!("other/api/v1")),
        ("aud", json!([format!("{ORIGIN}/api/v1"), "other"])),
        ("sub", json!("root")),
        ("sub", json!("operator:")),
        ("jti", json!("ses_1")),
        ("exp", json!("tomorrow")),
        ("exp", json!(1e30)),
        ("nbf", json!(1)),
    ];
    for (name, value) in wrong {
        let mut payload = good.clone();
        payload[name] = value;
        assert_eq!(key().check(&forge(&header, &payload), NOW), Err(Refused::Token), "{payload}");
    }
    for name in ["iss", "aud", "sub", "jti", "exp", "iat"] {
        let mut payload = good.clone();
        payload.as_object_mut().unwrap().remove(name);
        assert_eq!(key().check(&forge(&header, &payload), NOW), Err(Refused::Token), "no {name}");
    }
}

#[test]
fn a_header_with_anything_else_in_it_is_refused() {
    let (good, payload) = parts(&key().issue(&actor(), session(), NOW).unwrap());
    let more = [
        ("kid", json!("0000000000000000")),
        ("typ", json!("at+jwt")),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/cert")),
        ("crit", json!(["exp"])),
        ("zip", json!("DEF")),
        ("extra", json!(1)),
    ];
    for (name, value) in more {
        let mut header = good.clone();
        header[name] = value;
        assert_eq!(key().check(&forge(&header, &payload), NOW), Err(Refused::Token), "{header}");
    }
    for name in ["kid", "typ"] {
        let mut header = good.clone();
        header.as_object_mut().unwrap().remove(name);
        assert_eq!(key().check(&forge(&header, &payload), NOW), Err(Refused::Token), "no {name}");
    }
}

proptest! {
    #[test]
    fn any_altered_character_of_a_token_is_refused(at in 0..400usize, c in "[A-Za-z0-9_.=-]") {
        let token = key().issue(&actor(), session(), NOW).unwrap();
        let at = at % token.len();
        let mut altered = token.clone();
        altered.replace_range(at..=at, &c);
        prop_assume!(altered != token);
        prop_assert_eq!(key().check(&altered, NOW), Err(Refused::Token));
    }

    #[test]
    fn foreign_text_is_no_token(text in ".{0,300}") {
        prop_assert_eq!(key().check(&text, NOW), Err(Refused::Token));
    }

    #[test]
    fn an_actor_is_what_its_text_says(which in 0..6usize, seed: u64) {
        let id = EnterpriseId::random(&SeededEntropy::new(seed)).unwrap();
        let actor = [
            Actor::Public,
            Actor::Bidder(id),
            Actor::Buyer(id),
            Actor::Operator("wang.li".to_owned()),
            Actor::Regulator,
            Actor::Custodian("notary:2".to_owned()),
        ][which].clone();
        prop_assert_eq!(actor.to_string().parse(), Ok(actor));
    }
}

fn signer(seed: u8) -> SigningKey {
    SigningKey::from_seed("bids.example.org/enterprise/x", KeyKind::Statement, &[seed; 32]).unwrap()
}

fn challenge() -> Challenge {
    key().challenges().give(&SeededEntropy::new(3), NOW).unwrap()
}

fn login(signer: &SigningKey, change: impl FnOnce(&mut Login)) -> Statement<Login> {
    let mut body = Login {
        at: NOW,
        key: signer.verifying().clone(),
        nonce: challenge().nonce,
        origin: ORIGIN.to_owned(),
    };
    change(&mut body);
    Statement::signed(body, signer).unwrap()
}

#[test]
fn a_signed_challenge_proves_its_key() {
    let statement = login(&signer(1), |_| ());
    let text = statement.encode();
    let read = Statement::<Login>::parse(text.as_bytes()).unwrap();
    assert_eq!(prove(&read, &challenge(), ORIGIN, NOW), Ok(signer(1).verifying()));
}

#[test]
fn a_challenge_is_over_after_sixty_seconds() {
    let end = NOW.plus(CHALLENGE_MS);
    let statement = login(&signer(1), |body| body.at = end);
    assert!(prove(&statement, &challenge(), ORIGIN, end.plus(-1)).is_ok());
    assert_eq!(prove(&statement, &challenge(), ORIGIN, end), Err(Refused::Challenge));
}

#[test]
fn a_login_for_another_challenge_or_platform_or_by_another_key_is_refused() {
    let try_it = |statement: &Statement<Login>| prove(statement, &challenge(), ORIGIN, NOW).err();
    let other = key().challenges().give(&SeededEntropy::new(4), NOW).unwrap();
    assert_eq!(try_it(&login(&signer(1), |b| b.nonce = other.nonce)), Some(Refused::Challenge));
    assert_eq!(
        try_it(&login(&signer(1), |b| b.origin = "evil.example/record".to_owned())),
        Some(Refused::Origin)
    );
    assert_eq!(
        try_it(&login(&signer(1), |b| b.key = signer(2).verifying().clone())),
        Some(Refused::Signature)
    );
    let mut two = login(&signer(1), |_| ());
    two.sign(&signer(2));
    assert_eq!(try_it(&two), Some(Refused::Signature), "another line hangs on it");
    let unsigned = Statement::new(login(&signer(1), |_| ()).body().clone()).unwrap();
    assert_eq!(try_it(&unsigned), Some(Refused::Signature));
}

#[test]
fn a_clock_far_off_is_told_so() {
    for (off, refused) in [
        (CLOCK_TOLERANCE_MS, None),
        (CLOCK_TOLERANCE_MS + 1, Some(Refused::Clock)),
        (-CLOCK_TOLERANCE_MS, None),
        (-CLOCK_TOLERANCE_MS - 1, Some(Refused::Clock)),
    ] {
        let statement = login(&signer(1), |body| body.at = NOW.plus(off));
        assert_eq!(prove(&statement, &challenge(), ORIGIN, NOW).err(), refused, "{off}");
    }
}

#[test]
fn a_challenge_is_known_to_every_holder_of_the_token_key_and_to_nobody_else() {
    let given = challenge();
    assert_eq!(key().challenges().known(&given.nonce), Ok(given));
    let other_seed = TokenKey::new(&[8; 32], ORIGIN).unwrap();
    let other_origin = TokenKey::new(&SEED, "other.example/record").unwrap();
    for other in [other_seed, other_origin] {
        assert_eq!(other.challenges().known(&given.nonce), Err(Refused::Challenge));
    }
}

#[test]
fn a_challenge_that_was_not_given_out_is_known_in_no_bit() {
    let given = *challenge().nonce.as_bytes();
    for bit in 0..256 {
        let mut forged = given;
        forged[bit / 8] ^= 1 << (bit % 8);
        let known = key().challenges().known(&Hash::from_bytes(forged));
        assert_eq!(known, Err(Refused::Challenge), "bit {bit}");
    }
}

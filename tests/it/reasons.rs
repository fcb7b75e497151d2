//! Is every reason of our own a whole sentence in both languages?

use std::io::{Error as IoError, ErrorKind};

use sealbid::bid::envelope::EnvelopeError;
use sealbid::bid::offer::{BadOffer, Misfit};
use sealbid::bid::rules::Refused;
use sealbid::config::ConfigError;
use sealbid::crypto::entropy::NoEntropy;
use sealbid::crypto::hash::NotAHash;
use sealbid::crypto::json::JsonError;
use sealbid::crypto::key::KeyError;
use sealbid::crypto::note::{BadNote, NoteError};
use sealbid::crypto::seal::kept::KeptError;
use sealbid::crypto::seal::payload::{PayloadError, SealPayloadError, TooMuch};
use sealbid::crypto::seal::{NotAKey, OpenError, ProfileError, SealError};
use sealbid::crypto::shares::ShareError;
use sealbid::crypto::statement::StatementError;
use sealbid::crypto::tar::{BadName, TarError};
use sealbid::custodian::agent::Refusal;
use sealbid::custodian::chain::ChainError;
use sealbid::custodian::home::HomeError;
use sealbid::custodian::roster::RosterError;
use sealbid::enterprise::credentials::CredentialError;
use sealbid::error::{Arg, Error, Reason, Said};
use sealbid::ids::NotAnId;
use sealbid::opening::rules::AmendmentFault;
use sealbid::record::checkpoint::CheckpointError;
use sealbid::record::proof::ReceiptError;
use sealbid::record::succession::SuccessionError;
use sealbid::record::tree::ProofError;
use sealbid::verify::casefile::CaseError;
use sealbid::web::i18n::{self, Lang};

/// Whether a text is written in Chinese.
pub fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4E00}'..='\u{9FFF}').contains(&c))
}

fn whole(reason: &dyn Reason) {
    let said = reason.said();
    let [en, zh] = [Lang::En, Lang::Zh].map(|lang| {
        let sentence = i18n::sentence(lang, said.key, &said.args);
        sentence.unwrap_or_else(|| panic!("{said:?} has no whole sentence"))
    });
    assert!(is_chinese(&zh), "{said:?}: {zh}");
    assert!(!is_chinese(&en) && en.contains(' '), "{said:?}: {en}");
    assert!(!en.contains("-say-") && !zh.contains("-say-"), "{en} {zh}");
}

fn io() -> IoError {
    IoError::from(ErrorKind::BrokenPipe)
}

#[test]
fn what_is_wrong_with_bytes_is_a_sentence() {
    use BadNote as Bad;
    for bad in [
        Bad::Dash,
        Bad::NoKeyName,
        Bad::KeyName,
        Bad::Base64,
        Bad::Short,
        Bad::NoNewline,
        Bad::Control,
        Bad::NotUtf8,
        Bad::NoEmptyLine,
        Bad::LastLine,
        Bad::TooMany,
        Bad::Differs,
        Bad::NotSignatures,
    ] {
        whole(&NoteError::Malformed(bad));
    }
    use KeyError as Key;
    for key in [
        Key::Name,
        Key::Parts,
        Key::Base64,
        Key::Kind,
        Key::Length,
        Key::Id,
        Key::Private,
        Key::NotForStatements,
        Key::NotForCosigning,
    ] {
        whole(&NoteError::Key(key));
    }
    for note in [
        NoteError::BadSignature,
        NoteError::MissingSignature,
        NoteError::UnknownSignature,
        NoteError::DuplicateSignature,
    ] {
        whole(&StatementError::Note(note));
    }
    for json in [
        JsonError::Shape("a library's words".to_owned()),
        JsonError::NotCanonical,
        JsonError::Number,
        JsonError::Text,
    ] {
        whole(&StatementError::Json(json));
    }
    whole(&StatementError::Type { expected: "sealbid/unit/v1" });
    whole(&StatementError::Lines);
    whole(&NotAHash);
    whole(&NoEntropy);
    whole(&NotAnId { prefix: "bid" });
    for key in [NotAKey::Recipient, NotAKey::WeakPoint, NotAKey::Identity] {
        whole(&key);
        whole(&KeptError::Key(key));
    }
    whole(&KeptError::File);
    whole(&KeptError::Passphrase);
    whole(&serde_json::from_str::<u8>("[").unwrap_err());
    whole(&String::from_utf8(vec![0xff]).unwrap_err());
    whole(&"x".parse::<u64>().unwrap_err());
}

#[test]
fn what_is_wrong_with_a_sealed_file_is_a_sentence() {
    use BadName as Name;
    for why in [Name::Empty, Name::Long, Name::NotUtf8, Name::Path, Name::Hidden, Name::NotNfc] {
        whole(&why);
        whole(&TarError::Name { name: "..".to_owned(), why });
    }
    for tar in [
        TarError::Io(io()),
        TarError::Truncated,
        TarError::Link,
        TarError::Folder,
        TarError::Kind(7),
        TarError::First("manifest.note".to_owned()),
        TarError::Order("a".to_owned()),
        TarError::TooMany(3),
        TarError::TooLarge { declared: 9, limit: 8 },
        TarError::Header,
        TarError::Padding,
        TarError::Length,
        TarError::SizeChanged("a".to_owned()),
    ] {
        whole(&SealPayloadError::Tar(tar));
    }
    use ProfileError as Profile;
    for profile in [
        Profile::Version,
        Profile::TooLong,
        Profile::FirstStanza,
        Profile::Body,
        Profile::Foreign,
        Profile::Grease,
        Profile::Mac,
        Profile::Length,
    ] {
        whole(&EnvelopeError::Profile { member: "bid.age".to_owned(), cause: profile });
        whole(&PayloadError::Open(OpenError::Profile(profile)));
    }
    whole(&EnvelopeError::Tar(TarError::Truncated));
    whole(&EnvelopeError::Members(5));
    for open in [
        OpenError::Io(io()),
        OpenError::WrongKey,
        OpenError::Header,
        OpenError::Chunk(4),
        OpenError::Truncated,
    ] {
        whole(&ShareError::Open(open));
    }
    for seal in [
        SealError::Io(io()),
        SealError::Entropy(NoEntropy),
        SealError::Recipient,
        SealError::Stopped,
    ] {
        whole(&SealPayloadError::Seal(seal));
    }
    for share in [
        ShareError::Threshold { t: 9, n: 3 },
        ShareError::Length,
        ShareError::X,
        ShareError::TooFew,
        ShareError::WrongSecret,
        ShareError::Entropy(NoEntropy),
        ShareError::Seal(SealError::Stopped),
        ShareError::NotTheShare,
    ] {
        whole(&share);
    }
    for much in [
        TooMuch::Files { found: 9, most: 8 },
        TooMuch::Bytes { found: 9, most: 8 },
        TooMuch::Offer { found: 9, most: 8 },
    ] {
        whole(&much);
    }
    whole(&PayloadError::Tar(TarError::Padding));
    whole(&BadOffer::Currency);
    whole(&BadOffer::Price);
    for misfit in [Misfit::EarlyPrice, Misfit::NoPrice, Misfit::Nothing] {
        whole(&misfit);
    }
}

#[test]
fn what_is_wrong_with_the_record_and_its_rosters_is_a_sentence() {
    for proof in [ProofError::Index, ProofError::Order, ProofError::Length, ProofError::Root] {
        whole(&ReceiptError::Proof(proof));
    }
    for checkpoint in [
        CheckpointError::Malformed,
        CheckpointError::Note(NoteError::BadSignature),
        CheckpointError::Origin { found: "elsewhere.example".to_owned() },
    ] {
        whole(&ReceiptError::Checkpoint(checkpoint));
    }
    whole(&ReceiptError::Malformed);
    whole(&ReceiptError::NoEvent);
    for succession in [
        SuccessionError::OldOrigin,
        SuccessionError::NewOrigin,
        SuccessionError::Signatures(NoteError::MissingSignature),
        SuccessionError::Quorum,
    ] {
        whole(&ChainError::Succession(succession));
    }
    for roster in [
        RosterError::Range,
        RosterError::NotDistinct,
        RosterError::KeyMisused("a/b".to_owned()),
        RosterError::Chain,
        RosterError::Signatures(NoteError::BadSignature),
        RosterError::Quorum,
        RosterError::Record,
        RosterError::SeedAgain,
    ] {
        whole(&ChainError::Roster { version: 2, reason: roster });
    }
    whole(&ChainError::Statement { place: 1, reason: StatementError::Lines });
    whole(&ChainError::Empty);
    for credential in [
        CredentialError::Statement(StatementError::Lines),
        CredentialError::Signature(NoteError::BadSignature),
        CredentialError::NotVouched,
        CredentialError::OutOfPlace,
        CredentialError::NoVerification,
        CredentialError::KeyName,
    ] {
        whole(&credential);
    }
    for amendment in [AmendmentFault::Chain, AmendmentFault::Earlier, AmendmentFault::Outage] {
        whole(&amendment);
    }
    for home in [
        HomeError::Io { path: "a".into(), source: io() },
        HomeError::Seed(ConfigError::NotAKey { path: "a".to_owned() }),
        HomeError::Content { path: "a".into(), reason: Arg::Word("web-say-utf8") },
        HomeError::LostState,
        HomeError::Exists("a".into()),
        HomeError::InUse("a".into()),
        HomeError::Whole("a".into()),
        HomeError::NotEnrolled,
    ] {
        whole(&home);
    }
}

#[test]
fn what_the_system_refuses_is_a_sentence() {
    for kind in [
        ErrorKind::NotFound,
        ErrorKind::PermissionDenied,
        ErrorKind::IsADirectory,
        ErrorKind::NotADirectory,
        ErrorKind::StorageFull,
        ErrorKind::ReadOnlyFilesystem,
        ErrorKind::AddrInUse,
        ErrorKind::InvalidFilename,
        ErrorKind::BrokenPipe,
    ] {
        whole(&IoError::from(kind));
    }
}

/// The longest run of English words in a text; identifiers and numbers are none.
fn english_run(text: &str) -> usize {
    let is_word = |word: &str| {
        let word = word.trim_matches(|c: char| c.is_ascii_punctuation());
        word.len() > 1 && word.bytes().all(|b| b.is_ascii_alphabetic())
    };
    let pieces = text.split(|c: char| !c.is_ascii());
    let runs = pieces.flat_map(|piece| {
        let words: Vec<bool> = piece.split_whitespace().map(is_word).collect();
        words.split(|is_word| !is_word).map(<[bool]>::len).collect::<Vec<_>>()
    });
    runs.max().unwrap_or_default()
}

/// The keys of a room's sentences that begin like this.
/// Whoever drafts a unit is told to draft again, and nobody else is.
#[test]
fn what_is_out_of_range_is_mended_by_whoever_made_it() {
    let mut drafts = Vec::new();
    for key in keys("custodian", "custodian-say-range-") {
        let refused = Error::from(Refusal::Range(key));
        for lang in [Lang::Zh, Lang::En] {
            let hint = i18n::hint(lang, refused.code(), refused.args()).unwrap();
            if hint.contains("every custodian again") || hint.contains("重新向每个保管人请求")
            {
                drafts.push(key);
            }
        }
    }
    let own = ["buyer", "deadline", "window"].map(|it| format!("custodian-say-range-{it}"));
    let own: Vec<_> = own.iter().flat_map(|key| [key.as_str(), key]).collect();
    assert_eq!(drafts, own);
}

fn keys(room: &str, start: &str) -> Vec<&'static str> {
    let file = format!("{}/src/{room}/zh-CN.ftl", env!("CARGO_MANIFEST_DIR"));
    let text: &'static str = Box::leak(std::fs::read_to_string(file).unwrap().into_boxed_str());
    let keys = text.lines().filter_map(|line| line.split_once(" = ").map(|(key, _)| key));
    let keys: Vec<_> = keys.filter(|key| key.starts_with(start)).collect();
    assert!(keys.len() > 5, "{start}");
    keys
}

#[test]
fn no_english_stands_in_what_custodians_and_the_verifier_say_in_chinese() {
    let chinese = |said: &Said| {
        let text = i18n::sentence(Lang::Zh, said.key, &said.args).unwrap();
        assert!(is_chinese(&text) && english_run(&text) < 3, "{text}");
    };
    let range = keys("custodian", "custodian-say-range-").into_iter().map(Refusal::Range);
    let internal = keys("custodian", "custodian-say-internal-").into_iter().map(Refusal::Internal);
    let lodge = [Refused::Late, Refused::Envelope, Refused::Signature].map(Refusal::Lodge);
    for refusal in range.chain(internal).chain(lodge) {
        chinese(&Said::of(&refusal));
    }
    let member = || "entries/12".to_owned();
    for key in keys("verify", "verify-case-say-") {
        let is_whole = !["at", "end", "altered", "malformed", "incomplete"]
            .iter()
            .any(|end| key == format!("verify-case-say-{end}"));
        if is_whole {
            chinese(&CaseError::Altered { member: member(), reason: key }.said());
            chinese(&CaseError::Incomplete(key).said());
            let reason = Said::bare(key);
            chinese(&CaseError::Malformed { member: member(), reason }.said());
        }
    }
    for member in [member(), String::new()] {
        chinese(
            &CaseError::Tar {
                member,
                error: TarError::Name { name: "a".to_owned(), why: BadName::Long },
            }
            .said(),
        );
    }
    assert_eq!(english_run("超出范围：its deadline is not in the future。"), 7);
}

#[test]
fn an_agents_refusal_names_its_reason_by_a_key() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/custodian");
    let mut folders = vec![std::path::PathBuf::from(folder)];
    let mut found = 0;
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                for start in ["Range(\"", "Internal(\""] {
                    for (_, rest) in
                        text.match_indices(start).map(|(at, it)| (at, &text[at + it.len()..]))
                    {
                        found += 1;
                        assert!(rest.starts_with("custodian-say-"), "{}", path.display());
                    }
                }
            }
        }
    }
    assert!(found > 15, "{found}");
}

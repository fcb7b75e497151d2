//! Sentences for people, in Chinese and English, by key.
//!
//! Each feature keeps two files beside its code and one line in [`FEATURES`]. A refusal's code is
//! its key and has a `.hint`; other sentences are named `<feature>-say-…`. A test sees to it that
//! both languages have the same keys and values, that every key in the code exists, and that every
//! key in the files is used. Deliberately absent: text made by joining pieces.

use std::borrow::Cow;
use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use jiff::tz::{Offset, TimeZone};

use crate::clock::Time;
use crate::error::{Arg, Said};

/// The sentences of one feature.
pub struct Feature {
    /// The folder's name, and the prefix of its keys.
    pub name: &'static str,
    /// 简体中文.
    pub zh: &'static str,
    /// English.
    pub en: &'static str,
}

macro_rules! features {
    ($($name:literal),* $(,)?) => {
        &[$(Feature {
            name: $name,
            zh: include_str!(concat!("../", $name, "/zh-CN.ftl")),
            en: include_str!(concat!("../", $name, "/en.ftl")),
        }),*]
    };
}

/// Every feature with sentences: one line per folder under `src/`.
pub const FEATURES: &[Feature] = features![
    "auth",
    "bid",
    "cli",
    "crypto",
    "custodian",
    "db",
    "demo",
    "draw",
    "enterprise",
    "opening",
    "record",
    "rulepack",
    "tender",
    "verify",
    "web"
];

/// What `--help` says in Chinese. Its English stands with the commands, so there is one file of it.
pub const HELP: &str = include_str!("../cli/help/zh-CN.ftl");

/// A language that pages and refusals speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Lang {
    /// 简体中文, the default of a platform in China.
    #[default]
    Zh,
    /// English.
    En,
}

impl Lang {
    /// The tag in `lang` attributes and `Content-Language`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }

    /// The heaviest language of an `Accept-Language` value (or a bare tag) that we speak, the first of
    /// several that weigh the same. What weighs nothing is not wanted.
    #[must_use]
    pub fn from_accept(accept: &str) -> Option<Self> {
        let spoken = accept.split(',').filter_map(|range| {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let weight = weight.trim().strip_prefix("q=").and_then(|it| it.parse::<f32>().ok());
            let language = Self::of_tag(tag.trim())?;
            Some((weight.unwrap_or(1.0), language)).filter(|(weight, _)| *weight > 0.0)
        });
        let heavier = |a: (f32, Self), b: (f32, Self)| if b.0 > a.0 { b } else { a };
        spoken.reduce(heavier).map(|(_, language)| language)
    }

    fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_', '.']).next().unwrap_or_default();
        match primary.to_ascii_lowercase().as_str() {
            "zh" => Some(Self::Zh),
            "en" => Some(Self::En),
            _ => None,
        }
    }
}

type Bundle = FluentBundle<FluentResource>;

/// Isolation marks are off: they are bidirectional control characters, which our own texts refuse.
/// A file that does not parse loses its broken lines only; the key test finds them.
fn bundle(lang: Lang) -> &'static Bundle {
    static BUNDLES: [OnceLock<Bundle>; 2] = [const { OnceLock::new() }; 2];
    let [zh, en] = &BUNDLES;
    let cell = match lang {
        Lang::Zh => zh,
        Lang::En => en,
    };
    cell.get_or_init(|| {
        let mut bundle = Bundle::new_concurrent(lang.tag().parse().into_iter().collect());
        bundle.set_use_isolating(false);
        let of_features = FEATURES.iter().map(|it| if lang == Lang::Zh { it.zh } else { it.en });
        for text in of_features.chain((lang == Lang::Zh).then_some(HELP)) {
            let resource = match FluentResource::try_new(text.to_owned()) {
                Ok(resource) | Err((resource, _)) => resource,
            };
            #[expect(clippy::let_underscore_must_use, reason = "a test refuses doubled keys")]
            let _ = bundle.add_resource(resource);
        }
        bundle
    })
}

/// The sentence of a key, or nothing when there is none or a value is missing.
#[must_use]
pub fn sentence(lang: Lang, key: &str, args: &[(&'static str, Arg)]) -> Option<String> {
    look_up(lang, key, None, args)
}

/// What to do next, where a refusal has a hint.
#[must_use]
pub fn hint(lang: Lang, code: &str, args: &[(&'static str, Arg)]) -> Option<String> {
    look_up(lang, code, Some("hint"), args)
}

/// What belongs to a sentence under this name, where there is something.
#[must_use]
pub fn attribute(lang: Lang, key: &str, name: &str) -> Option<String> {
    look_up(lang, key, Some(name), &[])
}

/// The sentence of something said; the bare key when it is missing, so that nothing is ever blank.
#[must_use]
pub fn say(lang: Lang, said: &Said) -> String {
    sentence(lang, said.key, &said.args).unwrap_or_else(|| said.key.to_owned())
}

fn look_up(
    lang: Lang,
    key: &str,
    attribute: Option<&str>,
    args: &[(&'static str, Arg)],
) -> Option<String> {
    let bundle = bundle(lang);
    let message = bundle.get_message(key)?;
    let pattern = match attribute {
        Some(name) => message.get_attribute(name)?.value(),
        None => message.value()?,
    };
    let mut values = FluentArgs::with_capacity(args.len());
    for (name, arg) in args {
        values.set(*name, value(lang, arg));
    }
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, Some(&values), &mut errors).into_owned();
    errors.is_empty().then_some(text)
}

/// Numbers are handed over as text: grouping signs in a code or a year would be wrong, and a
/// float would be.
fn value(lang: Lang, arg: &Arg) -> FluentValue<'static> {
    let text = match arg {
        Arg::Text(text) | Arg::Day(text) => text.clone(),
        Arg::Number(number) => number.to_string(),
        Arg::Time(time) => local_time(*time),
        Arg::Said(within) => say(lang, within),
        Arg::Word(key) => sentence(lang, key, &[]).unwrap_or_else(|| (*key).to_owned()),
    };
    FluentValue::String(Cow::Owned(text))
}

/// The zone that people read times in. China has had one zone and no summer time since 1991, so
/// the offset needs no table.
pub const ZONE: &str = "Asia/Shanghai";

/// An instant as people read it: `2026-11-24 09:00:00.000 +08:00`.
#[must_use]
pub fn local_time(time: Time) -> String {
    match jiff::Timestamp::from_millisecond(time.millis()) {
        Ok(instant) => {
            let zoned = instant.to_zoned(TimeZone::fixed(Offset::constant(8)));
            zoned.strftime("%Y-%m-%d %H:%M:%S%.3f %:z").to_string()
        }
        Err(_) => time.to_string(),
    }
}

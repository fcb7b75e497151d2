//! Trust policies (c2sp.org/tlog-policy): which log, which witnesses, how many of them, in a file
//! that programs nobody here wrote can apply to our receipts.
//!
//! Invariant: [`Policy::parse`] takes the whole format, nested groups included;
//! [`Policy::of_roster`] writes the one shape we use: a log, its witnesses, a group with q.

use std::collections::BTreeSet;
use std::fmt;

use crate::crypto::key::{KeyKind, VerifyingKey};

use super::checkpoint::Cosigned;
use super::spelling;

/// More logs, witnesses or groups than this are refused.
const MAX_EACH: usize = 64;
/// The predefined quorum that needs nobody.
const NONE: &str = "none";
/// The name of the one group of ours.
const CUSTODIANS: &str = "custodians";

/// Why a text is not a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the policy: {reason}")]
pub struct PolicyError {
    /// From 1; the number of lines plus 1 when something is missing at the end.
    pub line: usize,
    /// What is wrong.
    pub reason: &'static str,
}

/// A log whose checkpoints are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Its key, named as its origin.
    pub key: VerifyingKey,
    /// Where it can be reached.
    pub url: Option<String>,
}

/// A witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Its name within the policy.
    pub name: String,
    /// Its cosigning key.
    pub key: VerifyingKey,
    /// Where it takes checkpoints.
    pub url: Option<String>,
}

/// A group of witnesses and earlier groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name within the policy.
    pub name: String,
    /// How many members must have witnessed.
    pub threshold: usize,
    /// Names of members.
    pub members: Vec<String>,
}

/// A policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The logs.
    pub logs: Vec<Log>,
    /// The witnesses.
    pub witnesses: Vec<Witness>,
    /// The groups, each after its members.
    pub groups: Vec<Group>,
    /// The witness or group that must have witnessed; nobody when absent.
    pub quorum: Option<String>,
}

impl Policy {
    /// The policy of a roster: its log, its custodians with their addresses, q of them.
    #[must_use]
    pub fn of_roster(log_key: &VerifyingKey, witnesses: &[(VerifyingKey, &str)], q: usize) -> Self {
        let witness = |(key, url): &(VerifyingKey, &str)| Witness {
            name: key.name().to_owned(),
            key: key.clone(),
            url: (!url.is_empty()).then(|| (*url).to_owned()),
        };
        let witnesses: Vec<Witness> = witnesses.iter().map(witness).collect();
        let members = witnesses.iter().map(|witness| witness.name.clone()).collect();
        let group = Group { name: CUSTODIANS.to_owned(), threshold: q, members };
        Self {
            logs: vec![Log { key: log_key.clone(), url: None }],
            witnesses,
            groups: vec![group],
            quorum: Some(CUSTODIANS.to_owned()),
        }
    }

    /// Parses a policy file.
    ///
    /// # Errors
    /// [`PolicyError`] naming the line.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let mut reader = Reader::default();
        let body = text.strip_suffix('\n').unwrap_or(text);
        let mut count = 0;
        for (number, line) in (1..).zip(body.split('\n')) {
            count = number;
            let words = words(line).and_then(|words| reader.line(&words));
            words.map_err(|reason| PolicyError { line: number, reason })?;
        }
        if !text.is_empty() && !text.ends_with('\n') {
            return Err(PolicyError { line: count, reason: "does not end in a newline" });
        }
        if !reader.has_quorum {
            return Err(PolicyError { line: count + 1, reason: "there is no quorum line" });
        }
        Ok(reader.policy)
    }

    /// Whether a checkpoint's cosignatures meet the quorum.
    #[must_use]
    pub fn is_met_by(&self, cosigned: &Cosigned) -> bool {
        let Some(quorum) = &self.quorum else { return true };
        let mut witnessed: BTreeSet<&str> = self
            .witnesses
            .iter()
            .filter(|witness| cosigned.time_of(&witness.key).is_some())
            .map(|witness| witness.name.as_str())
            .collect();
        for group in &self.groups {
            let present = group.members.iter().filter(|m| witnessed.contains(m.as_str())).count();
            if present >= group.threshold {
                witnessed.insert(&group.name);
            }
        }
        witnessed.contains(quorum.as_str())
    }

    /// The witnesses' keys, in the policy's order.
    #[must_use]
    pub fn witness_keys(&self) -> Vec<VerifyingKey> {
        self.witnesses.iter().map(|witness| witness.key.clone()).collect()
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = |url: &Option<String>| url.as_ref().map(|u| format!(" {u}")).unwrap_or_default();
        for log in &self.logs {
            writeln!(f, "log {}{}", log.key, url(&log.url))?;
        }
        for Witness { name, key, url: at } in &self.witnesses {
            writeln!(f, "witness {name} {key}{}", url(at))?;
        }
        for Group { name, threshold, members } in &self.groups {
            writeln!(f, "group {name} {threshold} {}", members.join(" "))?;
        }
        writeln!(f, "quorum {}", self.quorum.as_deref().unwrap_or(NONE))
    }
}

/// The words of a line; comments and empty lines have none.
fn words(line: &str) -> Result<Vec<&str>, &'static str> {
    if line.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
        return Err("a control character");
    }
    let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
    let is_comment = words.first().is_some_and(|word| word.starts_with('#'));
    Ok(if is_comment { Vec::new() } else { words })
}

#[derive(Default)]
struct Reader {
    policy: Policy,
    has_quorum: bool,
    /// Names that are members of some group: each may be only once.
    taken: BTreeSet<String>,
}

impl Reader {
    fn line(&mut self, words: &[&str]) -> Result<(), &'static str> {
        match words {
            [] => Ok(()),
            ["log", key] => self.log(key, None),
            ["log", key, url] => self.log(key, Some(url)),
            ["witness", name, key] => self.witness(name, key, None),
            ["witness", name, key, url] => self.witness(name, key, Some(url)),
            ["group", name, threshold, members @ ..] => self.group(name, threshold, members),
            ["quorum", name] => self.quorum(name),
            _ => Err("not log, witness, group or quorum with its words"),
        }
    }

    fn log(&mut self, key: &str, url: Option<&str>) -> Result<(), &'static str> {
        let key: VerifyingKey = key.parse().map_err(|_| "not a key")?;
        let is_double = self.policy.logs.iter().any(|log| log.key.public() == key.public());
        if key.kind() != KeyKind::Statement || is_double || self.policy.logs.len() == MAX_EACH {
            return Err("a second log of this key, or not a log's key, or too many logs");
        }
        self.policy.logs.push(Log { key, url: url.map(str::to_owned) });
        Ok(())
    }

    fn witness(&mut self, name: &str, key: &str, url: Option<&str>) -> Result<(), &'static str> {
        self.check_new(name)?;
        let key: VerifyingKey = key.parse().map_err(|_| "not a key")?;
        let witnesses = &mut self.policy.witnesses;
        let is_double = witnesses.iter().any(|witness| witness.key.public() == key.public());
        if key.kind() != KeyKind::Cosignature || is_double || witnesses.len() == MAX_EACH {
            return Err("a second witness of this key, or not a cosigning key, or too many");
        }
        witnesses.push(Witness { name: name.to_owned(), key, url: url.map(str::to_owned) });
        Ok(())
    }

    fn group(&mut self, name: &str, threshold: &str, members: &[&str]) -> Result<(), &'static str> {
        self.check_new(name)?;
        let threshold = match threshold {
            "any" => 1,
            "all" => members.len(),
            number => spelling::decimal(number)
                .and_then(|number| usize::try_from(number).ok())
                .ok_or("a threshold is any, all or a number")?,
        };
        if !(1..=members.len()).contains(&threshold) || self.policy.groups.len() == MAX_EACH {
            return Err("the threshold is not between 1 and the number of members");
        }
        for member in members {
            if !self.is_defined(member) || !self.taken.insert((*member).to_owned()) {
                return Err("a member is not defined above or already in a group");
            }
        }
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        self.policy.groups.push(Group { name: name.to_owned(), threshold, members });
        Ok(())
    }

    fn quorum(&mut self, name: &str) -> Result<(), &'static str> {
        if std::mem::replace(&mut self.has_quorum, true) {
            return Err("a second quorum line");
        }
        if name != NONE {
            if !self.is_defined(name) {
                return Err("the quorum is not defined above");
            }
            self.policy.quorum = Some(name.to_owned());
        }
        Ok(())
    }

    fn is_defined(&self, name: &str) -> bool {
        self.policy.witnesses.iter().any(|witness| witness.name == name)
            || self.policy.groups.iter().any(|group| group.name == name)
    }

    fn check_new(&self, name: &str) -> Result<(), &'static str> {
        if name == NONE || self.is_defined(name) {
            return Err("the name is taken");
        }
        Ok(())
    }
}

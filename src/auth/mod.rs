//! Who is acting, and what each may do.
//!
//! Invariant: a session only says who reads and who may knock; whatever binds anybody is a
//! statement signed by the actor's own key, checked by the feature it belongs to. Deliberately
//! absent: passwords, and any act of one party in another's name.

pub mod login;
pub mod provider;
pub mod standing;
pub mod store;
pub mod table;
pub mod token;

use std::fmt;
use std::str::FromStr;

use crate::error::{Args, Refusal};
use crate::ids::EnterpriseId;

/// Somebody at the door.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// Anybody, without login.
    Public,
    /// A verified enterprise.
    Bidder(EnterpriseId),
    /// A verified organisation that procures, or an agency.
    Buyer(EnterpriseId),
    /// A person of the exchange centre, by the name in the operator's key.
    Operator(String),
    /// The supervising authority that signed the roster.
    Regulator,
    /// A custodian, by the name in its key.
    Custodian(String),
}

impl Actor {
    /// The actor's column in the table.
    #[must_use]
    pub const fn role(&self) -> Role {
        match self {
            Self::Public => Role::Public,
            Self::Bidder(_) => Role::Bidder,
            Self::Buyer(_) => Role::Buyer,
            Self::Operator(_) => Role::Operator,
            Self::Regulator => Role::Regulator,
            Self::Custodian(_) => Role::Custodian,
        }
    }

    /// The enterprise or organisation that acts, if one does.
    #[must_use]
    pub const fn enterprise(&self) -> Option<EnterpriseId> {
        match self {
            Self::Bidder(id) | Self::Buyer(id) => Some(*id),
            Self::Public | Self::Operator(_) | Self::Regulator | Self::Custodian(_) => None,
        }
    }
}

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// [`Actor::Public`].
    Public,
    /// [`Actor::Bidder`].
    Bidder,
    /// [`Actor::Buyer`].
    Buyer,
    /// [`Actor::Operator`].
    Operator,
    /// [`Actor::Regulator`].
    Regulator,
    /// [`Actor::Custodian`].
    Custodian,
}

impl Role {
    /// Every role, in the order of the table's columns.
    pub const ALL: [Self; 6] =
        [Self::Public, Self::Bidder, Self::Buyer, Self::Operator, Self::Regulator, Self::Custodian];
}

/// `public`, `bidder:ent_…`, `buyer:ent_…`, `operator:<name>`, `regulator`, `custodian:<name>`.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::Bidder(id) => write!(f, "bidder:{id}"),
            Self::Buyer(id) => write!(f, "buyer:{id}"),
            Self::Operator(name) => write!(f, "operator:{name}"),
            Self::Regulator => f.write_str("regulator"),
            Self::Custodian(name) => write!(f, "custodian:{name}"),
        }
    }
}

/// A text that names no actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an actor")]
pub struct NotAnActor;

impl FromStr for Actor {
    type Err = NotAnActor;

    fn from_str(text: &str) -> Result<Self, NotAnActor> {
        let id = |text: &str| text.parse().map_err(|_| NotAnActor);
        let name = |text: &str| {
            let is_name = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
            is_name.then(|| text.to_owned()).ok_or(NotAnActor)
        };
        match text.split_once(':') {
            None if text == "public" => Ok(Self::Public),
            None if text == "regulator" => Ok(Self::Regulator),
            Some(("bidder", rest)) => id(rest).map(Self::Bidder),
            Some(("buyer", rest)) => id(rest).map(Self::Buyer),
            Some(("operator", rest)) => name(rest).map(Self::Operator),
            Some(("custodian", rest)) => name(rest).map(Self::Custodian),
            _ => Err(NotAnActor),
        }
    }
}

/// Why somebody was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The act needs a login.
    #[error("not logged in")]
    NotLoggedIn,
    /// The actor's role does not do this.
    #[error("not allowed")]
    Forbidden,
    /// It is somebody else's, and whether it exists is not the actor's business: 404, not 403.
    #[error("not found")]
    NotFound,
    /// No token of ours, or an altered one. The reason is not told: it would help only a forger.
    #[error("not a token of ours")]
    Token,
    /// The token's time is over.
    #[error("the token has expired")]
    Expired,
    /// The session was ended, or its key was replaced or revoked.
    #[error("the session was ended")]
    Revoked,
    /// No such challenge: never given, used already, or older than 60 seconds.
    #[error("no such login challenge")]
    Challenge,
    /// The signed login is for another platform.
    #[error("the login was signed for another platform")]
    Origin,
    /// The signature is wrong or missing, or other lines hang on the note.
    #[error("the login is not signed by its key alone")]
    Signature,
    /// Nobody verified has this key now.
    #[error("the key is nobody's")]
    UnknownKey,
    /// The signer's clock is more than five minutes off.
    #[error("the signer's clock is more than five minutes off")]
    Clock,
}

impl Refusal for Refused {
    fn code(&self) -> &'static str {
        match self {
            Self::NotLoggedIn => "auth-login-needed",
            Self::Forbidden => "auth-forbidden",
            Self::NotFound => "auth-not-found",
            Self::Token => "auth-token",
            Self::Expired => "auth-expired",
            Self::Revoked => "auth-revoked",
            Self::Challenge => "auth-challenge",
            Self::Origin => "auth-origin",
            Self::Signature => "auth-signature",
            Self::UnknownKey => "auth-key",
            Self::Clock => "auth-clock",
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::Forbidden => 403,
            Self::NotLoggedIn
            | Self::Token
            | Self::Expired
            | Self::Revoked
            | Self::Challenge
            | Self::Origin
            | Self::Signature
            | Self::UnknownKey
            | Self::Clock => 401,
        }
    }

    fn args(&self) -> Args {
        Args::new()
    }
}

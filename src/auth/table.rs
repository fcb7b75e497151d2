//! The one table of who may do what.
//!
//! Invariant: an act without a row does not compile, a row has one cell per role, and no role has a
//! cell that reads a sealed bid before its opening: there is no such act. Binding acts need a
//! signature besides; this table decides who may knock at all.

use super::{Actor, Refused, Role};
use crate::ids::EnterpriseId;

/// How far a role reaches in an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Not at all.
    No,
    /// Its own only.
    Own,
    /// Everybody's.
    Any,
}

/// Whether somebody outside may learn that a thing exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existence {
    /// Anybody knows of it: a refusal is 403.
    Public,
    /// Known to its owner and to those with reach over all: a refusal is 404.
    Hidden,
}

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The act.
    pub act: Act,
    /// What a refusal gives away.
    pub existence: Existence,
    /// One cell per role, in the order of [`Role::ALL`].
    pub cells: [Reach; 6],
}

macro_rules! acts {
    ($($(#[$doc:meta])* $act:ident: $existence:ident, $p:ident $b:ident $y:ident $o:ident $r:ident $c:ident;)*) => {
        /// Something that can be asked of the platform.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Act {
            $($(#[$doc])* $act,)*
        }

        /// Who may do what: public, bidder, buyer, operator, regulator, custodian.
        pub const TABLE: &[Row] = &[$(Row {
            act: Act::$act,
            existence: Existence::$existence,
            cells: [Reach::$p, Reach::$b, Reach::$y, Reach::$o, Reach::$r, Reach::$c],
        },)*];

        impl Act {
            /// The act's line.
            #[must_use]
            pub const fn row(self) -> Row {
                match self {
                    $(Self::$act => Row {
                        act: Self::$act,
                        existence: Existence::$existence,
                        cells: [Reach::$p, Reach::$b, Reach::$y, Reach::$o, Reach::$r, Reach::$c],
                    },)*
                }
            }
        }
    };
}

acts! {
    //                          public bidder buyer operator regulator custodian
    /// Read notices, tender documents, the public record, opening records. Nobody is counted.
    ReadPublic:         Public, Any Any Any Any Any Any;
    /// Get a login challenge and answer it.
    LogIn:              Public, Any Any Any Any Any Any;
    /// End one's own session; list one's own.
    LogOut:             Hidden, No  Own Own Own Own Own;
    /// Apply for registration, and re-register after a key was lost.
    Apply:              Public, Any Any Any Any Any Any;
    /// Read an application's evidence and contact.
    ReadApplication:    Hidden, No  Own Own Any Any No;
    /// Verify or reject an application.
    Decide:             Public, No  No  No  Any No  No;
    /// Replace a signing key by the next.
    RotateKey:          Hidden, No  Own Own No  No  No;
    /// Revoke a key: its holder, or the operator upon evidence.
    RevokeKey:          Hidden, No  Own Own Any No  No;
    /// Draft a tender, its lots, units and documents.
    DraftTender:        Hidden, No  No  Own No  No  No;
    /// Read a draft before it is published.
    ReadDraft:          Hidden, No  No  Own No  Any No;
    /// Publish a tender.
    Publish:            Hidden, No  No  Own No  No  No;
    /// Postpone a deadline.
    Amend:              Public, No  No  Own No  No  No;
    /// Register an outage of the platform, which postpones deadlines inside it.
    RegisterOutage:     Public, No  No  No  Any No  No;
    /// Cancel a unit: void, never opened.
    Cancel:             Public, No  No  Own No  No  No;
    /// Upload ciphertext, resume and delete an own upload.
    Upload:             Hidden, No  Own No  No  No  No;
    /// Submit, replace or withdraw a bid by a signed statement.
    Submit:             Public, No  Own No  No  No  No;
    /// Hand in a statement that a custodian accepted while the portal did not answer.
    HandInLodged:       Public, Any Any Any Any Any Any;
    /// Read an own bid's status and receipts before the opening. Nobody else's, whoever asks.
    ReadOwnBid:         Hidden, No  Own No  No  No  No;
    /// Show a receipt during the challenge window.
    Challenge:          Public, Any Any Any Any Any Any;
    /// Fetch the documents of an opened bid.
    ReadOpened:         Hidden, No  Own Own No  Any No;
    /// Sign the order that releases second envelopes; see whose they are, once that is shown.
    Order:              Public, No  No  Own No  Any No;
    /// Suspend a unit's release, and lift that.
    Suspend:            Public, No  No  No  No  Any No;
    /// Read leaves that are sealed from the public and no longer sealed by time.
    ReadSupervised:     Hidden, No  No  No  No  Any No;
    /// Fetch the auditors' bundle with released identities.
    ReadAuditBundle:    Hidden, No  No  No  No  Any No;
    /// Put a new roster, or a succession, on record.
    ChangeRoster:       Public, No  No  No  No  Any No;
}

impl Act {
    /// How far a role reaches in this act.
    #[must_use]
    pub const fn reach(self, role: Role) -> Reach {
        let [public, bidder, buyer, operator, regulator, custodian] = self.row().cells;
        match role {
            Role::Public => public,
            Role::Bidder => bidder,
            Role::Buyer => buyer,
            Role::Operator => operator,
            Role::Regulator => regulator,
            Role::Custodian => custodian,
        }
    }
}

/// Whose a thing is, as far as the table cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Nobody's yet: a list, or something about to be made by the actor itself.
    Actor,
    /// An enterprise's or organisation's.
    Enterprise(EnterpriseId),
    /// Exactly this actor's, a session for instance.
    Exactly(Actor),
}

/// Lets an actor do an act on a thing of this owner, or says why not: 401 without a login, 404
/// where existence is hidden, 403 otherwise.
///
/// # Errors
/// [`Refused::NotLoggedIn`], [`Refused::NotFound`], [`Refused::Forbidden`].
pub fn allow(actor: &Actor, act: Act, owner: &Owner) -> Result<(), Refused> {
    let is_own = match owner {
        Owner::Actor => true,
        Owner::Enterprise(id) => actor.enterprise() == Some(*id),
        Owner::Exactly(other) => actor == other,
    };
    match act.reach(actor.role()) {
        Reach::Any => Ok(()),
        Reach::Own if is_own => Ok(()),
        Reach::Own | Reach::No if *actor == Actor::Public => Err(Refused::NotLoggedIn),
        Reach::Own | Reach::No => Err(match act.row().existence {
            Existence::Hidden => Refused::NotFound,
            Existence::Public => Refused::Forbidden,
        }),
    }
}

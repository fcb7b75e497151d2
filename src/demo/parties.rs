//! The demo's parties: registered with the platform through the same client that they would use.

use std::sync::Arc;

use futures_util::future::try_join_all;

use super::cast::{BUYER, Bidder, Name};
use super::stage::{ORIGIN, Stage};
use super::trouble::Trouble;
use crate::cli::client::Client;
use crate::cli::keys;
use crate::crypto::entropy::{Entropy, SeededEntropy, SystemEntropy};
use crate::crypto::note::SigningKey;
use crate::enterprise::credentials::key_name;
use crate::enterprise::statements::Kind;
use crate::enterprise::uscc::Uscc;
use crate::ids::EnterpriseId;

/// Whom an operator may ask: an address that cannot exist.
const CONTACT: &str = "demo@example.invalid";
/// For the buyer's code; the bidders' come from the cast.
const BUYER_SEED: u64 = 1;

/// A registered party with its key and its client.
pub struct Party {
    /// Its id.
    pub id: EnterpriseId,
    /// Its name.
    pub name: Name,
    /// Its key's file, in `keys/`.
    pub file: String,
    /// Its signing key.
    pub key: Arc<SigningKey>,
    /// The platform as it sees it.
    pub client: Client,
}

/// Everybody who registers.
pub struct Parties {
    /// The procuring entity.
    pub buyer: Party,
    /// The enterprises, in the order of the cast.
    pub bidders: Vec<Party>,
}

/// Registers the buyer and the cast: each applies, then the operator vouches for each.
///
/// # Errors
/// [`Trouble`].
pub async fn register(stage: &Stage, cast: &[Bidder]) -> Result<Parties, Trouble> {
    let (operator, _) = stage.client_of("operator")?;
    let uscc = Uscc::unassigned(&SeededEntropy::new(BUYER_SEED))?;
    let buyer = new(stage, Kind::Organisation, BUYER, "buyer".to_owned())?;
    let mut bidders = Vec::new();
    for bidder in cast {
        let file = format!("enterprise-{:02}", bidder.no);
        bidders.push(new(stage, Kind::Enterprise, bidder.name, file)?);
    }
    let all = bidders.iter().zip(cast.iter().map(|bidder| bidder.uscc));
    let everybody = std::iter::once((&buyer, uscc)).chain(all);
    try_join_all(everybody.map(|(party, uscc)| enrol(stage, party, uscc, &operator))).await?;
    Ok(Parties { buyer, bidders })
}

fn new(stage: &Stage, kind: Kind, name: Name, file: String) -> Result<Party, Trouble> {
    let entropy: &dyn Entropy = &SystemEntropy::new();
    let id = EnterpriseId::random(entropy)?;
    keys::create(&stage.key_file(&file), &key_name(ORIGIN, kind, id), entropy)?;
    let (client, key) = stage.client_of(&file)?;
    Ok(Party { id, name, file, key, client })
}

async fn enrol(stage: &Stage, party: &Party, uscc: Uscc, operator: &Client) -> Result<(), Trouble> {
    let name = party.name.registered();
    party.client.apply(&stage.pinned, &name, uscc, CONTACT).await?;
    let waits = operator.waiting_application(&stage.pinned, party.id, None).await?;
    operator.vouch(&stage.pinned, &waits).await?;
    Ok(())
}

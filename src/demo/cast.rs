//! Who bids in the demo and who errs how. Pure: the same on every run, whatever the hour.

use crate::crypto::entropy::{Entropy, NoEntropy, SeededEntropy, array};
use crate::enterprise::uscc::Uscc;
use crate::web::i18n::Lang;

/// Decides who errs how, and every name, code and price.
const SEED: u64 = 2026;

/// What an enterprise does in the first lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Bids, and nothing else.
    Bids,
    /// Replaces its bid by a cheaper one.
    Replaces,
    /// Takes its bid back.
    Withdraws,
    /// Comes a moment after the deadline.
    Late,
    /// Signs a rival's envelope as its own.
    Copies,
    /// Deals one custodian a share that does not open.
    SpoilsAShare,
}

/// A name in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    zh: &'static str,
    en: &'static str,
}

impl Name {
    /// A name.
    #[must_use]
    pub const fn new(zh: &'static str, en: &'static str) -> Self {
        Self { zh, en }
    }

    /// As readers of a language see it.
    #[must_use]
    pub const fn of(self, lang: Lang) -> &'static str {
        match lang {
            Lang::Zh => self.zh,
            Lang::En => self.en,
        }
    }

    /// As it is registered: both.
    #[must_use]
    pub fn registered(self) -> String {
        format!("{} {}", self.zh, self.en)
    }
}

/// The procuring entity.
pub const BUYER: Name = Name::new("演示县教育局", "Demo County Education Bureau");

/// An enterprise and what it will do.
#[derive(Clone, Debug)]
pub struct Bidder {
    /// From 1.
    pub no: usize,
    /// Invented.
    pub name: Name,
    /// Valid, of an unassigned region: nobody's.
    pub uscc: Uscc,
    /// Its part in the first lot.
    pub part: Part,
    /// About how large its documents are, in bytes.
    pub bytes: u64,
    /// Its price in whole yuan.
    pub price: u64,
    /// Days to perform.
    pub days: u32,
    /// Whether it bids in the second lot too.
    pub bids_twice: bool,
}

const NAMES: [Name; 12] = [
    Name::new("青石建设有限公司", "Qingshi Builders"),
    Name::new("云杉工程有限公司", "Spruce Engineering"),
    Name::new("白鹭营造有限公司", "Egret Construction"),
    Name::new("长桥建工有限公司", "Longbridge Works"),
    Name::new("北斗岭建筑有限公司", "Dipper Ridge"),
    Name::new("红枫土木有限公司", "Maple Civil"),
    Name::new("金穗建设有限公司", "Golden Ear"),
    Name::new("蓝湾工程有限公司", "Blue Bay"),
    Name::new("松涛建筑有限公司", "Pinewave"),
    Name::new("星桥建设有限公司", "Starbridge"),
    Name::new("远山营造有限公司", "Farhill"),
    Name::new("玉泉工程有限公司", "Jade Spring"),
];

/// Parts and sizes: a few hundred KiB to 64 MiB.
const PARTS: [(Part, u64); 12] = [
    (Part::Bids, 300 << 10),
    (Part::Bids, 900 << 10),
    (Part::Bids, 3 << 20),
    (Part::Bids, 7 << 20),
    (Part::Bids, 12 << 20),
    (Part::Bids, 24 << 20),
    (Part::Bids, 64 << 20),
    (Part::Replaces, 2 << 20),
    (Part::Withdraws, 1 << 20),
    (Part::Late, 1 << 20),
    (Part::Copies, 0),
    (Part::SpoilsAShare, 2 << 20),
];

/// How many enterprises bid in the second lot: fewer than it needs.
pub const FEW: usize = 2;

/// The twelve, in the order of their numbers.
///
/// # Errors
/// Never: the stream is computed.
pub fn cast() -> Result<Vec<Bidder>, NoEntropy> {
    let entropy = SeededEntropy::new(SEED);
    let mut parts = PARTS.to_vec();
    let mut bidders = Vec::with_capacity(NAMES.len());
    let mut twice = 0;
    for (no, name) in (1..).zip(NAMES) {
        let (part, bytes) = parts.swap_remove(below(parts.len(), &entropy)?);
        let [a, b, c] = array(&entropy)?;
        let bids_twice = part == Part::Bids && twice < FEW;
        twice += usize::from(bids_twice);
        bidders.push(Bidder {
            no,
            name,
            uscc: Uscc::unassigned(&entropy)?,
            part,
            bytes,
            price: 11_800_000 + u64::from(a) * 4096 + u64::from(b) * 16,
            days: 300 + u32::from(c % 60),
            bids_twice,
        });
    }
    Ok(bidders)
}

/// A draw below `count`; that small numbers are a little more likely harms nothing here.
fn below(count: usize, entropy: &dyn Entropy) -> Result<usize, NoEntropy> {
    let [draw] = array(entropy)?;
    Ok(usize::from(draw) % count.max(1))
}

/// Whose envelope the copier copies: the first that only bids.
#[must_use]
pub fn victim(cast: &[Bidder]) -> Option<&Bidder> {
    cast.iter().find(|bidder| bidder.part == Part::Bids)
}

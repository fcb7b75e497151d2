//! The opening record as a table, held against what each bidder did.
//!
//! Invariant: a line that ends otherwise than its bidder's part in the story stops the demo.

use unicode_width::UnicodeWidthStr as _;

use super::bids::{SPOILT, final_price, yuan};
use super::cast::{Bidder, Part, victim};
use super::narrator::Narrator;
use super::parties::Parties;
use super::stage::CUSTODIANS;
use super::trouble::Trouble;
use crate::bid::statements::Fault;
use crate::opening::statements::{FailCode, LineStatus, OpenedLine, Opening, RejectCode};

/// One row: number, bidder, price, days, what became of it, who answers for it.
type Row = [String; 6];

/// Shows the opening record, in the order of the cast, and who is not in it.
///
/// # Errors
/// [`Trouble::Unexpected`] for the first line that is not as the story goes.
pub fn show(
    told: &Narrator<'_>,
    opening: &Opening,
    cast: &[Bidder],
    parties: &Parties,
) -> Result<(), Trouble> {
    let mut rows = vec![[
        "#".to_owned(),
        told.words("demo-say-column-bidder", Vec::new()),
        told.words("demo-say-column-price", Vec::new()),
        told.words("demo-say-column-days", Vec::new()),
        told.words("demo-say-column-outcome", Vec::new()),
        told.words("demo-say-column-fault", Vec::new()),
    ]];
    let mut absent = Vec::new();
    for (bidder, party) in cast.iter().zip(&parties.bidders) {
        let line = opening.lines.iter().find(|line| line.bidder == party.id);
        let story = Story { told, cast, parties };
        match (story.row(bidder, line), line, bidder.part) {
            (Some(row), Some(_), _) => rows.push(row),
            (_, None, Part::Withdraws) => absent.push((bidder, "demo-say-not-in-withdrawn")),
            (_, None, Part::Late) => absent.push((bidder, "demo-say-not-in-late")),
            _ => {
                let who = bidder.name.of(told.lang).to_owned();
                let found = line.map(|line| format!("{:?}", line.outcome)).unwrap_or_default();
                return Err(Trouble::Unexpected { who, found });
            }
        }
    }
    for line in lay_out(&rows) {
        told.show(&line);
    }
    for (bidder, key) in absent {
        told.say(key, vec![("who", bidder.name.of(told.lang).into())]);
    }
    told.say("demo-say-keys-used", vec![("count", opening.releases.len().to_string().into())]);
    Ok(())
}

struct Story<'a> {
    told: &'a Narrator<'a>,
    cast: &'a [Bidder],
    parties: &'a Parties,
}

impl Story<'_> {
    /// A line's row, if the line is what its bidder's part leads to.
    fn row(&self, bidder: &Bidder, line: Option<&OpenedLine>) -> Option<Row> {
        let line = line?;
        let became = self.became(bidder, &line.outcome)?;
        let (price, days) = match &line.outcome {
            LineStatus::Opened { offer, .. } => {
                (grouped(offer.price.as_deref()?), bidder.days.to_string())
            }
            _ => ("-".to_owned(), "-".to_owned()),
        };
        let fault = match line.fault {
            None => String::new(),
            Some(Fault::Bidder) => self.told.words("demo-say-fault-bidder", Vec::new()),
            Some(Fault::Platform) => self.told.words("demo-say-fault-platform", Vec::new()),
        };
        let name = bidder.name.of(self.told.lang).to_owned();
        Some([bidder.no.to_string(), name, price, days, became, fault])
    }

    /// What became of a line in words; nothing unless it is the bidder's part's end.
    fn became(&self, bidder: &Bidder, outcome: &LineStatus) -> Option<String> {
        let lang = self.told.lang;
        match (outcome, bidder.part) {
            (LineStatus::Opened { offer, .. }, Part::Bids | Part::Replaces) => {
                let price = Some(yuan(final_price(bidder, 1)));
                let is_his = offer.price == price && offer.duration_days == Some(bidder.days);
                let key = match bidder.part {
                    Part::Replaces => "demo-say-opened-second",
                    _ => "demo-say-opened",
                };
                is_his.then(|| self.told.words(key, Vec::new()))
            }
            (LineStatus::Rejected { code: RejectCode::Copied, named }, Part::Copies) => {
                let rival = victim(self.cast)?;
                let party = self.parties.bidders.get(rival.no.checked_sub(1)?)?;
                let args = vec![("rival", rival.name.of(lang).into())];
                let is_named = *named == Some(party.id);
                is_named.then(|| self.told.words("demo-say-rejected-copied", args))
            }
            (LineStatus::Failed { code: FailCode::BadShare, custodian }, Part::SpoilsAShare) => {
                let found = custodian.as_ref()?.as_str();
                let mut spoilt = SPOILT.iter().filter_map(|place| CUSTODIANS.get(*place));
                let is_named = spoilt.any(|(id, _)| *id == found);
                is_named.then(|| self.told.words("demo-say-failed-share", Vec::new()))
            }
            _ => None,
        }
    }
}

/// `12345678.00` as `12,345,678.00`.
fn grouped(price: &str) -> String {
    let (whole, rest) = price.split_once('.').unwrap_or((price, "00"));
    let mut out = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    format!("{out}.{rest}")
}

/// Columns of equal width on a terminal, where a Chinese character takes two places; numbers stand
/// right.
fn lay_out(rows: &[Row]) -> Vec<String> {
    let mut widths = [0; 6];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let line = |row: &Row| {
        let cells = row.iter().zip(widths).zip([true, false, true, true, false, false]);
        let cells = cells.map(|((cell, width), is_right)| {
            let gap = " ".repeat(width - cell.width());
            if is_right { format!("{gap}{cell}") } else { format!("{cell}{gap}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

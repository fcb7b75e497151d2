//! Does a custodian sign only units that everybody else would take for one?

use sealbid::crypto::statement::Statement;
use sealbid::custodian::agent::{Refusal, State};
use sealbid::custodian::wire::AskUnit;
use sealbid::error::Reason as _;
use sealbid::tender::rules::UnitFault;

use super::refusals::{ask_unit, unit_refusal, with_body, world};

#[test]
fn a_unit_without_a_minimum_or_with_a_strangers_recipient_is_signed_by_no_custodian() {
    let (world, id) = world(1, &[]);
    let refused = |ask: &AskUnit, fault: UnitFault| {
        let refused = unit_refusal(&world, ask, &State::default());
        assert_eq!(refused, Some(Refusal::Range(fault.said().key)));
    };
    let none = with_body(&world, id, |unit| unit.min = 0);
    refused(&none, UnitFault::Minimum);
    let no_age = with_body(&world, id, |unit| unit.recipients[1].recipient.push('x'));
    refused(&no_age, UnitFault::Recipient);
    let twice = with_body(&world, id, |unit| {
        unit.recipients[2].recipient = unit.recipients[1].recipient.clone();
    });
    refused(&twice, UnitFault::SameRecipients);
    let swapped = with_body(&world, id, |unit| unit.recipients.swap(1, 2));
    refused(&swapped, UnitFault::Recipients);
}

#[test]
fn a_unit_of_a_bidder_is_signed_by_no_custodian() {
    let (world, id) = world(1, &[]);
    let bidder = &world.bidders[0];
    let mut body = world.row(&id).unit.body().clone();
    body.procuring_entity = bidder.id;
    let of = body.id().unwrap();
    for (recipient, custodian) in body.recipients.iter_mut().zip(&world.agents.each) {
        recipient.recipient = custodian.keys.unit_identity(&of).recipient().to_string();
    }
    let mut unit = Statement::signed(body, &bidder.key).unwrap();
    unit.sign(&world.keys.platform);
    let credentials = bidder.credentials();
    let ask = AskUnit { credentials, unit: unit.encode(), ..ask_unit(&world, id) };
    let refused = unit_refusal(&world, &ask, &State::default());
    assert_eq!(refused, Some(Refusal::Range("custodian-say-range-buyer")));
}

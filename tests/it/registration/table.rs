//! Where does every action lead from every state?

use super::*;

fn vk(seed: u8) -> VerifyingKey {
    key(1, seed).verifying().clone()
}

fn declined() -> State {
    State::Declined { reason: "why".to_owned() }
}

fn decline(others: Others) -> Action {
    Action::Decline { reason: "why".to_owned(), others }
}

fn verified(seed: u8) -> State {
    State::Verified { key: vk(seed) }
}

type Row = (Action, [Result<State, Refused>; 5]);

/// Rows are actions; columns are applied, verified, declined, keyless, reapplied.
fn rows() -> Vec<Row> {
    let (idle, no_key) = (|| Err(Refused::NothingWaiting), || Err(Refused::NoKey));
    let rotate = |old, new| Action::Rotate { old: vk(old), new: vk(new) };
    let revoke = |seed| Action::Revoke { key: vk(seed) };
    let of_verified = |outcome| [no_key(), outcome, no_key(), no_key(), no_key()];
    let of_waiting = |first, second| [first, idle(), idle(), idle(), second];
    let (applied, reapplied) = (|| Ok(State::Applied), || Ok(State::Reapplied));
    let known = Err(Refused::AlreadyVerified);
    let vouch = Action::Verify { key: vk(1) };
    vec![
        (Action::Apply, [applied(), known, applied(), reapplied(), reapplied()]),
        (vouch, of_waiting(Ok(verified(1)), Ok(verified(1)))),
        (decline(Others::None), of_waiting(Ok(declined()), Ok(State::Keyless))),
        (decline(Others::Wait), of_waiting(applied(), reapplied())),
        (rotate(1, 2), of_verified(Ok(verified(2)))),
        (rotate(2, 1), of_verified(Err(Refused::NotInForce))),
        (rotate(1, 1), of_verified(Err(Refused::KeyTaken))),
        (revoke(1), of_verified(Ok(State::Keyless))),
        (revoke(2), of_verified(Err(Refused::NotInForce))),
    ]
}

#[test]
fn every_state_and_action_leads_where_this_table_says() {
    let states = [State::Applied, verified(1), declined(), State::Keyless, State::Reapplied];
    for (action, row) in rows() {
        for (state, expected) in states.iter().zip(row) {
            assert_eq!(next(state, &action), expected, "{state:?} {action:?}");
        }
    }
}

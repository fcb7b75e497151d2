//! Who takes part in the case, with their keys, and the roster that names them.

use super::*;

/// Keys of everybody, from small seeds.
pub struct Keys {
    /// Of the record, and of the one after a succession.
    pub log: [SigningKey; 2],
    pub platform: SigningKey,
    pub regulator: SigningKey,
    pub operator: SigningKey,
    /// What the second roster has instead of the three before.
    pub next: [SigningKey; 3],
    /// Five of the first roster, five of the second.
    pub statement: Vec<SigningKey>,
    pub witness: Vec<SigningKey>,
}

pub(super) fn key(name: &str, kind: KeyKind, seed: [u8; 2]) -> SigningKey {
    let mut bytes = [seed[0]; 32];
    bytes[1] = seed[1];
    SigningKey::from_seed(name, kind, &bytes).unwrap()
}

impl Keys {
    pub(super) fn new(twist: Twist) -> Self {
        let signs = KeyKind::Statement;
        let regulator = if twist == Twist::OtherRegulator { 99 } else { 3 };
        let of = |role: &str, kind, from: u8| {
            let place = |i| format!("{ORIGIN}/{role}/c{}", (i - 1) % N + 1);
            (1..=2 * N).map(|i| key(&place(i), kind, [from, i])).collect()
        };
        let next = |role: &str, seed| key(&format!("{ORIGIN}/{role}"), signs, [seed, 2]);
        Self {
            log: [key(ORIGIN, signs, [1, 0]), key(NEXT_ORIGIN, signs, [1, 1])],
            platform: key(&format!("{ORIGIN}/platform/p"), signs, [2, 0]),
            regulator: key(&format!("{ORIGIN}/regulator/r"), signs, [regulator, 0]),
            operator: key(&format!("{ORIGIN}/operator/o"), signs, [4, 0]),
            next: [next("platform/p", 2), next("regulator/r", 3), next("operator/o", 4)],
            statement: of("custodian", signs, 5),
            witness: of("witness", KeyKind::Cosignature, 6),
        }
    }
}

/// A body with its key.
pub struct Who {
    pub id: EnterpriseId,
    pub key: SigningKey,
    pub(super) kind: Kind,
}

pub(super) fn who(number: usize, kind: Kind) -> Who {
    let id: EnterpriseId = format!("ent_{number:032x}").parse().unwrap();
    let seed = [20 + u8::try_from(number / 200).unwrap(), u8::try_from(number % 200).unwrap()];
    Who { id, key: key(&key_name(ORIGIN, kind, id), KeyKind::Statement, seed), kind }
}

pub(super) fn custodian_seed(place: usize) -> Hash {
    Hash::of(format!("seed of custodian {place}").as_bytes())
}

pub(super) fn custodian_identity(place: usize, id: UnitId) -> Identity {
    unit_identity(custodian_seed(place).as_bytes(), &id.0)
}

/// The custodian of a place, with the keys of its seed: the second roster's stand behind the first's.
pub(super) fn member(keys: &Keys, place: usize, seed: usize) -> Member {
    Member {
        address: format!("https://c{}.example", place + 1),
        id: format!("c{}", place + 1).parse().unwrap(),
        name: format!("保管人{}", place + 1),
        statement_key: keys.statement[seed].verifying().clone(),
        witness_key: keys.witness[seed].verifying().clone(),
    }
}

pub(super) fn roster(keys: &Keys, twist: Twist) -> Statement<Roster> {
    let operator = keys.operator.verifying().clone();
    let mut body = Roster {
        custodians: (0..usize::from(N)).map(|place| member(keys, place, place)).collect(),
        issued_at: START,
        log_key: keys.log[0].verifying().clone(),
        operator_keys: vec![operator],
        origin: ORIGIN.into(),
        platform_key: keys.platform.verifying().clone(),
        prev_sha256: None,
        regulator_key: keys.regulator.verifying().clone(),
        sealer_sha256: None,
        t: T,
        version: 1,
    };
    if twist == Twist::RosterKeyTwice {
        body.operator_keys.push(keys.operator.verifying().clone());
    }
    Statement::signed(body, &keys.regulator).unwrap()
}

impl Maker {
    pub(super) fn verify_bodies(&mut self) {
        let bodies = std::iter::once(&self.buyer).chain(&self.bidders);
        let verified: Vec<Statement<Verified>> = bodies
            .map(|who| self.verified(who.id, who.kind, who.key.verifying().clone()))
            .collect();
        for statement in &verified {
            self.note(statement);
        }
        self.rotate();
        if self.is(Twist::NotCanonical) {
            self.put(b"{\"type\":\"sealbid/example/v1\", \"no\":1}".to_vec(), Shown::Public);
        }
    }

    /// The last bidder takes a new key before it bids.
    fn rotate(&mut self) {
        let Some(last) = self.bidders.last() else { return };
        let new = key(last.key.verifying().name(), KeyKind::Statement, [9, 9]);
        let (old_key, new_key) = (last.key.verifying().clone(), new.verifying().clone());
        let body = KeyRotation { enterprise: last.id, new_key, old_key };
        let mut rotation = Statement::signed(body, &last.key).unwrap();
        if !self.is(Twist::RotationUnsigned) {
            rotation.sign(&new);
            self.bidders.last_mut().unwrap().key = new;
        }
        self.note(&rotation);
    }

    /// The operator revokes a body's key.
    pub(super) fn revoke(&mut self, id: EnterpriseId, key: VerifyingKey) {
        let gone = KeyRevocation { enterprise: id, key, reason: "遗失".into() };
        self.note(&Statement::signed(gone, &self.keys.operator).unwrap());
    }

    /// The same, and vouches for another in its name.
    pub(super) fn usurp(&mut self, id: EnterpriseId, kind: Kind, old: VerifyingKey) -> SigningKey {
        let new = key(old.name(), KeyKind::Statement, [88, 8]);
        self.revoke(id, old);
        let again = self.verified(id, kind, new.verifying().clone());
        self.note(&again);
        new
    }

    fn verified(&self, id: EnterpriseId, kind: Kind, key: VerifyingKey) -> Statement<Verified> {
        self.verified_by(&self.keys.operator, id, kind, key)
    }

    pub(super) fn verified_by(
        &self,
        operator: &SigningKey,
        id: EnterpriseId,
        kind: Kind,
        key: VerifyingKey,
    ) -> Statement<Verified> {
        let body = Verified {
            application_sha256: Hash::of(b"application"),
            enterprise: id,
            key,
            kind,
            name: "某公司".into(),
            uscc: "000000000000000000".into(),
        };
        Statement::signed(body, operator).unwrap()
    }
}

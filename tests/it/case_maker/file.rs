//! The files made of the story: cases, receipts, custodians' notes.

use super::*;

impl Maker {
    pub(super) fn tree(&self) -> (Vec<Hash>, Levels) {
        let leaves: Vec<Hash> = self.leaves.iter().map(|one| leaf(&one.salt, &one.event)).collect();
        let levels = Levels::of(&leaves);
        (leaves, levels)
    }

    fn checkpoint(&self, levels: &Levels, place: usize) -> Note {
        let Head { size, at, witnesses, log } = &self.heads[place];
        let log = &self.keys.log[*log];
        let mut root = tree::root(levels, *size).unwrap();
        if self.is(Twist::Fork) && place == 0 {
            root = Hash::of(b"another history");
        }
        let checkpoint = Checkpoint { origin: log.verifying().name().into(), size: *size, root };
        let mut note = checkpoint.signed(log).unwrap();
        for witness in witnesses {
            let mut line = cosign(note.text(), &self.keys.witness[*witness], *at).unwrap();
            if self.is(Twist::CheckpointForged) && place == 0 {
                line.bytes[20] ^= 1;
            }
            note.push(line);
        }
        note
    }

    /// The case file of a kind.
    pub fn case(&self, kind: CaseKind) -> Vec<u8> {
        self.case_without(kind, &self.units, &[])
    }

    /// The case file of some units, with the public events of these types left out.
    pub fn case_without(&self, kind: CaseKind, units: &[UnitId], left_out: &[&str]) -> Vec<u8> {
        let mut units = units.to_vec();
        if self.is(Twist::UnitMissing) {
            units.push(UnitId(Hash::of(b"a unit that is not there")));
        }
        let is_left_out = |one: &Leaf| {
            let event = String::from_utf8_lossy(&one.event);
            left_out.iter().any(|kind| event.contains(kind))
        };
        let other = self.is(Twist::RosterOrigin);
        let origin = if other { "bids.example/other" } else { ORIGIN }.into();
        let header = CaseHeader { format: FORMAT, kind, origin, units };
        let mut case = CaseWriter::new(&header).unwrap();
        let version = if self.is(Twist::RosterName) { 2 } else { 1 };
        match self.twist {
            // A note of another type where a roster should stand.
            Twist::RosterNone => case.roster(1, &self.checkpoint(&self.tree().1, 0)),
            _ => case.roster(version, self.roster.note()),
        }
        if let Some(next) = &self.next_roster {
            case.roster(2, next.note());
        }
        let (mut leaves, levels) = self.tree();
        let head = self.size();
        for (place, Head { size, .. }) in self.heads.iter().enumerate() {
            case.checkpoint(&self.checkpoint(&levels, place)).unwrap();
            if *size < head {
                case.consistency(*size, &tree::prove_consistency(&levels, *size, head).unwrap());
            }
        }
        let public = (0..).zip(&self.leaves).filter(|(_, one)| one.shown == Shown::Public);
        for (index, one) in public.filter(|(_, one)| !is_left_out(one)) {
            let mut proof = tree::prove_inclusion(&levels, index, head).unwrap();
            if self.is(Twist::WrongProof) {
                proof[1] = Hash::of(b"wrong");
            }
            let (salt, event) = (one.salt, one.event.clone());
            case.entry(&CaseEntry { index, salt, event, proof });
        }
        if kind == CaseKind::Auditor {
            self.whole(&mut case, &mut leaves);
        }
        let mut out = Vec::new();
        let open = &mut |name: &MemberName| {
            let MemberName::Sealed(sha256) = name else { panic!("{name} was not announced") };
            let bytes = self.sealed[sha256].clone();
            Ok(Box::new(Cursor::new(bytes)) as Box<dyn std::io::Read>)
        };
        case.write(&mut out, open).unwrap();
        out
    }

    /// What only auditors get.
    fn whole(&self, case: &mut CaseWriter, leaves: &mut [Hash]) {
        let opened = |(index, one): (u64, &Leaf)| OpenedLeaf {
            index,
            salt: one.salt,
            event: one.event.clone(),
        };
        let mut opened: Vec<OpenedLeaf> = (0..).zip(&self.leaves).map(opened).collect();
        // A pad: nothing else is known of it.
        let pad = opened.iter().position(|leaf| leaf.event.is_empty()).unwrap();
        if self.is(Twist::OtherLeaf) {
            opened.remove(pad);
        }
        if matches!(self.twist, Twist::LeafClosed | Twist::WithdrawalForged) {
            // Behind a closed leaf chains are not judged; signatures are.
            let closed = self.entered[&(1, 1)].index;
            opened.retain(|leaf| leaf.index != closed);
        }
        if self.is(Twist::OtherLeaf) {
            leaves[pad] = Hash::of(b"another leaf");
        }
        case.opened(&opened);
        for (number, bundle) in (0..).zip(leaves.chunks(256)) {
            case.bundle(number, encode_bundle(bundle));
        }
        let is_shown = |sha256: &Hash| self.tried.contains(sha256) || self.is(Twist::SealedStray);
        for (sha256, bytes) in self.sealed.iter().filter(|(sha256, _)| is_shown(sha256)) {
            case.sealed(*sha256, u64::try_from(bytes.len()).unwrap());
        }
    }

    /// A bidder's receipt with the cosignatures of the first `count` witnesses, from the checkpoint
    /// at which the set was frozen.
    pub fn receipt(&self, entered: &Entered, count: usize) -> Vec<u8> {
        let (_, levels) = self.tree();
        let place = self.heads.iter().position(|head| head.size > entered.index).unwrap();
        let size = self.heads[place].size;
        self.receipt_of(entered, count, (size, self.checkpoint(&levels, place)))
    }

    /// The same from a checkpoint of this size that stands in no case file.
    pub fn receipt_between(&self, entered: &Entered, size: u64) -> Vec<u8> {
        let root = tree::root(&self.tree().1, size).unwrap();
        let checkpoint = Checkpoint { origin: ORIGIN.into(), size, root };
        let mut note = checkpoint.signed(&self.keys.log[0]).unwrap();
        for witness in &self.keys.witness[..4] {
            note.push(cosign(note.text(), witness, DEADLINE).unwrap());
        }
        self.receipt_of(entered, 4, (size, note))
    }

    /// The first entry whose event holds this text, as if somebody had a receipt of it.
    pub fn entry_with(&self, text: &str) -> Entered {
        let holds = |one: &&Leaf| String::from_utf8_lossy(&one.event).contains(text);
        let place = self.leaves.iter().position(|one| holds(&one)).unwrap();
        let Leaf { salt, event, .. } = &self.leaves[place];
        let (index, salt, event) = (u64::try_from(place).unwrap(), *salt, event.clone());
        Entered { index, salt, line: Hash::of(b"none"), arrived_at: START, event }
    }

    fn receipt_of(&self, entered: &Entered, count: usize, (size, note): (u64, Note)) -> Vec<u8> {
        let (_, levels) = self.tree();
        let keys: Vec<_> = std::iter::once(self.keys.log[0].verifying())
            .chain(self.keys.witness.iter().take(count).map(SigningKey::verifying))
            .cloned()
            .collect();
        Receipt {
            salt: entered.salt,
            event: entered.event.clone(),
            index: entered.index,
            hashes: tree::prove_inclusion(&levels, entered.index, size).unwrap(),
            checkpoint: note.ordered(&keys),
        }
        .encode()
        .into_bytes()
    }
}

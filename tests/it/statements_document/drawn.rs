//! One draw, from its pools to its result.

use sealbid::bid::rules::line;
use sealbid::draw::rules::pool::{
    Blind, Candidate, Drum, PoolKey, exclusion_leaf, exclusions_root,
};
use sealbid::draw::rules::seed::seed;
use sealbid::draw::rules::statement::{contributors, drums_of};
use sealbid::draw::rules::strata::draw as drawn;
use sealbid::draw::statements::{
    Contributed, Contribution, ContributionFault, Contributor, Criterion, Draw, DrawResult,
    DrawVoid, ExclusionCount, ExclusionReason, Exclusions, Filter, Previous, RedrawReason,
    Register, Source, Stratum, Subject, UnopenedLine, ValueList, VoidedBy,
};
use sealbid::ids::DrawId;

use super::*;

fn expert(n: u8) -> String {
    format!("exp_{n:032x}")
}

fn draw_id(n: u8) -> DrawId {
    format!("drw_{n:032x}").parse().unwrap()
}

fn blind() -> Blind {
    Blind::keyed(&PoolKey::from_bytes([9; 32]), draw_id(1))
}

fn stratum(label: &str, k: u32, reserves: u32) -> Stratum {
    Stratum { k, label: label.parse().unwrap(), reserves }
}

fn drums() -> Vec<Drum> {
    let drum = |label: &str, from: u8, until: u8| {
        let names: Vec<String> = (from..=until).map(expert).collect();
        let candidates = names.iter().map(|name| Candidate { name, employer: None });
        Drum::fill(label.parse().unwrap(), candidates, &blind()).unwrap()
    };
    vec![drum("roads", 1, 8), drum("money", 7, 10)]
}

impl Story {
    /// A committee of four from ten experts, two of them in both pools; one is left out for kin.
    fn committee(&self) -> Draw {
        let strata = vec![stratum("roads", 3, 1), stratum("money", 1, 1)];
        let criterion = |label: &str, regions: &[&str], specialty: &str| Criterion {
            label: label.parse().unwrap(),
            regions: regions.iter().map(|code| code.parse().unwrap()).collect(),
            specialties: vec![specialty.parse().unwrap()],
        };
        let kin = exclusion_leaf(&blind().salt(&expert(11)), ExclusionReason::Kin, &expert(11));
        let register = Register {
            as_of: 4096,
            exclusions: Exclusions {
                counts: vec![ExclusionCount { count: 1, reason: ExclusionReason::Kin }],
                root: exclusions_root(vec![kin]),
            },
            filter: Filter {
                criteria: vec![
                    criterion("roads", &["3401"], "A0801"),
                    criterion("money", &[], "B02"),
                ],
                drawn_most: 3,
                drawn_since: NINE.plus(-2_592_000_000),
                from: NINE.plus(604_800_000),
                look_back: NINE.plus(-94_608_000_000),
                per_employer: Some(1),
                until: NINE.plus(633_600_000),
            },
            libraries: vec![format!("lib_{:032x}", 1).parse().unwrap()],
            register_size: 11,
        };
        Draw {
            beacon: None,
            contributors: contributors(roster().body(), enterprise(1)),
            draw: draw_id(1),
            no: 1,
            pools: drums().iter().map(Drum::committed).collect(),
            previous: None,
            rule_pack_sha256: Hash::of(b"pack"),
            source: Source::Register(Box::new(register)),
            strata,
            subject: Subject::Committee {
                lot: unit().lot,
                members: 5,
                representatives: 1,
                tender: unit().tender,
            },
            unit_id: self.unit_id,
        }
    }

    /// The second try for a coefficient, after a void.
    fn coefficient(&self) -> Draw {
        let values = ["0.95", "0.96", "0.97"].map(str::to_owned).to_vec();
        let lists = vec![ValueList { label: "k".parse().unwrap(), values }];
        let pools = drums_of(&lists).unwrap().iter().map(Drum::committed).collect();
        let (lot, tender) = (unit().lot, unit().tender);
        Draw {
            draw: draw_id(2),
            no: 2,
            pools,
            previous: Some(Previous {
                draw_sha256: Hash::of(b"draw"),
                ended_sha256: Hash::of(b"void"),
                reason: RedrawReason::Voided,
            }),
            source: Source::Values { lists },
            strata: vec![stratum("k", 1, 0)],
            subject: Subject::Coefficient { lot, name: "K".into(), tender },
            ..self.committee()
        }
    }

    fn draw_sha256(&self) -> Hash {
        Statement::new(self.committee()).unwrap().sha256()
    }

    pub(super) fn contribution(&self) -> Contribution {
        Contribution {
            bid_id: self.bid_id,
            contributor: Contributor::Custodian(custodian(1)),
            draw_sha256: self.draw_sha256(),
            seq: 1,
            unit_id: self.unit_id,
            value: Hash::from_bytes([8; 32]),
        }
    }

    /// Two custodians, the platform: c2, c4 and the buyer were silent.
    fn contributions(&self) -> Vec<Contributed> {
        let of = |n: u8, contributor: Contributor, signer: SigningKey| {
            let identity = Identity::from_bytes(Zeroizing::new([0x50 + n; 32]));
            let body = Manifest {
                bid_id: format!("bid_{n:032x}").parse().unwrap(),
                seal_recipient: identity.recipient().to_string(),
                ..self.manifest.body().clone()
            };
            let manifest = Statement::signed(body, &signer).unwrap();
            let salt = Hash::from_bytes([0x60 + n; 32]);
            Contributed {
                contributor,
                identity: identity.encode().to_string(),
                line: line(salt.as_bytes(), &manifest.sha256()),
                manifest: manifest.encode(),
                salt,
                value: Hash::from_bytes([7 + n; 32]),
            }
        };
        vec![
            of(1, Contributor::Custodian(custodian(1)), key("/custodian/c1", 11)),
            of(2, Contributor::Custodian(custodian(3)), key("/custodian/c3", 13)),
            of(3, Contributor::Platform, key("/platform/p", 3)),
        ]
    }

    fn drawn(&self) -> DrawResult {
        let contributions = self.contributions();
        let mut lines: Vec<Hash> = contributions.iter().map(|it| it.line).collect();
        lines.sort_unstable();
        let close = Statement::new(Close { lines, ..self.close.clone() }).unwrap();
        let values: Vec<Hash> = contributions.iter().map(|it| it.value).collect();
        let seed = seed(&self.draw_sha256(), &close.sha256(), &values, None);
        DrawResult {
            beacon_value: None,
            close_sha256: close.sha256(),
            contributions,
            draw_sha256: self.draw_sha256(),
            drawn_at: NINE,
            releases: vec![custodian(1), custodian(3)],
            seed,
            strata: drawn(&seed, &self.committee().strata, &drums(), Some(1)).unwrap(),
            unit_id: self.unit_id,
        }
    }

    pub(super) fn of_draw(&self) -> Vec<String> {
        let first = self.contributions().remove(0);
        let unopened = UnopenedLine {
            contributor: first.contributor,
            fault: ContributionFault::BadShare { custodian: custodian(2) },
            line: first.line,
            manifest: first.manifest,
            salt: first.salt,
        };
        let void = |by| DrawVoid { by, draw_sha256: self.draw_sha256(), unit_id: self.unit_id };
        let close_sha256 = self.close_sha256();
        vec![
            text(self.committee()),
            text(self.coefficient()),
            text(self.drawn()),
            text(void(VoidedBy::Unopened { close_sha256, lines: vec![unopened] })),
            text(void(VoidedBy::FewCustodians {
                close_sha256,
                present: vec![Contributor::Custodian(custodian(1)), Contributor::Platform],
            })),
            text(void(VoidedBy::Unit { void_sha256: Hash::of(b"void") })),
        ]
    }

    /// The steps between the statements, in hexadecimal.
    pub(super) fn draw_said(&self) -> String {
        let salt = |n| Hash::from_bytes(*blind().salt(&expert(n)).as_bytes());
        let mut said = format!(
            "draw      {}\npool key  {}\nsalt      {} ({})\n",
            draw_id(1),
            Hash::from_bytes([9; 32]),
            salt(1),
            expert(1),
        );
        for drum in drums() {
            for (index, entrant) in drum.entrants().iter().enumerate() {
                let label = drum.label();
                said += &format!("{label} {index}   {}\n", entrant.leaf);
            }
        }
        let excluded =
            exclusion_leaf(&blind().salt(&expert(11)), ExclusionReason::Kin, &expert(11));
        let result = self.drawn();
        said += &format!("excluded  {excluded} (kin, {})\n", expert(11));
        said += &format!("seed      {}\n", result.seed);
        for drawn in &result.strata {
            let picks = drawn.picks.iter().map(|pick| {
                let outcome = serde_json::to_value(pick.outcome).unwrap();
                format!("{} {outcome}", pick.index)
            });
            said += &format!("{}     {}\n", drawn.label, picks.collect::<Vec<_>>().join(", "));
        }
        said
    }
}

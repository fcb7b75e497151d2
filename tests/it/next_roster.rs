//! A server's next roster: its agents, its signatures, its place in the configuration.

use std::fs;
use std::sync::Arc;

use sealbid::config::Config;
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::custodian::by_hand;
use sealbid::custodian::chain::Chain;
use sealbid::custodian::home::{Home, Loaded};
use sealbid::custodian::roster::Roster;
use sealbid::db::Options;
use sealbid::web::start::{self, StartError};

use crate::registration::signed;
use crate::server::{CUSTODIANS, Server, agent_home, listener, member, regulator};
use crate::support::wait;

impl Server {
    /// New agents of custodians 2 to 6, and the roster that names them next, as `change` makes it:
    /// signed by the regulator and by a quorum of the version before.
    pub fn next_roster(&mut self, change: impl FnOnce(&mut Roster)) -> Chain {
        let mut rosters =
            Chain::parse(&fs::read(self.home().join("roster.note")).unwrap()).unwrap();
        let old = rosters.newest().body().clone();
        let first = u8::try_from(self.agents.len()).unwrap() + 1;
        let listeners: Vec<_> = (0..CUSTODIANS).map(|_| listener("127.0.0.1:0")).collect();
        let names = (first..).zip(2..).zip(&listeners);
        let custodians = names.map(|((n, name), l)| member(self.home(), n, name, l)).collect();
        let (version, prev_sha256) = (old.version + 1, Some(rosters.newest().sha256()));
        let mut next = Roster { custodians, version, prev_sha256, ..old };
        change(&mut next);
        let mut next = signed(next, &[&regulator()]);
        for n in first - CUSTODIANS..first - 1 {
            let loaded = Home::read(&agent_home(self.home(), n)).unwrap();
            next = by_hand::sign_roster(&loaded, next).unwrap();
        }
        rosters.push(next).unwrap();
        for (n, listener) in (first..).zip(listeners) {
            Home::enrol(&agent_home(self.home(), n), &rosters).unwrap();
            self.agents.push(None);
            self.serve_agent(n, listener);
        }
        rosters
    }

    /// What the operator's `roster_file` holds from the next start on.
    pub fn configure(&self, rosters: &Chain) {
        fs::write(self.home().join("roster.note"), rosters.encode()).unwrap();
    }

    /// Starts a second platform on the same files and says why it does not.
    pub fn start_error(&self) -> StartError {
        let config = Config::load(&self.config, []).unwrap();
        let options = Options::new(self.clock.clone(), Arc::new(SystemEntropy::new()));
        wait(start::open(&config, options)).err().unwrap()
    }

    /// The keys and memory of agent `n`.
    pub fn agent(&self, n: u8) -> Loaded {
        Home::read(&agent_home(self.home(), n)).unwrap()
    }
}

//! Is a data folder one process's at a time, and one database's for ever?

use std::fs;
use std::process::Command;

use sealbid::config::Config;
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::db::Options;
use sealbid::error::Refusal as _;
use sealbid::web::folder::ID;
use sealbid::web::start;

use crate::on_both;
use crate::server::Server;
use crate::stopping::Serving;
use crate::support::{TestBase, wait};

/// What a second platform says, on this configuration.
fn open(base: &TestBase, config: &Config) -> String {
    let options = Options::new(base.clock.clone(), std::sync::Arc::new(SystemEntropy::new()));
    match wait(start::open(config, options)) {
        Ok(_) => String::from("started"),
        Err(error) => error.code().to_owned(),
    }
}

on_both! {
    fn a_second_platform_on_a_folder_or_with_another_one_is_refused(base: TestBase) {
        let mut server = Server::start(&base);
        let own = Config::load(&server.config, []).unwrap();
        let elsewhere = server.home().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let other = Config { data_dir: elsewhere.clone(), ..own.clone() };
        assert_eq!(open(&base, &own), "web-start-folder-in-use");
        assert_eq!(open(&base, &other), "web-start-other-folder");
        // The program says so to people, and what to do.
        for (language, hint) in [("en", "Stop that one first"), ("zh", "请先停止该进程")] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_sealbid"));
            command.args(["--lang", language, "serve", "--config"]).arg(&server.config);
            let ended = command.env("SEALBID_LISTEN", "127.0.0.1:0").output().unwrap();
            let said = String::from_utf8(ended.stderr).unwrap();
            assert_eq!((ended.status.code(), said.contains(hint)), (Some(75), true), "{said}");
        }
        server.stop();
        assert_eq!(open(&base, &own), "started");
        assert_eq!(open(&base, &other), "web-start-other-folder", "nobody works on any now");
        // A folder that is lost is replaced by whoever says so.
        fs::copy(own.data_dir.join(ID), elsewhere.join(ID)).unwrap();
        assert_eq!(open(&base, &other), "started");
        fs::write(elsewhere.join(ID), "another\n").unwrap();
        assert_eq!(open(&base, &other), "web-start-other-folder");
    }
}

on_both! {
    fn a_process_that_was_killed_holds_no_folder(base: TestBase) {
        base.clock.set(sealbid::clock::Clock::now(&sealbid::clock::SystemClock));
        let mut server = Server::with_agents(&base);
        server.stop();
        let mut killed = Serving::start(&server);
        assert_eq!(open(&base, &Config::load(&server.config, []).unwrap()), "web-start-folder-in-use");
        killed.child.kill().unwrap();
        killed.child.wait().unwrap();
        Serving::start(&server).terminate();
    }
}

//! A running demo: the real binary, read line by line, and ended whatever becomes of the test.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use sealbid::crypto::statement::Statement;
use sealbid::custodian::roster::Roster;

/// What the demo tells on every run: who errs how, what everybody asks, what becomes of it.
pub const TOLD_EN: &[&str] = &[
    "12 enterprises and a procuring entity applied",
    "procuring entity, platform and all 5 custodians signed both lots.",
    "Egret Construction: 336 KiB sealed and sent; accepted as entry ",
    "Golden Ear: 66 MiB sealed and sent; accepted as entry ",
    "Pinewave: bid (entry ",
    "then replaced its bid by a cheaper one (entry ",
    "Farhill: bid (entry ",
    "then took its bid back (entry ",
    "Dipper Ridge: gave the County Supervision Office and the County Notary Office shares that do not open (entry ",
    "Jade Spring: signed the envelope of Qingshi Builders as its own (entry ",
    "County Notary Office: its process is killed.",
    " ms after the deadline and was refused. Its receipt: ",
    "The set of bids is fixed: the platform and the 4 custodians that are there signed the close.",
    "County Notary Office: its process is started again.",
    "County Bidding Association: its process is killed.",
    "County Bidding Association: its process is started again.",
    "The server and all custodians are ended; nobody answers on their ports.",
    "case.sealbid: pinned; ",
    "auditor.sealbid: pinned; ",
    "none failed.",
    "Done in ",
];

/// The same for Chinese readers, in parts.
pub const TOLD_ZH: &[&str] = &[
    "== 平台与保管人",
    "12 家企业和一个招标人提出申请",
    "松涛建筑有限公司：先投标",
    "远山营造有限公司：先投标",
    "蓝湾工程有限公司：晚到 ",
    "北斗岭建筑有限公司：给演示县公共资源交易监督局和演示县公证处的份额打不开",
    "玉泉工程有限公司：把青石建设有限公司的信封签成自己的",
    "演示县公证处：其进程被杀掉。",
    "演示县招标投标协会：其进程重新启动。",
    "case.sealbid：已锚定；",
    "auditor.sealbid：已锚定；",
];

/// The lines that a README shows of what the demo prints.
pub fn shown_in(readme: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(readme);
    let text = std::fs::read_to_string(path).unwrap();
    let (_, block) = text.split_once("```text\n== ").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    format!("== {block}").lines().map(|line| format!("{line}\n")).collect()
}

/// The program under test, its throw-away folders inside `work`.
pub fn program(arguments: &[&str], work: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealbid"));
    command.env_remove("SEALBID_LANG").env("TMPDIR", work).args(arguments);
    command
}

/// A demo under way.
pub struct Demo {
    child: Child,
    told: BufReader<ChildStdout>,
    errors: PathBuf,
}

impl Demo {
    pub fn start(arguments: &[&str], work: &Path) -> Self {
        // Beside the folder, which the tests look into.
        let errors = work.with_extension("stderr");
        let mut command = program(&[&["demo"], arguments].concat(), work);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(File::create(&errors).unwrap()).spawn().unwrap();
        let told = BufReader::new(child.stdout.take().unwrap());
        Self { child, told, errors }
    }

    /// Everything told up to and with the first line that contains `word`.
    pub fn read_until(&mut self, word: &str) -> String {
        let mut told = String::new();
        loop {
            let before = told.len();
            let count = self.told.read_line(&mut told).unwrap();
            assert!(count > 0, "ended before {word:?}:\n{told}{}", self.errors());
            if told[before..].contains(word) {
                return told;
            }
        }
    }

    pub fn read_to_end(&mut self) -> String {
        let mut told = String::new();
        self.told.read_to_string(&mut told).unwrap();
        told
    }

    pub fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    pub fn errors(&self) -> String {
        std::fs::read_to_string(&self.errors).unwrap()
    }

    /// As Ctrl-C does.
    pub fn interrupt(&self) {
        let sent = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.errors));
        if matches!(self.child.try_wait(), Ok(None)) {
            // Politely, so that it ends its own children.
            self.interrupt();
            drop(self.child.wait());
        }
    }
}

/// Where the server and the custodians of a demo's folder listen.
pub fn addresses(dir: &Path) -> Vec<SocketAddr> {
    let config: toml::Table =
        toml::from_str(&std::fs::read_to_string(dir.join("sealbid.toml")).unwrap()).unwrap();
    let mut found = vec![config["listen"].as_str().unwrap().parse().unwrap()];
    let note = std::fs::read(dir.join("roster.note")).unwrap();
    let roster = Statement::<Roster>::parse(&note).unwrap();
    let of =
        |address: &str| -> SocketAddr { address.strip_prefix("http://").unwrap().parse().unwrap() };
    found.extend(roster.body().custodians.iter().map(|member| of(&member.address)));
    found
}

/// Whether nobody listens on any of these.
pub fn has_gone(addresses: &[SocketAddr]) -> bool {
    addresses.iter().all(|address| TcpStream::connect(address).is_err())
}

//! Does `sealbid demo` do what a newcomer is told, to the end, on the real binary, and does nothing
//! of it stay behind?

mod files;
mod running;
mod secrecy;

use std::net::TcpListener;
use std::path::Path;

use self::running::{Demo, TOLD_EN, TOLD_ZH, addresses, has_gone, shown_in};
use self::secrecy::Copies;
use crate::support::folder;

/// What stands in `--dir` when everything went well.
const LEFT: [&str; 10] = [
    "auditor.sealbid",
    "bids",
    "case.sealbid",
    "custodians",
    "data",
    "keys",
    "logs",
    "roster.note",
    "rules.toml",
    "sealbid.toml",
];

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Every file below a folder whose name ends so.
fn ending(folder: &Path, end: &str) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| match path.is_dir() {
            true => ending(&path, end),
            false => usize::from(path.to_string_lossy().ends_with(end)),
        })
        .sum()
}

#[test]
fn a_newcomer_sees_the_whole_story_and_keeps_files_that_verify_and_open() {
    let work = folder("demo_whole");
    let dir = work.join("kept");
    let mut demo = Demo::start(&["--lang", "en", "--dir", dir.to_str().unwrap()], &work);
    let told = demo.read_to_end();
    assert_eq!(demo.wait(), Some(0), "{told}{}", demo.errors());
    for line in TOLD_EN {
        assert!(told.contains(line), "{line}\nis not in\n{told}");
    }
    for line in shown_in("README.md") {
        assert!(told.contains(&line), "{line}of README.md is not in\n{told}");
    }
    let mut expected = LEFT.map(str::to_owned).to_vec();
    expected.push("trust".to_owned());
    assert_eq!(names(&dir), expected);
    let bids = dir.join("bids");
    assert_eq!(ending(&bids, ".bid"), 16, "12 bids, a second version, a spoilt copy, 2 in lot 2");
    assert_eq!(ending(&bids, ".refused.tlog-proof"), 1);
    assert!(has_gone(&addresses(&dir)), "every process has ended");
    assert_eq!(names(&work), ["kept"], "nothing was left beside it");
    files::both_files_verify_pinned_and_say_so_without_a_pin(&dir);
    files::the_refusal_of_the_late_bid_is_proven_by_its_receipt(&dir);
    files::a_flipped_byte_in_any_member_is_noticed_and_named(&dir);
    files::stock_age_opens_a_bid_from_the_auditors_file_by_the_written_steps(&dir, &work);
}

#[test]
fn kept_running_it_speaks_chinese_and_its_accounts_log_in_until_it_is_stopped() {
    let (work, beside) = (folder("demo_kept"), folder("demo_searched"));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut demo = Demo::start(&["--keep", "--lang", "zh", "--port", &port.to_string()], &work);
    // All bids are in, the first custodian has gone, the deadline is a second ahead.
    let mut told = demo.read_until("其进程被杀掉");
    let kept = std::fs::read_dir(&*work).unwrap().next().unwrap().unwrap().path();
    let sealed = Copies::take(&kept, &beside.join("sealed"));
    told += &demo.read_until("Ctrl-C");
    for line in TOLD_ZH {
        assert!(told.contains(line), "{line}\nis not in\n{told}{}", demo.errors());
    }
    for line in shown_in("README.zh-CN.md") {
        assert!(told.contains(&line), "{line}of README.zh-CN.md is not in\n{told}");
    }
    assert!(told.contains(&format!("服务器：http://127.0.0.1:{port}")), "{told}");
    assert_eq!(told.matches("账户：").count(), 13, "the buyer and twelve enterprises:\n{told}");
    let example = told.lines().find_map(|line| line.trim().strip_prefix("例如：sealbid "));
    let example: Vec<&str> = example.expect("an example").split(' ').collect();
    let shown = running::program(&example, &work).output().unwrap();
    let shown = (shown.status.code(), String::from_utf8(shown.stdout).unwrap());
    assert_eq!(shown.0, Some(0), "{}", shown.1);
    assert!(shown.1.contains("演示小学教学楼"), "{}", shown.1);
    let (first, second) = shown.1.split_once("标段：家具").unwrap();
    assert!(first.contains("已开标") && second.contains("作废"), "{}", shown.1);
    sealed.hold_nothing_readable();
    Copies::take(&kept, &beside.join("opened")).hold_what_was_opened();
    secrecy::answers_hold_what_was_sealed(&kept, &beside);
    secrecy::a_bidder_holds_its_words_before_it_seals(&kept, &beside);
    let addresses = addresses(&kept);
    assert_eq!(addresses.len(), 6, "the server and five custodians");
    assert!(!has_gone(&addresses));
    demo.interrupt();
    let last = demo.read_to_end();
    assert_eq!(demo.wait(), Some(0), "{last}{}", demo.errors());
    assert!(last.contains("完成"), "{last}");
    assert!(has_gone(&addresses), "every process has ended");
    assert_eq!(names(&work), Vec::<String>::new(), "the throw-away folder is gone");
}

#[test]
fn interrupted_in_the_middle_it_ends_its_processes_and_removes_its_folder() {
    let work = folder("demo_interrupted");
    let mut demo = Demo::start(&["--lang", "en"], &work);
    demo.read_until("The server runs on");
    let made = std::fs::read_dir(&*work).unwrap().next().unwrap().unwrap().path();
    let addresses = addresses(&made);
    assert!(!has_gone(&addresses));
    demo.interrupt();
    let last = demo.read_to_end();
    assert_eq!(demo.wait(), Some(130), "{last}{}", demo.errors());
    assert!(last.contains("Stopped: the server and all custodians are ended."), "{last}");
    assert!(has_gone(&addresses), "every process has ended");
    assert_eq!(names(&work), Vec::<String>::new(), "the throw-away folder is gone");
}

#[test]
fn when_something_fails_it_says_what_and_keeps_the_logs() {
    let work = folder("demo_fails");
    let dir = work.join("kept");
    let mut demo = Demo::start(&["--lang", "en", "--dir", dir.to_str().unwrap()], &work);
    demo.read_until("The server runs on");
    // Nothing can be made any more in the folder of the bids.
    std::fs::remove_dir_all(dir.join("bids")).unwrap();
    std::fs::write(dir.join("bids"), "a file").unwrap();
    let told = demo.read_to_end();
    assert_eq!(demo.wait(), Some(70), "{told}");
    let errors = demo.errors();
    assert!(errors.starts_with("error: The bidders' documents: "), "{errors}");
    assert!(errors.contains("hint: ") && errors.contains("The logs are in "), "{errors}");
    assert!(dir.join("logs/server.log").exists());
    assert!(has_gone(&addresses(&dir)), "every process has ended");
}

#[test]
fn it_does_not_begin_where_it_could_not_end() {
    let work = folder("demo_refused");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let file = work.join("file");
    std::fs::write(&file, "mine").unwrap();
    let (below, full) = (file.join("below"), work.to_str().unwrap().to_owned());
    let refused = [
        (["--port", &port], format!("error: Port {port} on 127.0.0.1 is taken")),
        (["--dir", &full], format!("error: {full} is not empty; nothing in it was touched.")),
        (["--dir", below.to_str().unwrap()], format!("error: {} cannot be used", below.display())),
    ];
    for (arguments, expected) in refused {
        let mut demo = Demo::start(&[&["--lang", "en"], &arguments[..]].concat(), &work);
        assert_eq!(demo.read_to_end(), "");
        assert_eq!(demo.wait(), Some(1));
        let errors = demo.errors();
        assert!(errors.starts_with(&expected), "{errors}");
        assert!(errors.contains("\nhint: "), "{errors}");
        assert_eq!(names(&work), ["file"], "nothing was made");
    }
}

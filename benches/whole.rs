//! Whole-process runs of sealing and opening one large file, beside `rage` and Go's `age`.
//!
//! `cargo bench --bench whole -- [MIB] [FOLDER]`, 1024 MiB by default. Each run is a process of its
//! own, file to file; ours takes SHA-256 in the same pass, the others take none. Programs that are
//! not on the PATH are left out, and rounds in which the machine did something else are run again.
//! Prints best and median MB/s of nine rounds, the ratios of ours to the others and the peak
//! resident memory of ours. The best is what the program can do; the median also shows what else
//! the machine was doing.

#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::disallowed_methods,
    reason = "a race that is printed for people"
)]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::seal::{Identity, Recipient, SealError, open_hashed, seal};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ROUNDS: usize = 9;
const KEY: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["ours-seal", from, to] => ours_seal(from, to),
        ["ours-open", from, to] => ours_open(from, to),
        [] => compare(1024, &std::env::temp_dir()),
        [mib] => compare(mib.parse()?, &std::env::temp_dir()),
        [mib, folder, ..] => compare(mib.parse()?, Path::new(folder)),
    }
}

fn ours_seal(from: &str, to: &str) -> Result<()> {
    let key: Identity = KEY.parse()?;
    let to_whom: Recipient = key.recipient();
    let mut source = File::open(from)?;
    let (sealed, ()) = seal(File::create(to)?, &to_whom, &SystemEntropy::new(), |w| {
        copy(&mut source, w).map_err(SealError::from)
    })?;
    report(&sealed.sha256)
}

fn ours_open(from: &str, to: &str) -> Result<()> {
    let mut source = open_hashed(File::open(from)?, &KEY.parse()?)?;
    let mut target = File::create(to)?;
    source.copy_to(&mut target)?;
    let sealed = source.finish()?.ok_or("no hash was taken")?;
    report(&sealed.sha256)
}

fn copy(from: &mut dyn Read, to: &mut dyn Write) -> std::io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let got = from.read(&mut buffer)?;
        if got == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..got])?;
    }
}

/// The peak resident memory of this process, as the kernel counts it.
fn report(hash: &dyn std::fmt::Display) -> Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or("unknown");
    println!("{hash} {}", peak.trim());
    Ok(())
}

/// A way to do one job: its name and its command.
struct Way {
    name: &'static str,
    command: fn(&Job<'_>) -> Command,
}

struct Job<'a> {
    plain: &'a Path,
    sealed: &'a Path,
    out: &'a Path,
    key: &'a Path,
}

fn ours(verb: &str, from: &Path, to: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap_or_default());
    command.arg(verb).arg(from).arg(to);
    command
}

fn theirs(program: &str, args: &[&str], to: &Path, from: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(args).arg("-o").arg(to).arg(from);
    command
}

const SEAL: [Way; 3] = [
    Way { name: "sealbid", command: |j| ours("ours-seal", j.plain, j.out) },
    Way { name: "rage", command: |j| theirs("rage", &["-r", &recipient()], j.out, j.plain) },
    Way { name: "age", command: |j| theirs("age", &["-r", &recipient()], j.out, j.plain) },
];
const OPEN: [Way; 3] = [
    Way { name: "sealbid", command: |j| ours("ours-open", j.sealed, j.out) },
    Way {
        name: "rage",
        command: |j| theirs("rage", &["-d", "-i", &j.key.to_string_lossy()], j.out, j.sealed),
    },
    Way {
        name: "age",
        command: |j| theirs("age", &["-d", "-i", &j.key.to_string_lossy()], j.out, j.sealed),
    },
];

fn recipient() -> String {
    KEY.parse::<Identity>().map(|k| k.recipient().to_string()).unwrap_or_default()
}

fn compare(mib: usize, folder: &Path) -> Result<()> {
    let path = |name: &str| -> PathBuf { folder.join(format!("sealbid-bench-{name}")) };
    let (plain, sealed, out, key) = (path("plain"), path("sealed"), path("out"), path("key"));
    let mut file = BufWriter::new(File::create(&plain)?);
    let block: Vec<u8> =
        (0..1_048_576_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    (0..mib).try_for_each(|_| file.write_all(&block))?;
    file.into_inner()?.sync_all()?;
    std::fs::write(&key, format!("{KEY}\n"))?;
    let job = Job { plain: &plain, sealed: &sealed, out: &out, key: &key };
    ours("ours-seal", job.plain, job.sealed).stdout(Stdio::null()).status()?;
    for (verb, ways) in [("seal", &SEAL), ("open", &OPEN)] {
        race(verb, mib, ways, &job)?;
    }
    for path in [&plain, &sealed, &out, &key] {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// One run of each way; `None` when something else kept the machine busy meanwhile.
fn round(
    verb: &str,
    mib: usize,
    ways: &[Way],
    job: &Job<'_>,
    said: &mut String,
) -> Result<Option<Vec<Option<f64>>>> {
    let mut speeds = Vec::new();
    for way in ways {
        if job.out.exists() {
            std::fs::remove_file(job.out)?;
        }
        let (began, others) = (Instant::now(), others_ticks());
        let Ok(output) = (way.command)(job).stderr(Stdio::inherit()).output() else {
            speeds.push(None);
            continue;
        };
        let seconds = began.elapsed().as_secs_f64();
        if !output.status.success() {
            return Err(format!("{} could not {verb}", way.name).into());
        }
        // A hundred ticks are a second of one core; a tenth of one core is let pass.
        if (others_ticks() - others) as f64 > 10.0 * seconds {
            std::thread::sleep(std::time::Duration::from_millis(500));
            return Ok(None);
        }
        speeds.push(Some(mib as f64 * 1.048_576 / seconds));
        if way.name == "sealbid" {
            *said = String::from_utf8(output.stdout)?;
        }
    }
    Ok(Some(speeds))
}

/// Ticks of processor time that went to anything but this process and its children.
fn others_ticks() -> i64 {
    let numbers = |path: &str, skip: usize, take: usize| -> i64 {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        line.split_whitespace().skip(skip).take(take).filter_map(|n| n.parse::<i64>().ok()).sum()
    };
    // user, nice, system; then, of this process, its own and its children's user and system.
    numbers("/proc/stat", 1, 3) - numbers("/proc/self/stat", 13, 4)
}

/// Lets the ways take turns, so that a busy minute hits all of them.
fn race(verb: &str, mib: usize, ways: &[Way], job: &Job<'_>) -> Result<()> {
    let mut speeds = vec![Vec::new(); ways.len()];
    let mut said = String::new();
    let mut attempts = 0;
    while speeds[0].len() < ROUNDS && attempts < 4 * ROUNDS {
        attempts += 1;
        let Some(round) = round(verb, mib, ways, job, &mut said)? else { continue };
        for (speeds, speed) in speeds.iter_mut().zip(round) {
            speeds.extend(speed);
        }
    }
    println!("{verb}: {} of {attempts} rounds had the machine to themselves", speeds[0].len());
    for speeds in &mut speeds {
        speeds.sort_by(f64::total_cmp);
    }
    let ours = speeds[0].clone();
    for (way, theirs) in ways.iter().zip(&speeds) {
        let (Some(best), Some(our_best)) = (theirs.last(), ours.last()) else {
            println!("{verb} {:8} is not on the PATH", way.name);
            continue;
        };
        let (median, our_median) = (theirs[theirs.len() / 2], ours[ours.len() / 2]);
        println!(
            "{verb} {:8} best {best:5.0} median {median:5.0} MB/s, ours / it: {:.2} and {:.2}",
            way.name,
            our_best / best,
            our_median / median
        );
    }
    println!("{verb}: sha256 and peak memory of ours: {}", said.trim());
    Ok(())
}

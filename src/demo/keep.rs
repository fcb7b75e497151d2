//! `--keep`: the platform runs on after the demo, and its accounts are shown.

use super::bids::PASSPHRASE;
use super::narrator::Narrator;
use super::stage::{CUSTODIANS, Stage};
use super::story::Told;
use super::trouble::Trouble;
use crate::error::Arg;

/// Starts everything again, says who can log in how, and returns when the demo is told to stop.
///
/// # Errors
/// [`Trouble::Process`].
pub async fn keep(stage: &mut Stage, told: &Narrator<'_>, story: &Told) -> Result<(), Trouble> {
    told.begin("demo-say-step-keep");
    stage.raise().await?;
    let at = |name: &str| Arg::Text(stage.dir.join(name).display().to_string());
    told.say("demo-say-keep-server", vec![("url", stage.url().into())]);
    told.say("demo-say-keep-dir", vec![("path", at("")), ("trust", at("trust"))]);
    for ((id, _), custodian) in CUSTODIANS.iter().zip(&stage.custodians) {
        let values = vec![
            ("custodian", custodian.name.as_str().into()),
            ("url", format!("http://{}", custodian.address).into()),
            ("path", at(&format!("custodians/{id}"))),
        ];
        told.say("demo-say-keep-custodian", values);
    }
    for role in ["operator", "regulator"] {
        let path = stage.key_file(role).display().to_string();
        told.say("demo-say-keep-role", vec![("role", role.into()), ("path", path.into())]);
    }
    for party in std::iter::once(&story.parties.buyer).chain(&story.parties.bidders) {
        let values = vec![
            ("who", party.name.of(told.lang).into()),
            ("id", party.id.to_string().into()),
            ("path", stage.key_file(&party.file).display().to_string().into()),
        ];
        told.say("demo-say-keep-party", values);
    }
    told.say("demo-say-keep-passphrase", vec![("passphrase", PASSPHRASE.into())]);
    let example = format!(
        "sealbid tender show {} --server {} --trust {} --key {}",
        story.tender,
        stage.url(),
        stage.dir.join("trust").display(),
        stage.key_file("buyer").display(),
    );
    told.say("demo-say-keep-example", vec![("command", example.into())]);
    told.say("demo-say-keep-stop", vec![("pid", i64::from(std::process::id()).into())]);
    // Whoever calls this gives up waiting when a signal comes.
    std::future::pending().await
}

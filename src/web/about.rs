//! What runs here, and whether its custodians can be independent: for the start page and for programs.
//!
//! Invariant: this is what the roster and the record show. It can prove dependence and never
//! independence: who owns an organisation stands in no roster.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use actix_web::http::header::{CACHE_CONTROL, HOST, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::Answer;
use super::app::App;
use super::i18n::ZONE;
use crate::clock::Time;
use crate::custodian::roster::{Member, Roster};
use crate::record::store;

/// A platform as it presents itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlatformView {
    /// The program's version.
    pub version: &'static str,
    /// The record's name.
    pub origin: String,
    /// The clock that judges deadlines, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub time: Time,
    /// The zone that people read times in.
    pub zone: &'static str,
    /// SHA-256 of the rule pack's file.
    pub rule_pack_sha256: String,
    /// SHA-256 of the roster's text: to be compared with what the regulator published.
    pub roster_sha256: String,
    /// Leaves in the record.
    pub size: u64,
    /// How many custodians open.
    pub t: u8,
    /// How many custodians close.
    pub q: u64,
    /// Why these custodians are not independent; empty when nothing here speaks against it.
    pub doubts: Vec<Doubt>,
    /// Who keeps the keys.
    pub custodians: Vec<CustodianView>,
}

/// A custodian and its last sign of life.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CustodianView {
    /// Its short name in the roster.
    pub id: String,
    /// Its organisation.
    pub name: String,
    /// Its agent.
    pub address: String,
    /// The largest size of the record that it cosigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cosigned_size: Option<u64>,
    /// When it cosigned last, by its own clock, in Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub cosigned_at: Option<Time>,
}

/// Something by which custodians are surely not independent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Doubt {
    /// The sentence's code.
    pub code: &'static str,
    /// Of whom it speaks, by their short names.
    pub custodians: Vec<String>,
}

/// What runs here, its clock, and who keeps the keys
///
/// # Errors
/// The database's.
#[utoipa::path(get, path = "/api/v1/platform", tag = "platform",
    responses((status = 200, body = PlatformView)))]
pub async fn platform(app: web::Data<App>, request: HttpRequest) -> Answer {
    let view = about(&app, request.headers()).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-cache")).json(view))
}

/// What the start page and `/api/v1/platform` say.
///
/// # Errors
/// The database's.
pub async fn about(app: &App, headers: &HeaderMap) -> Result<PlatformView, crate::db::Error> {
    let roster = app.roster();
    let names = roster.witness_names();
    let cosigned = app.db().query(move |conn| {
        let each = names.iter().map(|name| store::last_cosigned(conn, name));
        each.collect::<Result<Vec<_>, crate::db::Error>>()
    });
    let cosigned = cosigned.await?;
    let custodians = roster.custodians.iter().zip(cosigned).map(|(member, cosigned)| {
        let (cosigned_size, cosigned_at) = cosigned.unzip();
        CustodianView {
            id: member.id.to_string(),
            name: member.name.clone(),
            address: member.address.clone(),
            cosigned_size,
            cosigned_at,
        }
    });
    let own_host = headers.get(HOST).and_then(|value| value.to_str().ok());
    Ok(PlatformView {
        version: env!("CARGO_PKG_VERSION"),
        origin: roster.origin.clone(),
        time: app.now(),
        zone: ZONE,
        rule_pack_sha256: app.pack.sha256.to_string(),
        roster_sha256: app.rosters().newest().sha256().to_string(),
        size: app.platform.sequencer.published().checkpoint.size,
        t: roster.t,
        q: u64::try_from(roster.q()).unwrap_or(u64::MAX),
        doubts: doubts(roster, own_host),
        custodians: custodians.collect(),
    })
}

/// Why a roster's custodians are not independent, as far as it shows. `own_host` is where the reader
/// found this platform, with or without a port.
#[must_use]
pub fn doubts(roster: &Roster, own_host: Option<&str>) -> Vec<Doubt> {
    let all = &roster.custodians;
    let ids = |is: &dyn Fn(&Member) -> bool| {
        all.iter().filter(|member| is(member)).map(|member| member.id.to_string()).collect()
    };
    let hosts = shared(all, |member| host(&member.address).to_ascii_lowercase());
    let names = shared(all, |member| member.name.trim().to_lowercase());
    let found: [(&'static str, Vec<String>); 4] = [
        ("web-say-doubt-same-host", ids(&|m| hosts.contains(m.id.as_str()))),
        ("web-say-doubt-this-machine", ids(&|m| is_local(host(&m.address)))),
        (
            "web-say-doubt-with-platform",
            ids(&|m| own_host.is_some_and(|own| host(own).eq_ignore_ascii_case(host(&m.address)))),
        ),
        ("web-say-doubt-same-name", ids(&|m| names.contains(m.id.as_str()))),
    ];
    let spoken = found.into_iter().filter(|(_, custodians)| !custodians.is_empty());
    spoken.map(|(code, custodians)| Doubt { code, custodians }).collect()
}

/// The members whose trait another member has too.
fn shared(all: &[Member], of: impl Fn(&Member) -> String) -> BTreeSet<&str> {
    let mut groups = BTreeMap::<String, Vec<&str>>::new();
    for member in all {
        groups.entry(of(member)).or_default().push(member.id.as_str());
    }
    groups.into_values().filter(|group| group.len() > 1).flatten().collect()
}

fn is_local(host: &str) -> bool {
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback())
}

/// The host of an address, or of a `Host` header, without its port.
fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

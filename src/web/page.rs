//! The start page: what runs here, where the API document is, and whether the custodians are
//! independent of one another and of this machine. No scripts, no fonts, nothing from elsewhere.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web};

use super::answer::{Answer, language};
use super::app::App;
use super::i18n::{Lang, local_time, sentence};
use crate::custodian::roster::Roster;
use crate::error::Args;

const STYLE: &str = "body{font:1.1rem/1.6 system-ui,'Noto Sans CJK SC','Microsoft YaHei',sans-serif;\
    max-width:44rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}\
    code{word-break:break-all}table{border-collapse:collapse}td,th{border:1px solid #767676;\
    padding:.3rem .6rem;text-align:left}.no{font-weight:bold;color:#8b0000}";

/// `GET /`.
///
/// # Errors
/// None.
pub async fn start(app: web::Data<App>, request: HttpRequest) -> Answer {
    let page = render(&app, language(request.headers()));
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header(("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"))
        .insert_header(("vary", "accept-language"))
        .body(page))
}

#[expect(clippy::too_many_lines, reason = "one page")]
fn render(app: &App, lang: Lang) -> String {
    let roster = app.roster.body();
    let say = |key, args: Args| escape(&sentence(lang, key, &args).unwrap_or_default());
    let word = |key| say(key, Args::new());
    let title = match lang {
        Lang::Zh => &app.pack.title.zh,
        Lang::En => &app.pack.title.en,
    };
    let runs = vec![
        ("version", env!("CARGO_PKG_VERSION").into()),
        ("origin", roster.origin.as_str().into()),
        ("pack", title.as_str().into()),
        ("now", local_time(app.now()).into()),
    ];
    let count = i64::try_from(roster.custodians.len()).unwrap_or(i64::MAX);
    let opens = vec![("n", count.into()), ("t", i64::from(roster.t).into())];
    let (class, independence) = if are_apart(roster) {
        ("yes", "web-say-start-apart")
    } else {
        ("no", "web-say-start-together")
    };
    let rows: String = roster
        .custodians
        .iter()
        .map(|member| {
            format!(
                "<tr><td>{}</td><td>{}</td></tr>",
                escape(&member.name),
                escape(&member.address)
            )
        })
        .collect();
    format!(
        "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>Sealbid 封标</title><style>{STYLE}</style></head><body><main><h1>Sealbid 封标</h1>\
         <p>{}</p><p><a href=\"/api/v1/openapi.json\">{}</a> · <a href=\"/record/checkpoint\">{}</a> \
         · <a href=\"/record/roster\">{}</a></p><h2>{}</h2><p>{}</p><p class=\"{class}\">{}</p>\
         <table><thead><tr><th>{}</th><th>{}</th></tr></thead><tbody>{rows}</tbody></table>\
         <p>{}<br><code>{}</code></p></main></body></html>",
        lang.tag(),
        say("web-say-start-runs", runs),
        word("web-say-start-api"),
        word("web-say-start-record"),
        word("web-say-start-roster"),
        word("web-say-start-custodians"),
        say("web-say-start-opens", opens),
        word(independence),
        word("web-say-start-name"),
        word("web-say-start-address"),
        word("web-say-start-pin"),
        app.roster.sha256(),
    )
}

/// Whether every custodian has a host of its own, off this machine. Addresses prove nothing about
/// ownership; but agents that share a host are surely not independent.
#[must_use]
pub fn are_apart(roster: &Roster) -> bool {
    let hosts: BTreeSet<&str> =
        roster.custodians.iter().map(|member| host(&member.address)).collect();
    let local = |host: &&str| {
        let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        **host == *"localhost" || ip.is_ok_and(|ip| ip.is_loopback())
    };
    hosts.len() == roster.custodians.len() && !hosts.iter().any(local)
}

fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
        out
    })
}

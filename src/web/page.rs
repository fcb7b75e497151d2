//! The start page: what runs here, where the API document is, and whether the custodians are
//! independent of one another and of this machine. No scripts, no fonts, nothing from elsewhere.

use actix_web::{HttpRequest, HttpResponse, web};

use super::about::{CustodianView, PlatformView, about};
use super::answer::{Answer, language};
use super::app::App;
use super::i18n::{Lang, local_time, sentence};
use crate::error::{Arg, Args};

const STYLE: &str = "body{font:1.1rem/1.6 system-ui,'Noto Sans CJK SC','Microsoft YaHei',sans-serif;\
    max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}\
    code{word-break:break-all}table{border-collapse:collapse}td,th{border:1px solid #767676;\
    padding:.3rem .6rem;text-align:left}.no{font-weight:bold;color:#8b0000}\
    @media(max-width:40rem){table{font-size:.8rem}td,th{padding:.2rem .3rem}\
    td:nth-child(3){overflow-wrap:anywhere}}";

/// The start page, in the reader's language
///
/// # Errors
/// The database's.
#[utoipa::path(get, path = "/", tag = "platform",
    responses((status = 200, body = String, content_type = "text/html")))]
pub async fn start(app: web::Data<App>, request: HttpRequest) -> Answer {
    let (view, lang) = (about(&app, request.headers()).await?, language(request.headers()));
    let title = match lang {
        Lang::Zh => &app.pack.title.zh,
        Lang::En => &app.pack.title.en,
    };
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header(("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"))
        .insert_header(("content-language", lang.tag()))
        .insert_header(("vary", "accept-language"))
        .body(render(&view, title, lang)))
}

fn say(lang: Lang, key: &str, args: &Args) -> String {
    escape(&sentence(lang, key, args).unwrap_or_default())
}

fn render(view: &PlatformView, pack: &str, lang: Lang) -> String {
    let word = |key| say(lang, key, &Args::new());
    let runs = vec![
        ("version", view.version.into()),
        ("origin", view.origin.as_str().into()),
        ("pack", pack.into()),
        ("now", local_time(view.time).into()),
    ];
    let count = |count: usize| Arg::Number(i64::try_from(count).unwrap_or(i64::MAX));
    let opens = vec![("n", count(view.custodians.len())), ("t", i64::from(view.t).into())];
    format!(
        "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>Sealbid 封标</title><style>{STYLE}</style></head><body><main><h1>Sealbid 封标</h1>\
         <p>{}</p><p><a href=\"/api/v1/openapi.json\">{}</a> · <a href=\"/record/checkpoint\">{}</a> \
         · <a href=\"/record/roster\">{}</a></p><h2>{}</h2><p>{}</p>{}{}\
         <p>{}<br><code>{}</code></p></main></body></html>",
        lang.tag(),
        say(lang, "web-say-start-runs", &runs),
        word("web-say-start-api"),
        word("web-say-start-record"),
        word("web-say-start-roster"),
        word("web-say-start-custodians"),
        say(lang, "web-say-start-opens", &opens),
        independence(view, lang),
        custodians(view, lang),
        word("web-say-start-pin"),
        view.roster_sha256,
    )
}

fn independence(view: &PlatformView, lang: Lang) -> String {
    if view.doubts.is_empty() {
        return format!("<p>{}</p>", say(lang, "web-say-start-apart", &Args::new()));
    }
    let doubts = view.doubts.iter().map(|doubt| {
        let who = vec![("who", doubt.custodians.join(", ").into())];
        format!("<li>{}</li>", say(lang, doubt.code, &who))
    });
    let together = say(lang, "web-say-start-together", &Args::new());
    format!("<p class=\"no\">{together}</p><ul>{}</ul>", doubts.collect::<String>())
}

fn custodians(view: &PlatformView, lang: Lang) -> String {
    let word = |key| say(lang, key, &Args::new());
    let never = word("web-say-start-never");
    let row = |it: &CustodianView| {
        let seen = it.cosigned_at.map_or_else(|| never.clone(), |at| escape(&local_time(at)));
        let cells = [&it.id, &it.name, &it.address].map(|text| escape(text));
        format!("<tr><td>{}</td><td>{seen}</td></tr>", cells.join("</td><td>"))
    };
    let heads =
        ["web-say-start-id", "web-say-start-name", "web-say-start-address", "web-say-start-seen"]
            .map(word);
    let rows: String = view.custodians.iter().map(row).collect();
    let heads = heads.join("</th><th>");
    format!("<table><thead><tr><th>{heads}</th></tr></thead><tbody>{rows}</tbody></table>")
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

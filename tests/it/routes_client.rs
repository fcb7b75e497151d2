//! Do the commands of bidders and of everybody do over the network what they say?

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use reqwest::Method;
use sealbid::cli::Context;
use sealbid::cli::bid::{BidCommand, Send, Sending, Status, read};
use sealbid::cli::failed::Failed;
use sealbid::cli::intended::Intended;
use sealbid::cli::opening::OpeningCommand;
use sealbid::cli::outage::Cosign;
use sealbid::cli::output::Silent;
use sealbid::cli::tender::TenderCommand;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::Statement;
use sealbid::opening::statements::{Order, SuspensionState, Verdict};
use sealbid::tender::statements::{Notice, Stage};
use sealbid::web::i18n::{Lang, local_time};

use crate::on_both;
use crate::play::{DEADLINE, MARKER, Play, code, first, meant, plan};
use crate::publications::blobs;
use crate::support::wait;

fn bidders(play: &Play) -> Context {
    play.context(Some(play.key_file(&play.bidders[0].key, 1)))
}

on_both! {
    fn a_bidder_follows_its_bid_from_its_receipt_to_its_documents(base: TestBase) {
        let play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single])[0];
        let mine = bidders(&play);
        let say = |command: BidCommand| command.run(&mine).unwrap().text(Lang::En);
        assert!(say(BidCommand::List { json: false }).contains("no bids"));
        for bidder in 0..3 {
            play.bid(bidder, &unit);
        }
        assert!(say(BidCommand::List { json: false }).starts_with(&unit.to_string()));
        assert!(!say(BidCommand::Status(Status { unit, folder: None })).contains("The close"));
        let everybody = play.context(None);
        let show = || OpeningCommand::Show { unit }.run(&everybody).unwrap().text(Lang::En);
        assert!(show().contains("Not opened: the unit is open") && !show().contains("provisional"), "{}", show());
        play.close(&unit);
        assert!(say(BidCommand::Status(Status { unit, folder: None })).contains("The close holds your bid"));
        play.open(&unit);
        let shown = show();
        assert_eq!(shown.matches(" CNY (line ").count(), 3, "{shown}");
        let own = shown.lines().find(|line| line.contains("1000.00 CNY")).unwrap();
        let name = format!("甲1建设有限公司 ({})", play.bidders[0].id);
        assert!(own.contains(&name), "{own}");
        let line = own.split("(line ").nth(1).unwrap().trim_end_matches(')');
        let line: Hash = line.parse().unwrap();
        let listed = OpeningCommand::Documents { unit, line, out: None };
        let listed = listed.run(&mine).unwrap().text(Lang::En);
        assert_eq!(listed, format!("{}\tmethod.pdf\n", MARKER.len() * 3));
        let out = play.server.home().join("documents");
        OpeningCommand::Documents { unit, line, out: Some(out.clone()) }.run(&mine).unwrap();
        let saved = std::fs::read_to_string(out.join("method.pdf")).unwrap();
        assert_eq!(saved, MARKER.repeat(3));
        let again = OpeningCommand::Documents { unit, line, out: Some(out) }.run(&mine);
        assert!(matches!(again, Err(Failed::Exists(_))));
        let theirs = shown.lines().find(|line| line.contains("1001.00 CNY")).unwrap();
        let theirs = theirs.split("(line ").nth(1).unwrap().trim_end_matches(')').parse().unwrap();
        let refused = OpeningCommand::Documents { unit, line: theirs, out: None }.run(&mine);
        assert_eq!(code(refused), "auth-not-found");
    }
}

on_both! {
    fn a_tender_is_shown_to_people_in_both_languages_and_to_programs_as_json(base: TestBase) {
        let play = Play::new(&base, 0);
        let buyer = play.context(Some(play.key_file(&play.buyer.key, 90)));
        let draft = play.draft(&[Stage::Single]);
        let show = |context: &Context, tender, json| {
            TenderCommand::Show { tender, json }.run(context).unwrap()
        };
        let drafted = show(&buyer, draft, false).text(Lang::En);
        assert!(drafted.contains(&format!("A school ({draft}): draft, procured by")), "{drafted}");
        assert!(drafted.contains("Nothing of this binds anybody yet"), "{drafted}");
        assert!(drafted.contains("challenge window 10 s, at least 3 bids"), "{drafted}");
        let units = play.publish(&[Stage::Technical, Stage::Commercial]);
        let (_, view) = play.server.get(&format!("/api/v1/units/{}", units[0]), None);
        let note = view["unit"].as_str().unwrap();
        let unit = Statement::<sealbid::tender::statements::Unit>::parse(note.as_bytes()).unwrap();
        let (tender, everybody) = (unit.body().tender, play.context(None));
        let en = show(&everybody, tender, false).text(Lang::En);
        let deadline = local_time(DEADLINE);
        for part in [
            "published, procured by",
            "Lot: 土建 Works",
            &format!("  technical envelope, open for bids: deadline {deadline}, opening {deadline}"),
            "    at least 3 bids, opened at its hour by any 3 of 5 custodians",
            "    at least 3 bids, opened on an order of procuring entity and regulator by any 3",
            &format!("unit {}", units[1]),
        ] {
            assert!(en.contains(part), "{part}: {en}");
        }
        let zh = show(&everybody, tender, false).text(Lang::Zh);
        let unit = format!("  商务信封，接受投标：截止 {deadline}，开标 {deadline}，异议期 10 秒");
        assert!(zh.contains("已发布，招标人") && zh.contains(&unit), "{zh}");
        let json = show(&everybody, tender, true).text(Lang::Zh);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["units"].as_array().unwrap().len(), 2);
    }
}

on_both! {
    fn units_are_told_in_the_order_of_the_notices_lots(base: TestBase) {
        let play = Play::new(&base, 0);
        let mut plan = plan(&[Stage::Technical, Stage::Commercial]);
        plan.lots = vec![plan.lots[0].clone(); 4];
        let client = play.client(&play.buyer.key);
        let key = Hash::of(b"four lots").to_string();
        let tender = wait(client.draft_tender(&plan, &key)).unwrap();
        wait(client.publish(&play.pinned, tender, &Intended { plan, ..meant(&[]) })).unwrap();
        play.server.tick();
        play.server.tick();
        let (_, view) = play.server.get(&format!("/api/v1/tenders/{tender}"), None);
        let notice = Statement::<Notice>::parse(view["notice"].as_str().unwrap().as_bytes()).unwrap();
        let named: Vec<String> =
            notice.body().lots.iter().flat_map(|lot| &lot.units).map(ToString::to_string).collect();
        let told: Vec<&str> = view["units"]
            .as_array()
            .unwrap()
            .iter()
            .map(|unit| unit["unit_id"].as_str().unwrap())
            .collect();
        assert_eq!((told, named.len()), (named.iter().map(String::as_str).collect(), 8));
    }
}

on_both! {
    fn a_receipt_shown_to_the_custodians_is_judged_by_each_that_answers(base: TestBase) {
        let mut play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single])[0];
        for bidder in 0..3 {
            play.bid(bidder, &unit);
        }
        let receipt = play.standing(0, &unit)["receipt"].as_str().unwrap().to_owned();
        let client = play.client(&play.bidders[0].key);
        let early = wait(client.challenge(&play.pinned, &receipt, None));
        assert!(matches!(early, Err(Failed::Content { .. })), "there is no close yet");
        play.close(&unit);
        play.server.sleep(5);
        let found = wait(client.challenge(&play.pinned, &receipt, None)).unwrap();
        let answered = found.iter().filter(|it| matches!(it.verdict, Ok(Verdict::Answered)));
        assert_eq!((answered.count(), found.len()), (4, 5));
        assert!(matches!(found[4].verdict, Err(Failed::Unreachable { .. })));
        let told = play.unit(&unit)["challenges"].clone();
        assert_eq!(told.as_array().unwrap().len(), 0, "a word that answers no finding stands nowhere");
    }
}

on_both! {
    fn an_order_is_signed_by_one_then_the_other_and_sent(base: TestBase) {
        let play = Play::new(&base, 3);
        let units = play.publish(&[Stage::Technical, Stage::Commercial]);
        let unit = units[1];
        for bidder in 0..3 {
            for unit in &units {
                play.bid(bidder, unit);
            }
        }
        play.close(&unit);
        play.open(&units[0]);
        let buyer = play.context(Some(play.key_file(&play.buyer.key, 90)));
        let regulator = crate::server::regulator();
        let regulator = play.context(Some(play.key_file(&regulator, 105)));
        let close = play.unit(&unit)["close"].as_str().unwrap().to_owned();
        let (close, _) = play.pinned.close(&close, &unit).unwrap();
        let lines = close.body().lines.iter().skip(1).rev().copied().collect::<Vec<_>>();
        let at = |name: &str| play.server.home().join(name);
        let strange = vec![Hash::of(b"a stranger's")];
        let strange = OpeningCommand::Order { unit, lines: strange, out: at("order-0") };
        assert!(matches!(strange.run(&buyer), Err(Failed::Content { .. })));
        OpeningCommand::Order { unit, lines, out: at("order-1") }.run(&buyer).unwrap();
        let alone = OpeningCommand::SendOrder { file: at("order-1") }.run(&buyer);
        assert_eq!(code(alone), "opening-signature");
        let sign = |from: &str, out: Option<&str>| {
            OpeningCommand::SignOrder { file: at(from), out: out.map(at) }.run(&regulator)
        };
        // Seen before it is signed; and one about another close, or of other lines, is not signed.
        let seen = sign("order-1", None).unwrap().text(Lang::En);
        assert!(seen.contains("opens 2") && seen.contains("Nothing was signed"), "{seen}");
        assert_eq!((seen.matches("\nopens ").count(), seen.matches("\ndeletes ").count()), (2, 1));
        let other = |name: &str, change: fn(&mut Order)| {
            let mut order = Statement::<Order>::parse(&std::fs::read(at("order-1")).unwrap()).unwrap().body().clone();
            change(&mut order);
            let order = Statement::signed(order, &play.buyer.key).unwrap();
            std::fs::write(at(name), order.encode()).unwrap();
            let refused = sign(name, Some("order-2"));
            assert!(matches!(refused, Err(Failed::NoOrder(_))), "{name}");
            assert!(!at("order-2").exists());
        };
        other("order-close", |order| order.close_sha256 = Hash::of(b"another close"));
        other("order-lines", |order| order.lines = vec![Hash::of(b"a stranger's")]);
        other("order-twice", |order| order.lines.push(order.lines[0]));
        sign("order-1", Some("order-2")).unwrap();
        OpeningCommand::SendOrder { file: at("order-2") }.run(&regulator).unwrap();
        assert!(play.unit(&unit)["order"].is_string());
    }
}

on_both! {
    fn the_regulator_numbers_its_words_and_the_operator_invents_no_outage(base: TestBase) {
        let play = Play::new(&base, 0);
        let unit = play.publish(&[Stage::Single])[0];
        let regulator = play.regulator();
        for (state, count) in [(SuspensionState::Suspended, 1), (SuspensionState::Lifted, 2)] {
            wait(regulator.suspend(&play.pinned, unit, state, "a complaint")).unwrap();
            assert_eq!(play.unit(&unit)["suspensions"].as_array().unwrap().len(), count);
        }
        let invented = wait(play.operator().register_outage(&play.pinned, unit, "none"));
        assert_eq!(code(invented), "tender-no-outage");
    }
}

/// Sends the first `count` bytes of a file's slice as an upload's body, and breaks off.
fn break_off(play: &Play, location: &str, token: &str, bid: &Path, count: usize) {
    let slice = read(bid).unwrap().bid;
    let start = usize::try_from(slice.start).unwrap();
    let bytes = std::fs::read(bid).unwrap();
    let host = play.server.address.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let head = format!(
        "PATCH {location} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
         tus-resumable: 1.0.0\r\nupload-offset: 0\r\n\
         content-type: application/offset+octet-stream\r\ncontent-length: {}\r\n\r\n",
        slice.size
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&bytes[start..start + count]).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    // Until the server has let go of what came: then its offset stands.
    drop(stream.read_to_end(&mut Vec::new()));
}

on_both! {
    fn an_upload_broken_off_goes_on_after_a_restart(base: TestBase) {
        let mut play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let bid = play.seal(0, &unit, first(), 600_000);
        let size = read(&bid).unwrap().bid.size;
        let token = play.server.login(&play.bidders[0].key);
        let begun = play.server.client.post(format!("{}/api/v1/uploads", play.server.address));
        let begun = begun.bearer_auth(&token).header("upload-length", size).header("tus-resumable", "1.0.0").send();
        let begun = wait(begun).unwrap();
        let location = begun.headers()["location"].to_str().unwrap().to_owned();
        break_off(&play, &location, &token, &bid, 200_000);
        play.server.restart();
        let headers = [("authorization", &*format!("Bearer {token}")), ("tus-resumable", "1.0.0")];
        let offset = play.server.ask(Method::HEAD, &location, &headers, None);
        let offset: u64 = offset.headers()["upload-offset"].to_str().unwrap().parse().unwrap();
        assert!(offset > 0 && offset <= 200_000, "{offset}");
        let kept = play.server.home().join("kept");
        std::fs::write(&kept, &location).unwrap();
        let client = play.client(&play.bidders[0].key);
        let sending = Sending { kept: Some(&kept), progress: &Silent };
        let accepted = wait(client.submit(&play.pinned, &bid, sending)).unwrap();
        assert_eq!(play.standing(0, &unit)["index"], accepted.index);
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), location, "no second upload began");
    }
}

on_both! {
    fn a_server_away_for_a_moment_is_asked_again_and_a_wrong_one_is_told_apart(base: TestBase) {
        let mut play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let bid = play.seal(0, &unit, first(), 0);
        let client = play.client(&play.bidders[0].key);
        let address = play.server.address.strip_prefix("http://").unwrap().to_owned();
        play.server.stop();
        let away = TcpListener::bind(&address).unwrap();
        let pinned = play.pinned.clone();
        let sent = std::thread::spawn(move || {
            let sending = Sending { kept: None, progress: &Silent };
            wait(client.submit(&pinned, &bid, sending)).map(|accepted| accepted.index)
        });
        // Its first request meets a door that closes in its face.
        drop(away.accept().unwrap());
        drop(away);
        play.server.restart();
        sent.join().unwrap().unwrap();
        assert_eq!(play.standing(0, &unit)["seq"], 1);
        // A custodian's agent is no platform, and another roster is not the pinned one.
        let mut wrong = play.context(None);
        wrong.server = Some(play.server.roster.body().custodians[0].address.clone());
        let asked = OpeningCommand::Show { unit }.run(&wrong);
        assert_eq!(code(asked), "web-not-found");
        let mut other = play.context(None);
        other.trust = Some(Hash::of(b"another roster").to_string());
        let asked = OpeningCommand::Show { unit }.run(&other);
        assert!(matches!(asked, Err(Failed::NotPinned)));
        let foreign = crate::registration::signer("elsewhere.example/record/operator/li", 7);
        let asked = wait(play.client(&Arc::new(foreign)).waiting::<sealbid::cli::enterprise::Registered>());
        assert!(matches!(asked, Err(Failed::OtherPlatform(_))));
    }
}

on_both! {
    fn a_bidder_is_told_that_its_envelope_is_missing_until_it_was_brought_again(base: TestBase) {
        let play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single])[0];
        let bid = play.seal(0, &unit, first(), 0);
        play.send(0, &bid).unwrap();
        let status = || BidCommand::Status(Status { unit, folder: None }).run(&bidders(&play)).unwrap().text(Lang::En);
        assert!(!status().contains("resupply"));
        for lost in blobs(&play) {
            std::fs::remove_file(lost).unwrap();
        }
        for bidder in [1, 2] {
            play.bid(bidder, &unit);
        }
        play.close(&unit);
        assert!(status().contains("sealbid bid resupply"), "{}", status());
        assert_eq!((play.standing(0, &unit)["missing"].clone(), play.standing(1, &unit)["missing"].clone()), (true.into(), false.into()));
        let sending = Sending { kept: None, progress: &Silent };
        let client = play.client(&play.bidders[0].key);
        wait(client.resupply(&play.pinned, &read(&bid).unwrap(), sending)).unwrap();
        assert!(!status().contains("resupply"));
        play.open(&unit);
    }
}

on_both! {
    fn a_buyer_sees_an_outage_before_it_signs_it_and_it_takes_its_word(base: TestBase) {
        let play = Play::new(&base, 0);
        let unit = play.publish(&[Stage::Single])[0];
        let buyer = play.context(Some(play.key_file(&play.buyer.key, 90)));
        let cosign = |sign| TenderCommand::Cosign(Cosign { unit, sign }).run(&buyer);
        let none = cosign(true).unwrap();
        assert_eq!((none.exit_code(), none.text(Lang::En).contains("No outage")), (1, true));
        // The custodians cosign while the platform says that it is down.
        play.to(DEADLINE.plus(-50_000));
        play.server.alive();
        for past in [-44_000, -38_000, -32_000, -26_000, -20_000] {
            play.to(DEADLINE.plus(past));
            play.server.app().platform.sequencer.want_checkpoint();
            play.server.beat();
        }
        play.to(DEADLINE.plus(-10_000));
        play.server.alive();
        wait(play.operator().register_outage(&play.pinned, unit, "no power")).unwrap();
        play.server.tick();
        assert!(play.unit(&unit)["pending"].is_string(), "the custodians want the buyer's word");
        let shown = cosign(false).unwrap().text(Lang::En);
        assert!(shown.contains("no power") && shown.contains("Nothing was signed"), "{shown}");
        play.server.tick();
        assert_eq!(play.unit(&unit)["deadline"], DEADLINE.millis());
        let mut stranger = play.context(Some(play.key_file(&play.buyer.key, 90)));
        stranger.trust = Some("0".repeat(64));
        let refused = TenderCommand::Cosign(Cosign { unit, sign: true }).run(&stranger);
        assert!(matches!(refused, Err(Failed::NotPinned)), "{refused:?}");
        cosign(true).unwrap();
        play.server.tick();
        play.server.tick();
        let moved = play.unit(&unit);
        assert_eq!(moved["amendments"].as_array().unwrap().len(), 1, "{moved}");
        assert!(moved["deadline"].as_i64().unwrap() > DEADLINE.millis());
    }
}

on_both! {
    fn what_is_refused_here_is_refused_before_anything_is_written_or_sent(base: TestBase) {
        let play = Play::new(&base, 2);
        let unit = play.publish(&[Stage::Single])[0];
        let others = play.seal(1, &unit, first(), 0);
        let submit = BidCommand::Submit(Send { file: others.clone() }).run(&bidders(&play));
        assert!(matches!(submit, Err(Failed::NotYours)), "{submit:?}");
        // A unit that opens by its hour takes no order: no file says so either.
        let buyer = play.context(Some(play.key_file(&play.buyer.key, 90)));
        let out = play.server.home().join("order");
        let lines = vec![Hash::of(b"line")];
        let order = OpeningCommand::Order { unit, lines, out: out.clone() }.run(&buyer);
        assert!(matches!(order, Err(Failed::NoOrder(_))) && !out.exists(), "{order:?}");
        // The receipt of a withdrawal never takes a file's place, and a refusal's is kept.
        play.bid(0, &unit);
        let out = play.server.home().join("withdrawal");
        std::fs::write(&out, "mine").unwrap();
        let withdraw = |out: &Path| {
            let command = BidCommand::Withdraw { unit, folder: None, out: Some(out.to_owned()) };
            command.run(&bidders(&play))
        };
        assert!(matches!(withdraw(&out), Err(Failed::Exists(_))));
        assert_eq!(play.standing(0, &unit)["kind"], "manifest", "nothing was sent");
        play.to(DEADLINE);
        let other = play.server.home().join("late");
        assert_eq!(code(withdraw(&other)), "bid-late");
        let kept = std::fs::read(other.with_extension("refused.tlog-proof")).unwrap();
        assert!(play.pinned.receipt(&kept).is_ok());
    }
}

//! Does an agent take up another's place in the record after a loss of memory, once, and never
//! otherwise?

use std::fs;

use reqwest::StatusCode;
use sealbid::tender::statements::Stage;

use crate::lodging::{ask, lodge};
use crate::on_both;
use crate::play::{Play, first};
use crate::support::wait;

/// A checkpoint of this hour, cosigned by all; meanwhile the record may grow on.
pub fn checkpoint(play: &Play) -> String {
    // The last one may be of before the clock was moved.
    play.server.app().platform.sequencer.want_checkpoint();
    let url = format!("{}/record/checkpoint", play.server.address);
    let told = || {
        play.server.beat();
        wait(async { play.server.client.get(&url).send().await.unwrap().text().await.unwrap() })
    };
    let cosigned = |text: &String| text.matches("/witness/c").count() == 5;
    std::iter::repeat_with(told).take(50).find(cosigned).expect("cosigned by all")
}

on_both! {
    fn an_agent_on_an_old_copy_of_its_folder_takes_itself_as_lost_when_it_sees_its_own_signature(base: TestBase) {
        let mut play = Play::new(&base, 1);
        let witness = play.server.home().join("agent2").join("witness.json");
        let old = fs::read(&witness).unwrap();
        let unit = play.publish(&[Stage::Single])[0];
        let checkpoint = checkpoint(&play);
        play.server.sleep(2);
        fs::write(&witness, old).unwrap();
        play.server.wake(2);
        let (status, told) = ask(&play, "/adopt", checkpoint.clone().into_bytes());
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(told["code"], "custodian-forgot", "{told}");
        assert!(told["hint"].as_str().unwrap().contains("--recover"), "{told}");
        assert!(play.server.home().join("agent2").join("recovered.json").exists());
        let bid = play.seal(0, &unit, first(), 0);
        assert_eq!(
            lodge(&play, 0, &bid).unwrap_err(),
            "custodian-unknown-unit",
            "it signs no more of it"
        );
        play.server.sleep(2);
        play.server.wake(2);
        let recovered = || fs::read(play.server.home().join("agent2").join("recovered.json")).unwrap();
        let adopted = ask(&play, "/adopt", checkpoint.into_bytes());
        assert_eq!(adopted.0, StatusCode::OK, "as after --recover: {}", adopted.1);
        let hour = recovered();
        let later = self::checkpoint(&play);
        let (_, told) = ask(&play, "/adopt", later.into_bytes());
        assert_eq!(told["code"], "custodian-not-lost", "{told}");
        assert_eq!(recovered(), hour, "whoever repeats it makes no unit stale");
    }
}

on_both! {
    fn an_agent_that_lost_nothing_takes_no_checkpoint_over_from_anybody(base: TestBase) {
        let play = Play::new(&base, 1);
        let witness = play.server.home().join("agent2").join("witness.json");
        let public = checkpoint(&play);
        let before = fs::read(&witness).unwrap();
        let (status, told) = ask(&play, "/adopt", public.into_bytes());
        assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &"custodian-not-lost".into()));
        assert_eq!(fs::read(&witness).unwrap(), before);
        let (_, told) = ask(&play, "/adopt", b"no checkpoint".to_vec());
        assert_eq!(told["code"], "custodian-signature", "{told}");
    }
}

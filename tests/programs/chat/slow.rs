//! Guests who are slow, frozen or gone: the others do not notice.

use super::house::wire::{Goodbye, Leaving};
use super::{ChatEvent, Sitting, left, open};
use crate::program::{Program, signal};
use std::time::{Duration, Instant};

/// How long each of so many lines took from one guest to the other, sorted.
async fn talk(ada: &mut Sitting, ben: &mut Sitting, lines: usize) -> Vec<Duration> {
    let text = "x".repeat(2_000);
    let mut took = Vec::new();
    for _ in 0..lines {
        let began = Instant::now();
        ada.say("lobby", &text).await.unwrap();
        ben.lines(1).await;
        took.push(began.elapsed());
        ada.lines(1).await;
    }
    took.sort();
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_who_does_not_read_delays_nobody_and_is_dropped_with_a_notice() {
    let house = open(10_000, 50).await;
    let mut ada = Sitting::new(&house, "lobby", "ada").await;
    let mut ben = Sitting::new(&house, "lobby", "ben").await;
    let quiet = talk(&mut ada, &mut ben, 300).await;
    let frozen = Sitting::new(&house, "lobby", "frozen").await;
    let beside = talk(&mut ada, &mut ben, 250).await;
    let p99 = |took: &[Duration]| took[took.len() * 99 / 100];
    // A wait for the frozen one would be one of seconds, or for ever; noise of a busy machine is not.
    let (quiet, beside) = (p99(&quiet), p99(&beside));
    let bound = quiet * 3 + Duration::from_millis(100);
    assert!(beside <= bound, "p99 {beside:?} beside a frozen guest, {quiet:?} without");

    let stats = ada.chat.stats().await.unwrap();
    assert_eq!((stats.too_slow, stats.people), (1, 2));
    // When it reads again it gets the beginning of what it missed, without a gap, and then the reason.
    let (heard, goodbye) = frozen.rest().await;
    assert!(heard.iter().all(|event| matches!(event, ChatEvent::Said { .. })));
    assert!((100..250).contains(&heard.len()), "{} lines fit into a window", heard.len());
    let Goodbye::TooSlow { missed } = goodbye else { panic!("{goodbye:?}") };
    assert_eq!(missed, 51, "one more than may wait");
    // The others were told; so is whoever comes later.
    let mut cy = Sitting::over(ada.peer.clone(), "lobby", "cy", None);
    let events = cy.batch().await.unwrap().events;
    assert!(events.contains(&left("frozen", Leaving::TooSlow)));
}

/// A whole process that is stopped, as by Ctrl-Z: it is dropped, told so when it goes on, and catches up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_is_stopped_is_dropped_and_comes_back() {
    let house = open(10_000, 50).await;
    let mut ada = Sitting::new(&house, "lobby", "ada").await;
    let mut ben = Sitting::new(&house, "lobby", "ben").await;
    let address = house.address().to_string();
    let mut frozen = Program::start("chat", [&address, "--name", "frozen"]);
    frozen.wait_for("* you are in lobby");
    signal("-STOP", frozen.id());
    let mut lines = 0;
    while ada.chat.stats().await.unwrap().too_slow == 0 {
        assert!(lines < 1_000, "it does not read and nobody minds");
        talk(&mut ada, &mut ben, 10).await;
        lines += 10;
    }
    signal("-CONT", frozen.id());
    frozen.wait_for("! dropped: you did not read, and 51 events waited; joining again");
    frozen.wait_for("* back; ");
    ada.say("lobby", "the last").await.unwrap();
    frozen.wait_for("ada: the last");
    let text = frozen.succeed();
    let said = text.lines().filter(|line| line.starts_with("ada: "));
    assert_eq!(said.count(), lines + 1, "all, and none twice");
}

/// The runtime of a guest is torn down, and its socket resets the connection.
#[test]
fn a_guest_who_is_reset_leaves_the_others_alone() {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let (here, there) = (runtime().unwrap(), runtime().unwrap());
    let house = here.block_on(open(100, 100));
    let mut ada = here.block_on(Sitting::new(&house, "lobby", "ada"));
    let mut ben = here.block_on(Sitting::new(&house, "lobby", "ben"));
    let address = house.address().to_string();
    let reset = there.block_on(async {
        let peer = hton::connect(house.address()).dial_with(move || {
            let address = address.clone();
            async move {
                let stream = tokio::net::TcpStream::connect(address).await?;
                socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
                Ok(stream)
            }
        });
        let mut reset = Sitting::over(peer.await.unwrap(), "lobby", "reset", None);
        reset.until_joined("reset").await;
        reset
    });
    there.shutdown_timeout(Duration::from_secs(10));
    here.block_on(async {
        while ada.event().await != left("reset", Leaving::Lost) {}
        for n in 0..50 {
            ada.say("lobby", &n.to_string()).await.unwrap();
        }
        let lines = ben.lines(50).await;
        assert!(lines.iter().enumerate().all(|(n, (_, text))| *text == n.to_string()));
        assert_eq!(ada.chat.stats().await.unwrap().people, 2);
    });
    drop(reset);
}

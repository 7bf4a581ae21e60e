//! What rooms promise, asked by guests over sockets.

use super::house::wire::{ChatStats, Goodbye, Guest, Leaving, Place, Refusal, RoomInfo};
use super::{Sitting, declared, joined, left, open, said};
use hton::archive;
use std::collections::HashSet;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_guests_hear_every_line_once_and_in_one_order() {
    let each = std::env::var("HTON_CHAT_LINES").map_or(1, |lines| lines.parse().unwrap());
    let house = open(10_000, 10_000).await;
    let mut guests = Vec::new();
    for n in 0..200 {
        guests.push(Sitting::new(&house, "lobby", &format!("guest-{n}")).await);
    }
    let mut tasks = Vec::new();
    for mut guest in guests {
        tasks.push(tokio::spawn(async move {
            for line in 0..each {
                guest.say("lobby", &line.to_string()).await.unwrap();
            }
            (guest.lines(200 * each).await, guest)
        }));
    }
    let mut heard = Vec::new();
    for task in tasks {
        heard.push(task.await.unwrap());
    }
    let (order, _) = &heard[0];
    let lines: HashSet<_> = order.iter().collect();
    assert_eq!(lines.len(), 200 * each, "each once");
    for (lines, guest) in &heard {
        assert!(lines == order, "{} hears the lines of the others in their order", guest.name);
    }
    // And nothing else: the next that comes is the goodbye.
    let (_, guest) = heard.swap_remove(7);
    drop(heard);
    house.close().await;
    let (rest, goodbye) = guest.rest().await;
    assert!(rest.iter().all(|event| *event == left(name(event), Leaving::Lost)), "{rest:?}");
    assert_eq!(goodbye, Goodbye::Closing);
}

fn name(event: &super::ChatEvent) -> &str {
    match event {
        super::ChatEvent::Joined { name }
        | super::ChatEvent::Left { name, .. }
        | super::ChatEvent::Said { name, .. } => name,
    }
}

#[tokio::test]
async fn whoever_is_late_gets_all_that_was_missed_in_one_message() {
    let house = open(10_000, 1_000).await;
    let mut ada = Sitting::new(&house, "lobby", "ada").await;
    let mut middle = None;
    for n in 0..500 {
        ada.say("lobby", &format!("line {n}")).await.unwrap();
        if n == 199 {
            ada.lines(200).await;
            middle = ada.place;
        }
    }
    let mut ben = Sitting::over(ada.peer.clone(), "lobby", "ben", None);
    let first = ben.batch().await.unwrap();
    let mut expected = vec![joined("ada")];
    expected.extend((0..500).map(|n| said("ada", &format!("line {n}"))));
    expected.push(joined("ben"));
    assert_eq!(first.events, expected);

    // From a place on, and no line of before it.
    let mut cy = Sitting::over(ada.peer.clone(), "lobby", "cy", middle);
    let since = cy.batch().await.unwrap();
    assert_eq!(since.events[..300], expected[201..501]);
    assert_eq!(since.events[300..], [joined("ben"), joined("cy")]);
    // A place of another run of the server is none, and one behind the end is the end.
    let Place { run, offset } = middle.unwrap();
    let other = Some(Place { run: run ^ 1, offset });
    let mut dee = Sitting::over(ada.peer.clone(), "lobby", "dee", other);
    assert_eq!(dee.batch().await.unwrap().events.len(), 504);
    let far = Some(Place { run, offset: u64::MAX });
    let mut eve = Sitting::over(ada.peer.clone(), "lobby", "eve", far);
    assert_eq!(eve.batch().await.unwrap().events, [joined("eve")]);
}

#[tokio::test]
async fn a_room_forgets_what_is_too_old() {
    let house = open(10, 1_000).await;
    let mut ada = Sitting::new(&house, "lobby", "ada").await;
    for n in 0..30 {
        ada.say("lobby", &n.to_string()).await.unwrap();
        ada.lines(1).await;
    }
    let mut ben = Sitting::over(ada.peer.clone(), "lobby", "ben", None);
    let missed = ben.batch().await.unwrap();
    let last = (20..30).map(|n| said("ada", &n.to_string()));
    assert_eq!(missed.events, last.chain([joined("ben")]).collect::<Vec<_>>());
    // By size, too: all that is remembered goes into one message.
    for _ in 0..40 {
        ada.say("big", "").await.unwrap_err();
        ada.say("lobby", &"x".repeat(8 * 1024)).await.unwrap();
        ada.lines(1).await;
    }
    let mut cy = Sitting::over(ada.peer.clone(), "lobby", "cy", None);
    assert_eq!(cy.batch().await.unwrap().events.len(), 10 + 1);
}

#[tokio::test]
async fn rooms_do_not_mix() {
    let house = open(100, 100).await;
    let mut ada = Sitting::new(&house, "red", "ada").await;
    let mut ben = Sitting::new(&house, "blue", "ben").await;
    assert_eq!(declared(ada.say("blue", "let me in").await), Refusal::NotHere);
    for n in 0..20 {
        ada.say("red", &format!("red {n}")).await.unwrap();
        ben.say("blue", &format!("blue {n}")).await.unwrap();
    }
    for (guest, colour) in [(&mut ada, "red"), (&mut ben, "blue")] {
        for (n, (_, text)) in guest.lines(20).await.into_iter().enumerate() {
            assert_eq!(text, format!("{colour} {n}"));
        }
    }
    let info = |name: &str, people, lines| RoomInfo { name: name.into(), people, lines };
    let rooms = ada.chat.rooms().await.unwrap();
    assert_eq!(rooms, [info("blue", 1, 20), info("red", 1, 20)]);
    assert_eq!(ada.chat.who("blue".into()).await.unwrap(), ["ben"]);
    assert!(ada.chat.who("green".into()).await.unwrap().is_empty());
}

#[tokio::test]
async fn comings_and_goings_are_told() {
    let house = open(100, 100).await;
    let mut ada = Sitting::new(&house, "lobby", "ada").await;
    let ben = Sitting::new(&house, "lobby", "ben").await;
    ben.chat.leave("lobby".into()).await.unwrap();
    assert_eq!(declared(ben.chat.say("lobby".into(), 1, "x".into()).await), Refusal::NotHere);
    let last = (vec![left("ben", Leaving::Quit)], Goodbye::Left);
    assert_eq!(ben.rest().await, last, "who leaves hears all until then");
    let cy = Sitting::new(&house, "lobby", "cy").await;
    drop(cy);
    let told = [joined("ben"), left("ben", Leaving::Quit), joined("cy"), left("cy", Leaving::Lost)];
    for event in told {
        assert_eq!(ada.event().await, event);
    }
}

#[tokio::test]
async fn a_name_stands_for_one_guest() {
    let house = open(100, 100).await;
    let mut ada = Sitting::new(&house, "lobby", "ada").await;
    let other = Guest { name: "ada".into(), key: 1 };
    let refused = ada.chat.join("lobby".into(), other.clone(), None).recv().await;
    assert_eq!(declared(refused), Refusal::NameTaken);
    // In another room it is free, and there the same guest comes back.
    let mut first = ada.chat.join("attic".into(), other.clone(), None);
    let missed = first.recv().await.unwrap().unwrap();
    ada.chat.say("attic".into(), 7, "once".into()).await.unwrap();
    let mut again = ada.chat.join("attic".into(), other, Some(missed.next));
    assert_eq!(again.recv().await.unwrap().unwrap().events, [said("ada", "once")]);
    let last = first.recv().await.unwrap().unwrap();
    let last = if last.goodbye.is_none() { first.recv().await.unwrap().unwrap() } else { last };
    assert_eq!(last.goodbye, Some(Goodbye::Replaced));
    // What was said is not said twice; what is new is.
    ada.chat.say("attic".into(), 7, "once".into()).await.unwrap();
    ada.chat.say("attic".into(), 8, "more".into()).await.unwrap();
    assert_eq!(again.recv().await.unwrap().unwrap().events, [said("ada", "more")]);
    for (room, name) in [("", "x"), ("a b", "x"), ("a", ""), ("a", "x\n"), ("a", &"x".repeat(25))] {
        let guest = Guest { name: name.into(), key: 2 };
        let refused = ada.chat.join(room.into(), guest, None).recv().await;
        assert_eq!(declared(refused), Refusal::BadName, "{room:?} {name:?}");
    }
    let long = "ö".repeat(24);
    Sitting::new(&house, &long, &long).await;
    let most = 8 * 1024;
    assert_eq!(declared(ada.say("lobby", "").await), Refusal::BadText { most });
    let text = "x".repeat(most as usize);
    assert_eq!(declared(ada.say("lobby", &format!("{text}x")).await), Refusal::BadText { most });
    ada.say("lobby", &text).await.unwrap();
    assert_eq!(ada.lines(1).await[0].1.len(), text.len());
}

#[tokio::test]
async fn a_text_of_several_lines_arrives_as_it_is() {
    let house = open(100, 100).await;
    let mut ada = Sitting::new(&house, "lobby", "ada").await;
    let text = "one\n\n  two\r\nthree\n";
    ada.say("lobby", text).await.unwrap();
    assert_eq!(ada.event().await, said("ada", text));
}

/// By hand, from the layout of values: index u32; strings as count u64 and bytes.
#[test]
fn the_bytes_of_an_event_are_those_of_the_specification() {
    let mut expected = vec![0, 0, 0, 2]; // The third variant: Said.
    expected.extend([0, 0, 0, 0, 0, 0, 0, 3]);
    expected.extend(*b"ada");
    expected.extend([0, 0, 0, 0, 0, 0, 0, 5]);
    expected.extend(*b"hi\nho");
    assert_eq!(archive::to_vec(&said("ada", "hi\nho")).unwrap(), expected);
    assert_eq!(
        archive::from_slice::<super::ChatEvent>(&expected, archive::DecodeLimits::default())
            .unwrap(),
        said("ada", "hi\nho")
    );
    expected[3] = 3;
    archive::from_slice::<super::ChatEvent>(&expected, archive::DecodeLimits::default())
        .unwrap_err();
    let gone = b"\0\0\0\x01\0\0\0\0\0\0\0\x03ben\0\0\0\x02";
    assert_eq!(archive::to_vec(&left("ben", Leaving::TooSlow)).unwrap(), gone);
    // Closing flag, texts and place in one message: what a room tells.
    let batch = super::Batch {
        events: vec![joined("x")],
        next: Place { run: 1, offset: 258 },
        goodbye: Some(Goodbye::TooSlow { missed: 9 }),
    };
    let bytes = b"\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x01x\
        \0\0\0\0\0\0\0\x01\0\0\0\0\0\0\x01\x02\x01\0\0\0\x01\0\0\0\0\0\0\0\x09";
    assert_eq!(archive::to_vec(&batch).unwrap(), bytes);
}

#[tokio::test]
async fn the_numbers_of_the_server_are_those_of_the_test() {
    let house = open(100, 100).await;
    let mut guests = Vec::new();
    let mut delivered = 0;
    for n in 1..=5_u64 {
        guests.push(Sitting::new(&house, &format!("room-{}", n % 2), &format!("g{n}")).await);
    }
    for guest in &mut guests {
        let room = if guest.name.ends_with(['1', '3', '5']) { "room-1" } else { "room-0" };
        for text in ["a", "b", "c"] {
            guest.say(room, text).await.unwrap();
        }
    }
    for guest in &mut guests {
        let lines = if guest.name.ends_with(['1', '3', '5']) { 9 } else { 6 };
        guest.lines(lines).await;
        delivered += guest.place.unwrap().offset;
    }
    let gone = guests.pop().unwrap();
    let (chat, peer) = (guests[0].chat.clone(), gone.peer.clone());
    gone.chat.leave("room-1".into()).await.unwrap();
    let (rest, _) = gone.rest().await;
    assert_eq!(rest, [left("g5", Leaving::Quit)]);
    peer.close();
    peer.closed().await;
    guests[0].until_left("g5").await;
    guests[2].until_left("g5").await;
    delivered += 3;
    let counts = |connections| ChatStats {
        connections,
        accepted: 5,
        people: 4,
        rooms: 2,
        lines: 15,
        delivered,
        too_slow: 0,
    };
    // The server may still be letting go of the connection.
    let mut stats = chat.stats().await.unwrap();
    while stats == counts(5) {
        stats = chat.stats().await.unwrap();
    }
    assert_eq!(stats, counts(4));
}

impl Sitting {
    async fn until_left(&mut self, name: &str) {
        while self.event().await != left(name, Leaving::Quit) {}
    }
}

#[tokio::test]
async fn a_server_that_ends_tells_everybody_after_the_last_line() {
    let house = open(1_000, 1_000).await;
    let mut ada = Sitting::new(&house, "lobby", "ada").await;
    let ben = Sitting::new(&house, "lobby", "ben").await;
    let cy = Sitting::new(&house, "attic", "cy").await;
    for n in 0..100 {
        ada.say("lobby", &n.to_string()).await.unwrap();
    }
    let closing = tokio::time::timeout(Duration::from_secs(30), house.close());
    let all = async { (ada.rest().await, ben.rest().await, cy.rest().await) };
    let (closed, (ada, ben, cy)) = tokio::join!(closing, all);
    let (report, stats) = closed.unwrap();
    assert_eq!((report.connections, report.cut, stats.lines), (3, 0, 100));
    let lines: Vec<_> = (0..100).map(|n| said("ada", &n.to_string())).collect();
    assert_eq!(ben, (lines.clone(), Goodbye::Closing));
    assert_eq!(cy, (vec![], Goodbye::Closing));
    assert_eq!(ada.0[1..], lines);
}

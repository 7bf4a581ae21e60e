//! Old and new programs in one room.

use super::house::wire::{ChatClient, Guest};
use super::{Sitting, joined, open, said};
use hton::{Code, Executed};

/// The chat of a later version, in which events are of one kind more.
mod later {
    use super::super::house::wire::{Goodbye, Guest, Leaving, Place, Refusal};
    use hton::Stream;

    #[hton::data]
    #[derive(Debug)]
    #[allow(dead_code, reason = "it is never received: that is what the test shows")]
    pub(super) enum ChatEvent {
        Joined { name: String },
        Left { name: String, why: Leaving },
        Said { name: String, text: String },
        Waved { name: String },
    }

    #[hton::data]
    #[derive(Debug)]
    #[allow(dead_code, reason = "as above")]
    pub(super) struct Batch {
        events: Vec<ChatEvent>,
        next: Place,
        goodbye: Option<Goodbye>,
    }

    /// The same method with other items, and a method that the old server has not.
    #[hton::service]
    pub(super) trait Chat {
        async fn join(
            &self,
            room: String,
            guest: Guest,
            since: Option<Place>,
        ) -> Result<impl Stream<Item = Batch>, Refusal>;
        async fn wave(&self, room: String) -> Result<(), Refusal>;
    }
}

#[tokio::test]
async fn old_and_new_guests_share_a_room_in_the_words_that_both_know() {
    let house = open(100, 100).await;
    let mut old = Sitting::new(&house, "lobby", "old").await;
    let peer = hton::connect(house.address()).await.unwrap();
    let newer = later::ChatClient::new(&peer);
    let guest = Guest { name: "new".into(), key: 1 };
    // An enum with one variant more is another type: refused before anything of it is decoded.
    let refused = newer.join("lobby".into(), guest, None).recv().await.unwrap_err();
    assert_eq!((refused.code(), refused.executed()), (Code::SCHEMA_MISMATCH, Executed::No));
    assert!(refused.message().contains("Waved"), "{}", refused.message());
    let refused = newer.wave("lobby".into()).await.unwrap_err();
    assert_eq!((refused.code(), refused.executed()), (Code::UNIMPLEMENTED, Executed::No));
    // The connection lives, and methods that have not changed work: so a new program speaks the old chat.
    assert_eq!(ChatClient::new(&peer).who("lobby".into()).await.unwrap(), ["old"]);
    let mut new = Sitting::over(peer, "lobby", "new", None);
    new.until_joined("new").await;
    new.say("lobby", "hello of today").await.unwrap();
    old.say("lobby", "hello of yesterday").await.unwrap();
    let events = [joined("new"), said("new", "hello of today"), said("old", "hello of yesterday")];
    for event in events {
        assert_eq!(old.event().await, event);
    }
    assert_eq!(new.lines(2).await[1].1, "hello of yesterday");
}

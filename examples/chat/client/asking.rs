//! Questions to the server, which nothing waits for.

use super::Client;
use hton::CallError;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

impl Client {
    pub(super) fn ask_who(&mut self) {
        let who = self.chat.who(self.room.clone()).timeout(PATIENCE);
        let room = self.room.clone();
        self.ask(who, move |names| {
            vec![format!("{} in {room}: {}", names.len(), names.join(", "))]
        });
    }

    pub(super) fn ask_rooms(&mut self) {
        let rooms = self.chat.rooms().timeout(PATIENCE);
        self.ask(rooms, |rooms| {
            let line = |r: &crate::rooms::wire::RoomInfo| {
                format!("{:<24} people {}, lines {}", r.name, r.people, r.lines)
            };
            rooms.iter().map(line).collect()
        });
    }

    pub(super) fn ask_stats(&mut self) {
        let stats = self.chat.stats().timeout(PATIENCE);
        self.ask(stats, |stats| vec![stats.to_string()]);
    }

    fn ask<T: Send + 'static>(
        &mut self,
        question: impl Future<Output = Result<T, CallError>> + Send + 'static,
        tell: impl FnOnce(T) -> Vec<String> + Send + 'static,
    ) {
        let screen = self.screen.clone();
        self.asking.spawn(async move {
            match question.await {
                Ok(answer) => tell(answer).iter().for_each(|line| screen.note(line)),
                Err(error) => screen.warn(error.message()),
            }
        });
    }
}

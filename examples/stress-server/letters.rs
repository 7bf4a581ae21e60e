//! Letter boxes: one caller puts letters in, another takes them out, and a full box bounds the first.

use hton::{Bytes, Status};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a box holds. Whoever puts more in waits, and with it, by credit, the peer that sends.
const BOX_BYTES: u32 = 1 << 20;

/// The boxes of a server, by name.
#[derive(Clone, Default)]
pub(crate) struct Boxes(Arc<Mutex<HashMap<u64, Door>>>);

/// Where letters are taken out.
type Door = UnboundedReceiver<Letter>;

/// A letter, and its room in the box, which is free again when it is taken.
pub(crate) struct Letter {
    pub(crate) bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

/// Where letters are put in. The box is there as long as this.
pub(crate) struct Slit {
    name: u64,
    boxes: Boxes,
    room: Arc<Semaphore>,
    letters: Option<UnboundedSender<Letter>>,
}

impl Boxes {
    /// A new box.
    pub(crate) fn open(&self, name: u64) -> Result<Slit, Status> {
        let (letters, door) = unbounded_channel();
        let mut boxes = self.lock();
        if boxes.contains_key(&name) {
            return Err(Status::already_exists(format!("there is a box {name}")));
        }
        boxes.insert(name, door);
        let room = Arc::new(Semaphore::new(BOX_BYTES as usize));
        Ok(Slit { name, boxes: self.clone(), room, letters: Some(letters) })
    }

    /// The door of a box, for the first who asks.
    pub(crate) fn empty(&self, name: u64) -> Result<Door, Status> {
        self.lock()
            .remove(&name)
            .ok_or_else(|| Status::not_found(format!("there is no box {name}")))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Door>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slit {
    /// Waits until there is room, and puts the letter in.
    pub(crate) async fn put(&mut self, bytes: Bytes) {
        // An empty letter takes room, too; one that is larger than the box takes all of it.
        let len = u32::try_from(bytes.len()).unwrap_or(BOX_BYTES).clamp(1, BOX_BYTES);
        let room = Arc::clone(&self.room).acquire_many_owned(len).await;
        if let (Ok(_room), Some(letters)) = (room, &self.letters) {
            // Whoever took them out may be gone: then nobody misses it.
            let _ = letters.send(Letter { bytes, _room });
        }
    }

    /// No more letters come; waits until the last one is taken.
    pub(crate) async fn until_empty(&mut self) {
        self.letters = None;
        let _ = self.room.acquire_many(BOX_BYTES).await;
    }
}

impl Drop for Slit {
    fn drop(&mut self) {
        self.boxes.lock().remove(&self.name);
    }
}

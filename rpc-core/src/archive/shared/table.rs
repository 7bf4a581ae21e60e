//! The shared objects of one message, by their numbers.
//!
//! The table belongs to whoever encodes or decodes the message, who lends it to its thread while a shared object is
//! walked: serde leads no other way from there to here. A message without shared objects has none.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use super::Keep;

thread_local! {
    /// The table of the message that is being walked on this thread.
    static LENT: RefCell<Option<Table>> = const { RefCell::new(None) };
}

/// What stays known from one value of a message to the next; it may cross threads.
#[derive(Debug, Default)]
pub(in crate::archive) struct Kept {
    objects: Vec<Object>,
    /// How many levels lie between the handle of an object and the deepest handle in it, by number. The first pass
    /// of encoding finds them and leaves them to the second.
    heights: Vec<u16>,
    /// Only those that stay alive: an address may be used again.
    numbers: HashMap<usize, u32>,
}

#[derive(Debug)]
struct Object {
    address: usize,
    keep: Option<Arc<dyn Any + Send + Sync>>,
}

/// What is known within one value.
#[derive(Debug, Default)]
struct Table {
    kept: Box<Kept>,
    local: Box<Local>,
    /// The objects that are being walked, the innermost last.
    open: Vec<Open>,
    /// Objects that were begun since this was last asked.
    begun: usize,
    /// How many levels are left at the handle that the archive walks next. Other formats, which a type may use
    /// meanwhile, find nothing here.
    due: Option<u16>,
}

#[derive(Debug)]
struct Open {
    number: u32,
    /// How many levels are left at its handle.
    levels_left: u16,
    /// How many are left at the deepest handle in it.
    least_left: u16,
}

/// Where the table of a value is while it is not needed. Small, for every value has one and few need it.
#[derive(Debug)]
pub(in crate::archive) enum Slot {
    /// Nothing was shared yet.
    Unused,
    Here(Box<Kept>, Box<Local>),
    /// This thread has it.
    Lent,
}

/// Handles that are known for the rest of the value, by number: those that must stay on their thread.
pub(in crate::archive) type Local = HashMap<u32, Keep>;

pub(super) enum Stored {
    Known(u32),
    New(u32),
    Open,
    Deep,
    Nowhere,
}

pub(super) enum Loaded {
    Known(Keep),
    New,
    Open,
    Deep,
    Unknown,
}

impl Slot {
    #[inline]
    pub(in crate::archive) fn new(kept: Option<Box<Kept>>) -> Self {
        match kept {
            None => Self::Unused,
            Some(kept) => Self::here(kept),
        }
    }

    /// Apart, for few messages come to it.
    #[cold]
    fn here(kept: Box<Kept>) -> Self {
        Self::Here(kept, Box::default())
    }

    /// Runs `walk`, which serializes or deserializes a handle, on `owner`, whose slot `slot` finds, while the table is
    /// lent to the thread. The second result is how many objects were begun.
    #[cold]
    pub(in crate::archive) fn lend<O, T>(
        owner: &mut O,
        slot: fn(&mut O) -> &mut Self,
        levels_left: u16,
        walk: impl FnOnce(&mut O) -> T,
    ) -> (T, usize) {
        let due = Some(levels_left);
        let table = match mem::replace(slot(owner), Self::Lent) {
            Self::Unused => Table { due, ..Table::default() },
            Self::Here(kept, local) => Table { kept, local, due, ..Table::default() },
            Self::Lent => {
                with(|table| table.due = due);
                let walked = walk(owner);
                return (walked, begun());
            }
        };
        let lease = Lease(Some(LENT.replace(Some(table))));
        let walked = walk(owner);
        let table = lease.end().unwrap_or_default();
        *slot(owner) = Self::Here(table.kept, table.local);
        (walked, table.begun)
    }

    /// What stays known after the value. `objects` were known before it: with `forget`, no more are after it.
    #[inline]
    pub(in crate::archive) fn settle(self, objects: usize, forget: bool) -> Option<Box<Kept>> {
        match self {
            Self::Here(kept, local) => Some(settled(kept, &local, objects, forget)),
            Self::Unused | Self::Lent => None,
        }
    }
}

#[cold]
fn settled(mut kept: Box<Kept>, local: &Local, objects: usize, forget: bool) -> Box<Kept> {
    if forget {
        kept.rewind(objects);
        return kept;
    }
    for number in local.keys() {
        if let Some(object) = usize::try_from(*number).ok().and_then(|at| kept.objects.get(at)) {
            kept.numbers.remove(&object.address);
        }
    }
    kept
}

impl Kept {
    pub(in crate::archive) fn len(kept: Option<&Self>) -> usize {
        kept.map_or(0, |kept| kept.objects.len())
    }

    /// So many objects, none of which is known again: those that follow have the numbers behind them.
    #[cold]
    pub(in crate::archive) fn unknown(objects: usize) -> Option<Box<Self>> {
        let objects = (0..objects).map(|_| Object { address: 0, keep: None }).collect();
        Some(Box::new(Self { objects, ..Self::default() }))
    }

    /// A value is measured for the first time: what was found out about one that failed is forgotten.
    pub(in crate::archive) fn begin_value(&mut self) {
        self.heights.truncate(self.objects.len());
    }

    fn rewind(&mut self, objects: usize) {
        for object in self.objects.drain(objects.min(self.objects.len())..) {
            self.numbers.remove(&object.address);
        }
    }

    fn next(&self) -> u32 {
        u32::try_from(self.objects.len()).unwrap_or(u32::MAX)
    }

    fn height(&mut self, number: u32) -> Option<&mut u16> {
        usize::try_from(number).ok().and_then(|at| self.heights.get_mut(at))
    }

    fn object(&mut self, number: u32) -> Option<&mut Object> {
        usize::try_from(number).ok().and_then(|at| self.objects.get_mut(at))
    }
}

impl Table {
    fn begin(&mut self, address: usize, levels_left: u16) -> u32 {
        let number = self.kept.next();
        self.kept.objects.push(Object { address, keep: None });
        if self.kept.heights.len() < self.kept.objects.len() {
            self.kept.heights.resize(self.kept.objects.len(), 0);
        }
        self.open.push(Open { number, levels_left, least_left: levels_left });
        self.begun = self.begun.saturating_add(1);
        number
    }

    /// The object is complete, and whatever was begun in it.
    fn end(&mut self, number: u32) {
        let Some(at) = self.open.iter().rposition(|open| open.number == number) else { return };
        let Some(Open { levels_left, least_left, .. }) = self.open.drain(at..).next() else {
            return;
        };
        if let Some(height) = self.kept.height(number) {
            *height = levels_left.saturating_sub(least_left).max(*height);
        }
        self.deepen(least_left);
    }

    /// A handle lies where so many levels are left, in the innermost object.
    fn deepen(&mut self, least_left: u16) {
        if let Some(open) = self.open.last_mut() {
            open.least_left = open.least_left.min(least_left);
        }
    }

    fn is_open(&self, number: u32) -> bool {
        self.open.iter().any(|open| open.number == number)
    }

    /// Another handle of a complete object. `false` when the deepest handle in it would lie too deep here.
    ///
    /// Spec: `values.shared.depth`.
    fn refer(&mut self, number: u32, levels_left: u16) -> bool {
        let height = self.kept.height(number).map_or(0, |height| *height);
        let left = levels_left.saturating_sub(height);
        self.deepen(left);
        left > 0
    }

    fn keep(&mut self, number: u32, keep: Keep) {
        match keep {
            Keep::Local(_) => {
                self.local.insert(number, keep);
            }
            Keep::Sent(any) => {
                if let Some(object) = self.kept.object(number) {
                    object.keep = Some(any);
                }
            }
        }
    }
}

/// Gives the thread back what it had before, even when a panic unwinds.
struct Lease(Option<Option<Table>>);

impl Lease {
    fn end(mut self) -> Option<Table> {
        self.0.take().and_then(|before| LENT.replace(before))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(before) = self.0.take() {
            // Outside of the cell: objects may be dropped with it.
            drop(LENT.replace(before));
        }
    }
}

/// Does something with the table of this thread, if there is one.
fn with<T>(act: impl FnOnce(&mut Table) -> T) -> Option<T> {
    LENT.with_borrow_mut(|lent| lent.as_mut().map(act))
}

/// Looks an object up by its address, and numbers it when it is new. It is open until [`end`].
pub(super) fn store(address: usize, keep: impl FnOnce() -> Keep) -> Stored {
    let stored = |table: &mut Table| {
        let Some(levels_left) = table.due.take() else { return Stored::Nowhere };
        match table.kept.numbers.get(&address).copied() {
            Some(number) if table.is_open(number) => Stored::Open,
            Some(number) if table.refer(number, levels_left) => Stored::Known(number),
            Some(_) => Stored::Deep,
            None => {
                let number = table.begin(address, levels_left);
                table.kept.numbers.insert(address, number);
                table.keep(number, keep());
                Stored::New(number)
            }
        }
    };
    with(stored).unwrap_or(Stored::Nowhere)
}

/// How many objects were begun since this was asked last.
fn begun() -> usize {
    with(|table| mem::take(&mut table.begun)).unwrap_or(0)
}

/// The object with this number is complete.
pub(super) fn end(number: u32) {
    with(|table| table.end(number));
}

/// How many levels are left at a handle that the archive is about to load; `None` when another format loads it.
pub(super) fn arrive() -> Option<u16> {
    with(|table| table.due.take()).flatten()
}

/// Looks an object up by its number. A new one is open until [`complete`].
pub(super) fn load(number: u32, levels_left: u16) -> Loaded {
    let loaded = |table: &mut Table| {
        if number == table.kept.next() {
            table.begin(0, levels_left);
            return Loaded::New;
        }
        if table.is_open(number) {
            return Loaded::Open;
        }
        let local = table.local.get(&number).cloned();
        let sent = |object: &mut Object| object.keep.clone().map(Keep::Sent);
        match local.or_else(|| table.kept.object(number).and_then(sent)) {
            Some(keep) if table.refer(number, levels_left) => Loaded::Known(keep),
            Some(_) => Loaded::Deep,
            None => Loaded::Unknown,
        }
    };
    with(loaded).unwrap_or(Loaded::Unknown)
}

/// The object with this number is complete, and this is a handle of it.
pub(super) fn complete(number: u32, keep: Keep) {
    with(|table| {
        table.end(number);
        table.keep(number, keep);
    });
}

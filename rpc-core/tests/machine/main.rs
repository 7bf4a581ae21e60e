//! The machine's promises, each in a file of its own. No socket, no clock, no sleep.

mod budgets;
mod calc;
mod calls;
mod cancel;
mod conversations;
mod crossings;
mod deadlines;
mod dribble;
mod errors;
mod flags;
mod fragments;
mod goaway;
mod hello;
mod ids;
mod limits;
mod pair;
mod ping;
mod random;
mod vectors;
mod wire;

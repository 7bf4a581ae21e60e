//! Promises that are kept over real sockets. What needs no socket is tested beside the machine.

mod allocations;
mod blocking;
mod both_ways;
mod calls;
mod cancel;
mod conformance;
mod documents;
mod events;
mod examples;
mod flows;
mod hostile;
mod keepalive;
mod layers;
mod lifecycle;
mod limits;
mod metadata;
mod oneway;
mod ordered;
mod raw;
mod redial;
mod retry;
mod returned;
mod schema;
mod server_life;
mod service;
mod statuses;
mod streams;
mod streams_typed;
mod testing;
#[cfg(feature = "tower")]
mod tower;
#[cfg(feature = "tracing")]
mod trace;
mod transports;
mod trouble;
mod unix;

#[global_allocator]
static COUNTER: alloc_counter::Counter = alloc_counter::Counter;

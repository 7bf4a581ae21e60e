//! Promises that are kept over real sockets. What needs no socket is tested beside the machine.

mod allocations;
mod batch;
mod batch_ends;
mod blocking;
mod both_ways;
mod calls;
mod cancel;
mod conformance;
mod crowds;
mod documents;
mod events;
mod evolving;
mod examples;
mod fairness;
mod flows;
mod hostile;
mod keepalive;
mod kinds;
mod layers;
mod lifecycle;
mod limits;
mod message_blocking;
mod message_dropped;
mod message_ends;
mod message_flow;
mod message_sockets;
mod message_told;
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
mod sharing;
mod sources;
mod statuses;
mod streams;
mod streams_typed;
mod tallies;
mod testing;
#[cfg(feature = "tower")]
mod tower;
#[cfg(feature = "tracing")]
mod trace;
mod transfers;
mod transports;
mod trouble;
mod unix;
mod waiting;

#[global_allocator]
static COUNTER: alloc_counter::Counter = alloc_counter::Counter;

//! Promises that are kept over real sockets. What needs no socket is tested beside the machine.

mod allocations;
mod both_ways;
mod calls;
mod examples;
mod hostile;
mod lifecycle;
mod limits;
mod raw;
mod service;
mod trouble;

#[global_allocator]
static COUNTER: alloc_counter::Counter = alloc_counter::Counter;

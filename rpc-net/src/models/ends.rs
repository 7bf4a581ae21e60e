//! Models of the end of a connection, by whichever side and for whatever reason.

use super::world::{World, ending, poll_once, sometime, thread, wait};
use super::{model, race, saw};
use rpc_core::{Code, Executed};

/// The call was answered, or it says truly whether its handler ran.
fn honest(world: &World, key: u64, (code, executed): (Code, Executed)) {
    let begun = world.ledger.begun(key);
    saw(match (code, executed) {
        (Code::OK, _) => "answered",
        (_, Executed::No) => "not executed",
        (_, Executed::Maybe) => "cut",
    });
    match (code, executed) {
        (Code::OK, _) => assert_eq!(begun, 1),
        (Code::UNAVAILABLE, Executed::No) => assert_eq!(begun, 0),
        (Code::UNAVAILABLE, Executed::Maybe) => {}
        (code, _) => panic!("{code}"),
    }
}

#[test]
fn a_call_that_meets_its_own_sides_close_is_answered_or_refused() {
    race(&["answered", "not executed"], || {
        let world = World::new();
        let peer = world.asking.clone();
        let closer = sometime(move || peer.close());
        let call = thread(world.asking.later(1));
        let closed = thread(world.asking.closed());
        honest(&world, 1, ending(&call.join().unwrap()));
        closer.join().unwrap();
        assert!(closed.join().unwrap().code.is_some());
        let after = ending(&wait(world.asking.echo(2)));
        assert_eq!(after, (Code::UNAVAILABLE, Executed::No));
        world.end();
    });
}

#[test]
fn a_call_that_meets_the_peers_goaway_is_answered_or_not_executed() {
    race(&["answered", "not executed"], || {
        let world = World::new();
        let peer = world.answering.clone();
        let closer = sometime(move || peer.close());
        let call = thread(world.asking.later(1));
        let (code, executed) = ending(&call.join().unwrap());
        honest(&world, 1, (code, executed));
        assert!(code == Code::OK || executed == Executed::No, "a graceful end cuts no call");
        closer.join().unwrap();
        world.end();
    });
}

#[test]
fn a_call_outlives_the_last_handle() {
    model(|| {
        let mut world = World::new();
        let call = thread(world.asking.later(1));
        world.end_asking();
        assert_eq!(call.join().unwrap(), Ok(1));
        world.end();
    });
}

#[test]
fn a_lost_connection_ends_every_call_and_handler() {
    race(&["answered", "cut"], || {
        let world = World::new();
        let (one, two) = (thread(world.asking.never(1)), thread(world.asking.echo(2)));
        let closed = thread(world.asking.closed());
        let scissors = world.scissors.clone();
        let cutter = sometime(move || scissors.cut());
        let (code, _) = ending(&one.join().unwrap());
        assert_eq!(code, Code::UNAVAILABLE);
        honest(&world, 2, ending(&two.join().unwrap()));
        assert_eq!(closed.join().unwrap().code, None);
        cutter.join().unwrap();
        world.end();
    });
}

#[test]
fn a_call_that_is_dropped_while_both_sides_close_leaves_nothing() {
    model(|| {
        let world = World::new();
        let mut call = world.asking.never(1);
        let _ = poll_once(&mut call);
        let peer = world.answering.clone();
        let closer = sometime(move || peer.close());
        world.asking.close();
        drop(call);
        closer.join().unwrap();
        world.end();
    });
}

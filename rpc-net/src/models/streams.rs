//! Models of calls with streams of items: credit, stops and ends.

use super::feed::feed;
use super::service::Item;
use super::world::{World, ending, limits, poll_once, sometime, thread, wait};
use super::{model, race, saw};
use crate::stream::{Streaming, collect, iter};
use rpc_core::{Code, Executed};

/// Four of these are more than a window.
const LARGE: usize = 80 * 1024;

fn items(count: u64, bytes: usize) -> impl Iterator<Item = Item> + Send + 'static {
    (0..count).map(move |n| (n + 1, vec![7; bytes]))
}

async fn all(mut stream: Streaming<u64>) -> (Vec<u64>, Code) {
    let mut read = Vec::new();
    loop {
        match stream.recv().await {
            Ok(Some(item)) => read.push(item),
            Ok(None) => return (read, Code::OK),
            Err(error) => return (read, error.code()),
        }
    }
}

#[test]
fn every_item_arrives_once_and_in_order_in_both_directions() {
    model(|| {
        let world = World::new();
        let (counted, doubled) =
            (thread(all(world.asking.count(5))), thread(all(world.asking.twice(9, iter(0..4)))));
        assert_eq!(counted.join().unwrap(), (vec![0, 1, 2, 3, 4], Code::OK));
        assert_eq!(doubled.join().unwrap(), (vec![0, 2, 4, 6], Code::OK));
        world.end();
    });
}

#[test]
fn a_writer_that_waits_for_credit_is_woken_when_it_comes() {
    model(|| {
        let world = World::new();
        let sum = thread(world.asking.sum(1000, iter(items(4, LARGE))));
        assert_eq!(sum.join().unwrap(), Ok(10));
        world.end();
    });
}

#[test]
fn items_pass_a_socket_that_takes_few_bytes_at_a_time() {
    model(|| {
        let world = World::with(limits(), 64);
        let sum = thread(world.asking.sum(1000, iter(items(4, 40))));
        assert_eq!(wait(world.asking.echo(1)), Ok(1));
        assert_eq!(sum.join().unwrap(), Ok(10));
        world.end();
    });
}

#[test]
fn a_stop_that_meets_items_ends_the_sender_and_not_the_call() {
    model(|| {
        let world = World::new();
        // The handler reads until the sum is 3; the sender has more than a window of items.
        let sum = thread(world.asking.sum(3, iter(items(5, LARGE))));
        assert_eq!(sum.join().unwrap(), Ok(3));
        assert_eq!(wait(world.asking.echo(1)), Ok(1));
        world.end();
    });
}

#[test]
fn a_sender_whose_items_nobody_reads_is_stopped_though_the_call_goes_on() {
    model(|| {
        let world = World::new();
        let (feed, numbers) = feed();
        let call = world.asking.first(1, numbers);
        let handle = call.handle();
        let call = thread(call);
        feed.push(1);
        feed.push(2);
        wait(feed.gone());
        handle.cancel();
        assert_eq!(ending(&call.join().unwrap()).0, Code::CANCELLED);
        world.end();
    });
}

#[test]
fn a_reader_that_is_dropped_ends_the_sender() {
    model(|| {
        let world = World::narrow();
        let mut stream = world.asking.count(40);
        let first = wait(stream.recv());
        assert_eq!(first, Ok(Some(0)));
        let next = thread(all(world.asking.count(3)));
        drop(stream);
        // There is one slot for streams: it is free when the handler is gone.
        assert_eq!(next.join().unwrap(), (vec![0, 1, 2], Code::OK));
        world.end();
    });
}

#[test]
fn a_reader_that_begins_late_gets_everything() {
    model(|| {
        let world = World::new();
        let mut stream = world.asking.count(3);
        let early = poll_once(&mut Box::pin(stream.recv()));
        let rest = thread(all(stream)).join().unwrap();
        let mut read: Vec<_> = early.into_iter().flat_map(Result::unwrap).collect();
        read.extend(rest.0);
        assert_eq!((read, rest.1), (vec![0, 1, 2], Code::OK));
        world.end();
    });
}

#[test]
fn a_stream_that_is_cut_off_never_looks_complete() {
    race(&["complete", "nothing", "something"], || {
        let world = World::new();
        let stream = thread(all(world.asking.count(6)));
        let scissors = world.scissors.clone();
        let cutter = sometime(move || scissors.cut());
        let (read, code) = stream.join().unwrap();
        assert_eq!(read, (0..read.len() as u64).collect::<Vec<_>>());
        match code {
            Code::OK => assert_eq!(read.len(), 6),
            code => assert_eq!(code, Code::UNAVAILABLE),
        }
        saw(match (code, read.len()) {
            (Code::OK, _) => "complete",
            (_, 0) => "nothing",
            _ => "something",
        });
        cutter.join().unwrap();
        world.end();
    });
}

#[test]
fn a_task_that_reads_items_learns_that_the_connection_or_the_call_has_ended() {
    race(&["lost", "dropped"], || {
        let world = World::new();
        let (feed, numbers) = feed();
        let mut call = world.asking.aside(1, numbers);
        assert_eq!(poll_once(&mut call), None);
        feed.push(1);
        let scissors = world.scissors.clone();
        let cutter = sometime(move || scissors.cut());
        if shuttle::rand::Rng::gen_bool(&mut shuttle::rand::thread_rng(), 0.5) {
            saw("dropped");
            drop(call);
        } else {
            saw("lost");
            assert_eq!(ending(&wait(call)).0, Code::UNAVAILABLE);
        }
        cutter.join().unwrap();
        // Waits for the task, too.
        world.end();
    });
}

#[test]
fn a_handle_that_meets_items_ends_both_directions() {
    race(&["nothing", "something"], || {
        let world = World::narrow();
        let (feed, numbers) = feed();
        let stream = world.asking.twice(1, numbers);
        let handle = stream.handle();
        let stream = thread(all(stream));
        feed.push(1);
        let canceller = sometime(move || handle.cancel());
        feed.push(2);
        let (read, code) = stream.join().unwrap();
        assert!([2, 4].starts_with(&read), "{read:?}");
        assert_eq!(code, Code::CANCELLED);
        saw(if read.is_empty() { "nothing" } else { "something" });
        canceller.join().unwrap();
        assert_eq!(wait(collect(iter(0..1))), [0]);
        assert_eq!(thread(all(world.asking.count(2))).join().unwrap(), (vec![0, 1], Code::OK));
        world.end();
    });
}

#[test]
fn an_upload_that_meets_the_peers_goaway_is_whole_or_not_executed() {
    race(&["whole", "not executed"], || {
        let world = World::new();
        let sum = thread(world.asking.sum(1000, iter(items(3, 10))));
        let peer = world.answering.clone();
        let closer = sometime(move || peer.close());
        match sum.join().unwrap() {
            Ok(sum) => {
                saw("whole");
                assert_eq!(sum, 6);
            }
            failed => {
                saw("not executed");
                assert_eq!(ending(&failed), (Code::UNAVAILABLE, Executed::No));
                assert_eq!(world.ledger.begun(1000), 0);
            }
        }
        closer.join().unwrap();
        world.end();
    });
}

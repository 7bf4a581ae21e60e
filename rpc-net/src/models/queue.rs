//! Models of the lines in which calls wait.

use super::service::LARGE_BYTES;
use super::twins::advance;
use super::world::{World, ending, limits, poll_once, sometime, thread, wait};
use super::{model, race, saw};
use rpc_core::{Code, Executed};
use std::time::Duration;

#[test]
fn whoever_leaves_the_line_hands_on_to_the_next() {
    model(|| {
        let world = World::narrow();
        let holder = thread(world.asking.later(1));
        let mut leaver = world.asking.echo(2);
        let early = poll_once(&mut leaver);
        let stays = thread(world.asking.echo(3));
        drop(leaver);
        assert_eq!(stays.join().unwrap(), Ok(3));
        assert_eq!(holder.join().unwrap(), Ok(1));
        assert!(early.is_none() || world.ledger.begun(2) == 1);
        world.end();
    });
}

#[test]
fn everybody_in_line_gets_a_turn() {
    model(|| {
        let world = World::narrow();
        let threads: Vec<_> = (1..5).map(|key| thread(world.asking.later(key))).collect();
        for (key, thread) in (1..5).zip(threads) {
            assert_eq!(thread.join().unwrap(), Ok(key));
        }
        world.end();
    });
}

#[test]
fn the_late_leave_the_line_and_those_behind_them_move_up() {
    race(&["late in line", "answered"], || {
        let world = World::narrow();
        let mut holder = world.asking.never(1);
        assert_eq!(poll_once(&mut holder), None);
        let late = thread(world.asking.echo(2).timeout(Duration::from_millis(5)));
        let patient = thread(world.asking.echo(3));
        let time = sometime(|| advance(10));
        time.join().unwrap();
        drop(holder);
        let (code, executed) = ending(&late.join().unwrap());
        match code {
            Code::OK => assert_eq!(world.ledger.begun(2), 1),
            _ => assert_eq!(code, Code::DEADLINE_EXCEEDED),
        }
        assert!(executed != Executed::No || world.ledger.begun(2) == 0);
        saw(if executed == Executed::No { "late in line" } else { "answered" });
        assert_eq!(patient.join().unwrap(), Ok(3));
        world.end();
    });
}

#[test]
fn those_in_line_are_told_when_the_connection_ends() {
    model(|| {
        let world = World::narrow();
        let holder = thread(world.asking.never(1));
        let waits = thread(world.asking.echo(2));
        let scissors = world.scissors.clone();
        let cutter = sometime(move || scissors.cut());
        assert_eq!(ending(&holder.join().unwrap()).0, Code::UNAVAILABLE);
        let (code, executed) = ending(&waits.join().unwrap());
        assert!(matches!(code, Code::OK | Code::UNAVAILABLE), "{code}");
        assert!(executed != Executed::No || world.ledger.begun(2) == 0);
        cutter.join().unwrap();
        world.end();
    });
}

#[test]
fn a_one_way_call_whose_handler_waits_runs_to_its_end_before_the_connection_ends() {
    model(|| {
        let mut world = World::new();
        let (one, two) = (thread(world.asking.keep_later(1)), thread(world.asking.keep_later(2)));
        assert!(one.join().unwrap().is_ok() && two.join().unwrap().is_ok());
        world.end_asking();
        // The one who answers ends when its handlers have.
        wait(world.answering.closed());
        assert_eq!([1, 2].map(|key| world.ledger.begun(key)), [1, 1]);
        world.end();
    });
}

#[test]
fn results_that_wait_for_room_are_sent_when_there_is_room() {
    model(|| {
        // One result fills the send buffer, and the socket takes a part of it at a time.
        let mut limits = limits();
        limits.send_buffer_bytes = LARGE_BYTES;
        let world = World::with(limits, LARGE_BYTES / 2);
        let threads: Vec<_> = (1..4).map(|key| thread(world.asking.large(key))).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), Ok(LARGE_BYTES));
        }
        world.end();
    });
}

#[test]
fn a_one_way_call_resolves_when_it_is_written_and_runs_once() {
    model(|| {
        let world = World::new();
        let (one, two) = (thread(world.asking.keep(1)), thread(world.asking.keep(2)));
        let mut dropped = world.asking.keep(3);
        let _ = poll_once(&mut dropped);
        drop(dropped);
        assert!(one.join().unwrap().is_ok() && two.join().unwrap().is_ok());
        // What stands behind them on the wire is answered behind them.
        assert_eq!(wait(world.asking.echo(4)), Ok(4));
        assert_eq!([1, 2, 3].map(|key| world.ledger.begun(key)), [1, 1, 1]);
        world.end();
    });
}

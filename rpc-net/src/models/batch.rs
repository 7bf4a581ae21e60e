//! Models of calls that are awaited together: what races with their answers.

use super::twins::advance;
use super::world::{World, ending, poll_once, sometime, thread, wait};
use super::{model, race, saw};
use crate::batch::batch;
use rpc_core::{Code, Executed};
use shuttle::rand::Rng;
use std::time::Duration;

#[test]
fn batches_of_two_threads_get_their_own_answers_in_order() {
    model(|| {
        let world = World::new();
        let (one, two) = (world.asking.clone(), world.asking.clone());
        let ones = thread(async move { batch([one.echo(1), one.later(2), one.echo(3)]).await });
        let twos = thread(async move { batch([two.later(4), two.echo(5)]).await });
        assert_eq!(ones.join().unwrap(), [Ok(1), Ok(2), Ok(3)]);
        assert_eq!(twos.join().unwrap(), [Ok(4), Ok(5)]);
        world.end();
    });
}

#[test]
fn a_batch_in_line_gets_its_turns_and_those_behind_it_get_theirs() {
    model(|| {
        let world = World::narrow();
        let holder = thread(world.asking.later(1));
        let calls = [world.asking.later(2), world.asking.echo(3), world.asking.later(4)];
        let together = thread(batch(calls));
        let behind = thread(world.asking.echo(5));
        assert_eq!(together.join().unwrap(), [Ok(2), Ok(3), Ok(4)]);
        assert_eq!((holder.join().unwrap(), behind.join().unwrap()), (Ok(1), Ok(5)));
        world.end();
    });
}

#[test]
fn answers_find_a_batch_that_moves_to_another_thread() {
    model(|| {
        let world = World::new();
        let mut calls = batch([world.asking.later(1), world.asking.later(2)]);
        let early = poll_once(&mut calls);
        let answers = early.unwrap_or_else(|| thread(calls).join().unwrap());
        assert_eq!(answers, [Ok(1), Ok(2)]);
        world.end();
    });
}

// Verifies: call.slots.held
#[test]
fn a_batch_that_is_dropped_while_it_is_answered_frees_every_slot_and_its_place() {
    race(&["none begun", "some begun", "all begun"], || {
        let world = World::narrow();
        let peer = world.asking.clone();
        let dropped = thread(async move {
            let mut calls = batch([peer.later(1), peer.echo(2), peer.later(3)]);
            let early = poll_once(&mut calls);
            assert!(early.is_none(), "the second finds no room before the first has ended");
            for _ in 0..shuttle::rand::thread_rng().gen_range(0..12) {
                shuttle::future::yield_now().await;
                drop(poll_once(&mut calls));
            }
        });
        assert_eq!(wait(world.asking.echo(4)), Ok(4));
        dropped.join().unwrap();
        assert_eq!(wait(world.asking.echo(5)), Ok(5));
        let begun: usize = (1..4).map(|key| usize::from(world.ledger.begun(key) > 0)).sum();
        saw(["none begun", "some begun", "some begun", "all begun"][begun]);
        world.end();
    });
}

#[test]
fn a_batch_whose_answers_meet_the_end_of_the_connection_ends_each_call_once() {
    race(&["answered", "lost", "never sent"], || {
        let world = World::narrow();
        let calls = (1..4).map(|key| world.asking.later(key)).collect::<Vec<_>>();
        let together = thread(batch(calls));
        let scissors = world.scissors.clone();
        let cutter = sometime(move || scissors.cut());
        for (key, answer) in (1..4).zip(together.join().unwrap()) {
            match ending(&answer) {
                (Code::OK, _) => saw("answered"),
                (Code::UNAVAILABLE, Executed::No) => {
                    assert_eq!(world.ledger.begun(key), 0);
                    saw("never sent");
                }
                (code, _) => {
                    assert_eq!(code, Code::UNAVAILABLE);
                    saw("lost");
                }
            }
        }
        cutter.join().unwrap();
        world.end();
    });
}

#[test]
fn a_batch_whose_connection_is_closed_by_its_user_ends() {
    model(|| {
        let world = World::narrow();
        let together = thread(batch([world.asking.later(1), world.asking.later(2)]));
        let peer = world.asking.clone();
        let closer = sometime(move || peer.close());
        for (key, answer) in (1..3).zip(together.join().unwrap()) {
            let (code, executed) = ending(&answer);
            assert!(matches!(code, Code::OK | Code::UNAVAILABLE), "{code}");
            assert!(executed != Executed::No || world.ledger.begun(key) == 0);
        }
        closer.join().unwrap();
        world.end();
    });
}

#[test]
fn deadlines_that_meet_the_answers_end_each_call_once() {
    race(&["answered", "late", "late in line"], || {
        let world = World::narrow();
        let timed = |key| world.asking.later(key).timeout(Duration::from_millis(5));
        let together = thread(batch([timed(1), timed(2), world.asking.later(3)]));
        advance(4);
        let time = sometime(|| advance(10));
        let answers = together.join().unwrap();
        for (key, answer) in (1..4).zip(&answers) {
            let (code, executed) = ending(answer);
            assert!(matches!(code, Code::OK | Code::DEADLINE_EXCEEDED), "{code}");
            assert!(executed != Executed::No || world.ledger.begun(key) == 0);
            saw(match (code, executed) {
                (Code::OK, _) => "answered",
                (_, Executed::No) => "late in line",
                _ => "late",
            });
        }
        assert_eq!(answers[2], Ok(3));
        time.join().unwrap();
        world.end();
    });
}

#[test]
fn a_handle_that_meets_the_answers_ends_its_call_once() {
    race(&["answered", "cancelled"], || {
        let world = World::narrow();
        let calls = [world.asking.later(1), world.asking.later(2), world.asking.later(3)];
        let handle = calls[1].handle();
        let together = thread(batch(calls));
        let canceller = sometime(move || handle.cancel());
        let answers = together.join().unwrap();
        assert_eq!((&answers[0], &answers[2]), (&Ok(1), &Ok(3)));
        let (code, executed) = ending(&answers[1]);
        assert!(matches!(code, Code::OK | Code::CANCELLED), "{code}");
        assert!(executed != Executed::No || world.ledger.begun(2) == 0);
        saw(if code == Code::OK { "answered" } else { "cancelled" });
        canceller.join().unwrap();
        assert_eq!(wait(world.asking.echo(4)), Ok(4));
        world.end();
    });
}

#[test]
fn one_way_calls_that_are_awaited_together_are_written_and_run_once() {
    model(|| {
        let world = World::new();
        let together = thread(batch([world.asking.keep(1), world.asking.keep_later(2)]));
        assert!(together.join().unwrap().iter().all(Result::is_ok));
        assert_eq!(wait(world.asking.echo(3)), Ok(3));
        assert_eq!([1, 2].map(|key| world.ledger.begun(key)), [1, 1]);
        world.end();
    });
}

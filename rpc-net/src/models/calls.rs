//! Models of one call: what races with its answer.

use super::twins::advance;
use super::world::{World, ending, poll_once, sometime, thread, wait};
use super::{model, race, saw};
use rpc_core::{Code, Executed};
use std::time::Duration;

#[test]
fn calls_of_two_threads_get_their_own_answers() {
    model(|| {
        let world = World::new();
        let (one, two) = (world.asking.clone(), world.asking.clone());
        let ones = thread(async move { (one.echo(1).await, one.later(2).await) });
        let twos = thread(async move { (two.later(3).await, two.echo(4).await) });
        assert_eq!(ones.join().unwrap(), (Ok(1), Ok(2)));
        assert_eq!(twos.join().unwrap(), (Ok(3), Ok(4)));
        world.end();
    });
}

#[test]
fn an_answer_finds_a_call_that_moves_to_another_thread() {
    model(|| {
        let world = World::new();
        let mut call = world.asking.later(1);
        // Whoever polls last is woken.
        let early = poll_once(&mut call);
        let answer = early.unwrap_or_else(|| thread(call).join().unwrap());
        assert_eq!(answer, Ok(1));
        world.end();
    });
}

// Verifies: call.slots.held
#[test]
fn a_cancel_that_meets_the_answer_frees_the_slot_once() {
    race(&["never sent", "begun"], || {
        let world = World::narrow();
        let peer = world.asking.clone();
        let dropped = thread(async move {
            let mut call = peer.later(1);
            poll_once(&mut call)
        });
        let next = wait(world.asking.echo(2));
        assert_eq!(next, Ok(2));
        dropped.join().unwrap();
        assert_eq!(wait(world.asking.echo(3)), Ok(3));
        saw(if world.ledger.begun(1) == 0 { "never sent" } else { "begun" });
        world.end();
    });
}

#[test]
fn a_handler_whose_call_is_dropped_is_dropped() {
    model(|| {
        let world = World::narrow();
        let mut call = world.asking.never(1);
        assert_eq!(poll_once(&mut call), None);
        let other = thread(world.asking.echo(2));
        drop(call);
        // There is one slot: the call gets it when the handler before it is gone.
        assert_eq!(other.join().unwrap(), Ok(2));
        world.end();
    });
}

#[test]
fn a_deadline_that_meets_the_answer_ends_the_call_once() {
    race(&["answered", "late"], || {
        let world = World::new();
        let call = thread(world.asking.later(1).timeout(Duration::from_millis(5)));
        advance(4);
        let time = sometime(|| advance(10));
        let (code, executed) = ending(&call.join().unwrap());
        saw(if code == Code::OK { "answered" } else { "late" });
        match code {
            Code::OK => assert_eq!(world.ledger.begun(1), 1),
            Code::DEADLINE_EXCEEDED if executed == Executed::No => {
                assert_eq!(world.ledger.begun(1), 0);
            }
            Code::DEADLINE_EXCEEDED => {}
            other => panic!("{other}"),
        }
        time.join().unwrap();
        assert_eq!(wait(world.asking.echo(2)), Ok(2));
        world.end();
    });
}

#[test]
fn a_call_without_an_answer_ends_when_its_deadline_comes_though_nothing_else_happens() {
    model(|| {
        let world = World::new();
        let mut call = world.asking.never(1).timeout(Duration::from_millis(5));
        // It has its deadline from its first poll on.
        assert_eq!(poll_once(&mut call), None);
        let call = thread(call);
        let time = sometime(|| advance(10));
        assert_eq!(ending(&call.join().unwrap()).0, Code::DEADLINE_EXCEEDED);
        time.join().unwrap();
        world.end();
    });
}

#[test]
fn a_cancel_that_meets_the_deadline_ends_the_call_once() {
    model(|| {
        let world = World::narrow();
        let mut call = world.asking.never(1).timeout(Duration::from_millis(5));
        assert_eq!(poll_once(&mut call), None);
        let time = sometime(|| advance(10));
        drop(call);
        // Both ends stop the handler, and one answer frees the slot.
        assert_eq!(wait(world.asking.echo(2)), Ok(2));
        time.join().unwrap();
        assert_eq!(wait(world.asking.echo(3)), Ok(3));
        world.end();
    });
}

#[test]
fn a_handle_that_meets_the_answer_ends_the_call_once() {
    race(&["answered", "cancelled", "never sent"], || {
        let world = World::narrow();
        let call = world.asking.later(1);
        let handle = call.handle();
        let call = thread(call);
        let canceller = sometime(move || handle.cancel());
        let (code, executed) = ending(&call.join().unwrap());
        assert!(matches!(code, Code::OK | Code::CANCELLED), "{code}");
        saw(match (code, executed) {
            (Code::OK, _) => "answered",
            (_, Executed::Maybe) => "cancelled",
            (_, Executed::No) => "never sent",
        });
        assert!(executed != Executed::No || world.ledger.begun(1) == 0);
        canceller.join().unwrap();
        assert_eq!(wait(world.asking.echo(2)), Ok(2));
        world.end();
    });
}

#[test]
fn a_handle_ends_a_call_that_nobody_answers() {
    model(|| {
        let world = World::new();
        let call = world.asking.never(1);
        let handle = call.handle();
        let call = thread(call);
        handle.cancel();
        assert_eq!(ending(&call.join().unwrap()).0, Code::CANCELLED);
        world.end();
    });
}

#[test]
fn a_slot_that_is_used_again_never_gives_the_answer_of_the_call_before() {
    model(|| {
        let world = World::narrow();
        let peer = world.asking.clone();
        let other = thread(async move {
            let mut answers = Vec::new();
            for key in 11..14 {
                drop(poll_once(&mut peer.echo(key + 100)));
                answers.push(peer.echo(key).await);
            }
            answers
        });
        for key in 1..3 {
            drop(poll_once(&mut world.asking.later(key + 100)));
            assert_eq!(wait(world.asking.later(key)), Ok(key));
        }
        assert_eq!(other.join().unwrap(), [Ok(11), Ok(12), Ok(13)]);
        world.end();
    });
}

#[test]
fn ordered_calls_run_one_after_the_other_in_the_order_in_which_they_were_sent() {
    race(&["all", "without the cancelled"], || {
        let world = World::new();
        let (mut one, mut two, three) =
            (world.asking.turn(1), world.asking.turn(2), world.asking.turn(3));
        let dropped = poll_once(&mut one).or_else(|| poll_once(&mut two));
        assert_eq!(dropped, None);
        let answers = thread(async move { (one.await, three.await) });
        // The one in the middle may be cancelled in line, in its task, or when it has ended.
        drop(two);
        assert_eq!(answers.join().unwrap(), (Ok(1), Ok(3)));
        let order = world.ledger.order();
        assert!(order == [1, 2, 3] || order == [1, 3], "{order:?}");
        saw(if order.len() == 3 { "all" } else { "without the cancelled" });
        world.end();
    });
}

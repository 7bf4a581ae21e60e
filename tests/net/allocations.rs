//! What a call costs in memory: its values, and nothing else.

use crate::service::{CalcClient, client, serve};

const CALLS: usize = 1000;

/// How often a thousand calls allocate, at both ends together and in all that lies between.
fn allocations(ask: impl AsyncFn(&CalcClient)) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(serve());
    let calc = runtime.block_on(client(&server));
    let calls = || {
        runtime.block_on(async {
            for _ in 0..CALLS {
                ask(&calc).await;
            }
        });
    };
    calls(); // Buffers and tables grow to what is needed.
    alloc_counter::measure(calls).1.allocations
}

#[test]
fn a_call_of_numbers_allocates_nothing() {
    let asked = allocations(async |calc| assert_eq!(calc.add(1, 2).await.unwrap(), 3));
    assert!(asked < CALLS / 100, "{asked} allocations for {CALLS} calls");
}

#[test]
fn a_call_of_a_text_allocates_the_text_and_nothing_else() {
    // One for the argument here, one there, one for the result here.
    let asked = allocations(async |calc| {
        assert_eq!(
            calc.echo("thirty-two bytes of a small text".to_owned()).await.unwrap().len(),
            32
        );
    });
    assert!(asked < 3 * CALLS + CALLS / 100, "{asked} allocations for {CALLS} calls");
    assert!(asked >= 3 * CALLS, "{asked} allocations are too few to be true");
}

#[test]
fn a_call_of_a_borrowed_text_allocates_what_the_handler_makes_of_it() {
    let asked = allocations(async |calc| {
        assert_eq!(calc.shout("thirty-two bytes of a small text").await.unwrap().len(), 32);
    });
    assert!(asked < 2 * CALLS + CALLS / 100, "{asked} allocations for {CALLS} calls");
}

/// How often ten batches of a hundred calls allocate, at both ends together.
fn allocations_in_batches<T: Send + 'static>(ask: impl Fn(&CalcClient) -> hton::Call<T>) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(serve());
    let calc = runtime.block_on(client(&server));
    let calls = || {
        runtime.block_on(async {
            for _ in 0..10 {
                let results = hton::batch((0..CALLS / 10).map(|_| ask(&calc))).await;
                assert!(results.iter().all(Result::is_ok));
            }
        });
    };
    calls(); // Buffers and tables grow to what is needed.
    alloc_counter::measure(calls).1.allocations
}

#[test]
fn a_batch_allocates_for_itself_and_nothing_for_its_calls_but_their_values() {
    let each = 14; // Tables of its calls, of how they are read, and of how they ended.
    let asked = allocations_in_batches(|calc| calc.add(1, 2));
    assert!(asked <= 10 * each, "{asked} allocations for 10 batches of {} calls", CALLS / 10);
    let asked = allocations_in_batches(|calc| calc.echo("thirty-two bytes of a small text".into()));
    assert!(asked <= 3 * CALLS + 10 * each, "{asked} allocations for {CALLS} calls");
    assert!(asked >= 3 * CALLS, "{asked} allocations are too few to be true");
}

#[test]
fn the_items_of_a_stream_allocate_nothing() {
    const ITEMS: u64 = 20_000;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let pair = runtime.block_on(async { crate::flows::pair() });
    let flows = crate::flows::FlowsClient::new(&pair.near);
    let items = || {
        runtime.block_on(async {
            let sum = flows.sum(hton::stream::iter(0..ITEMS)).await.unwrap();
            let mut back = 0;
            let mut numbers = flows.count(0, ITEMS);
            while let Some(number) = numbers.recv().await.unwrap() {
                back += number;
            }
            assert_eq!(sum, back);
        });
    };
    items();
    let cost = alloc_counter::measure(items).1.allocations;
    assert!(cost < 500, "{cost} allocations for {ITEMS} items each way");
}

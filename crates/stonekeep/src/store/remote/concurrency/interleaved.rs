//! Requests that end in every way and every order: no permit is lost, and none is there twice.

use shuttle::future::block_on;
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

use super::*;
use crate::sync::in_every_order;

const REQUESTS: usize = 3;

#[test]
fn there_are_as_many_permits_as_the_limit_says() {
    in_every_order(|| {
        let concurrency = Arc::new(Concurrency::new(4));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let concurrency = Arc::clone(&concurrency);
                thread::spawn(move || {
                    for _ in 0..REQUESTS {
                        let permit = block_on(concurrency.permit());
                        match thread_rng().gen_range(0..3) {
                            0 => permit.answered(1),
                            1 => permit.pushed_back(),
                            _ => drop(permit),
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let state = concurrency.state();
        assert_eq!(state.there, state.climb.limit());
        assert_eq!(state.there, concurrency.permits.available_permits());
    });
}

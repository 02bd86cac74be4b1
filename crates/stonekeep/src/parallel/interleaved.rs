//! Workers in every order: each item is worked on once, and an error is never hidden by a request to stop.

use std::io;

use shuttle::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::sync::in_every_order;

#[test]
fn each_item_is_worked_on_once() {
    in_every_order(|| {
        let begun: Vec<AtomicUsize> = (0..4).map(|_| AtomicUsize::new(0)).collect();
        let squares = run_bounded(3, (0..begun.len()).collect(), |item| {
            begun[item].fetch_add(1, Ordering::SeqCst);
            Ok(item * item)
        });
        assert_eq!(squares.unwrap(), [0, 1, 4, 9]);
        assert!(begun.iter().all(|count| count.load(Ordering::SeqCst) == 1));
    });
}

#[test]
fn an_error_is_reported_rather_than_a_stop() {
    in_every_order(|| {
        let has_failed = AtomicBool::new(false);
        let outcome = run_bounded(3, vec!["stops", "fails", "works", "works"], |item| match item {
            "stops" => Err(Error::stopped()),
            "fails" => {
                has_failed.store(true, Ordering::SeqCst);
                Err(Error::io("reading x", io::ErrorKind::InvalidData.into()))
            }
            _ => Ok(()),
        });
        let expected = if has_failed.load(Ordering::SeqCst) {
            ErrorKind::Io
        } else {
            ErrorKind::Stopped
        };
        assert_eq!(outcome.unwrap_err().kind(), expected);
    });
}

#[test]
fn both_tasks_run_once() {
    in_every_order(|| {
        let count = AtomicUsize::new(0);
        let next = || count.fetch_add(1, Ordering::SeqCst);
        let (first, second) = run_both(2, next, next);
        assert_eq!(first + second, 1);
        let prepared = AtomicBool::new(false);
        assert!(run_apart(
            || prepared.store(true, Ordering::SeqCst),
            || prepared.load(Ordering::SeqCst)
        ));
    });
}

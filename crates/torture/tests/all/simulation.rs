//! Several clients at the same time keep every promise.

use stonekeep_torture::budget::Budget;
use stonekeep_torture::simulation;

#[test]
fn clients_at_the_same_time_harm_nothing() {
    let report = simulation::run(Budget::trials(1, 60));
    report.into_result().unwrap();
}

#[test]
fn a_seed_is_the_same_history_each_time() {
    for seed in 100..110 {
        let [first, second] = [(); 2].map(|()| simulation::fingerprint(seed).unwrap());
        let differs = first.1.iter().zip(&second.1).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first.0, second.0, "seed {seed}");
    }
}

//! Which steps crash tests stop at.

use stonekeep_testkit::step_sample::StepSample;

fn names() -> Vec<String> {
    let copies = (0..100).map(|n| format!("write new/{n:06}.sst"));
    let moves = (0..100).map(|n| format!("rename to {n:06}.sst"));
    let begin = ["take the lock".to_owned()];
    let end = ["replace CURRENT", "remove state"].map(str::to_owned);
    begin.into_iter().chain(copies).chain(moves).chain(end).collect()
}

#[test]
fn each_kind_of_step_is_tried() {
    let names = names();
    let sample = StepSample::new("a test", &names);
    for step in [1, 2, 102, 202, 203] {
        assert!(sample.steps().contains(&step), "{step} is not in {sample:?}");
    }
    assert!(sample.steps().is_sorted());
    assert_eq!(sample, StepSample::new("a test", &names));
}

#[test]
fn tests_try_different_steps_and_together_all() {
    let names = names();
    let mut tried = vec![false; names.len()];
    for test in 'a'..='z' {
        for step in StepSample::new(&test.to_string(), &names).steps() {
            tried[step - 1] = true;
        }
    }
    assert!(tried.iter().all(|tried| *tried));
}

#[test]
fn no_steps_need_no_sample() {
    assert!(StepSample::new("a test", &[]).steps().is_empty());
}

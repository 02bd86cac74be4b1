//! Checks several databases with one result: monitoring wants one line, or one file.

use super::one::report_failure;
use super::runner::Runner;
use crate::cli::Verb;
use crate::commands::Session;
use crate::commands::check::{Checked, Subject, examine, report};
use crate::exit::Exit;
use crate::invocation::{Job, Unusable};
use crate::output::Output;

/// Checks all of them. One whose credentials cannot be had is unreachable, and does not stop the others.
pub(super) fn check(runner: &Runner, jobs: &[Job]) -> Exit {
    let output = jobs.first().map(Job::output).unwrap_or_default();
    let (mut subjects, mut failed, mut how) = (Vec::new(), Vec::new(), None);
    for job in jobs {
        let name = job.entry.as_ref().map(|entry| entry.name.clone());
        let display = job.entry.as_ref().map(|_| job.heading());
        let cli = match runner.parse_job(job, &output) {
            Ok(Ok((cli, _))) => cli,
            Ok(Err(error)) => {
                let place = job.places.first().map(|place| place.target.location.clone());
                let reason = format!("{error:#}").replace('\n', " ");
                failed.push(Checked::unreachable(
                    (name, display),
                    place.unwrap_or_default(),
                    reason,
                ));
                continue;
            }
            Err(exit) => return exit,
        };
        if let Verb::Check(args) = cli.verb {
            how.get_or_insert_with(|| args.output());
            subjects.push(Subject::new(name, display, *args));
        }
    }
    let result = result(runner, (subjects, failed), &output);
    let reported = report(&result, &how.unwrap_or_default(), &output);
    reported.unwrap_or_else(|error| report_failure(&output, &error, &runner.interrupt))
}

fn result(
    runner: &Runner,
    (subjects, mut failed): (Vec<Subject>, Vec<Checked>),
    output: &Output,
) -> Vec<Checked> {
    let session = Session {
        output: output.clone(),
        interrupt: runner.interrupt.clone(),
        config: None,
        unusable: Unusable::default(),
    };
    let mut checked = examine(subjects, &session.engine_options());
    checked.append(&mut failed);
    checked
}

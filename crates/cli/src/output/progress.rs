//! Shows how far the work is: a bar on a terminal, a plain line now and then elsewhere.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use stonekeep::{Observer, Phase, Progress};

use super::{Output, units};
use crate::interrupt::Interrupt;

/// Plain lines come this often.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Work that is done sooner shows no bar.
const BAR_DELAY: Duration = Duration::from_millis(200);

/// A wait for the lock that takes longer is reported.
const WAIT_DELAY: Duration = Duration::from_millis(500);

/// The bars, the widest first, with the columns that each one needs.
const BARS: [(u16, &str); 3] = [
    (
        115,
        "{prefix} [{bar:24}] {binary_bytes} of {binary_total_bytes}, {msg}, {binary_bytes_per_sec}, {eta} left",
    ),
    (
        80,
        "{prefix} [{bar:16}] {binary_bytes} of {binary_total_bytes}, {eta} left",
    ),
    (0, "{prefix} {percent}%, {eta} left"),
];

/// The widest bar that fits the terminal; the widest of all where its width is not known.
fn bar_for(columns: u16) -> &'static str {
    let fitting = BARS.iter().find(|(needed, _)| columns == 0 || *needed <= columns);
    fitting.map_or(BARS[0].1, |(_, bar)| bar)
}

fn terminal_columns() -> u16 {
    rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col)
}

/// Shows progress, and passes on that a signal asked for an end.
pub(crate) struct Watcher {
    interrupt: Interrupt,
    output: Output,
    display: Display,
    state: Mutex<State>,
}

enum Display {
    Nothing,
    Bar(ProgressBar),
    Lines,
}

struct State {
    phase: Option<Phase>,
    phase_began: Instant,
    last_shown: Instant,
    wait_said: bool,
    stop_said: bool,
}

impl Watcher {
    pub(crate) fn new(output: &Output, interrupt: &Interrupt) -> Self {
        let terminal = io::stderr().is_terminal();
        let is_quiet = output.quiet || output.captured.is_some();
        let display = match (is_quiet, output.json, terminal) {
            (true, _, _) | (false, true, false) => Display::Nothing,
            (false, _, true) => {
                Display::Bar(ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()))
            }
            (false, false, false) => Display::Lines,
        };
        let now = Instant::now();
        Watcher {
            interrupt: interrupt.clone(),
            output: output.clone(),
            display,
            state: Mutex::new(State {
                phase: None,
                phase_began: now,
                last_shown: now,
                wait_said: false,
                stop_said: false,
            }),
        }
    }

    /// Removes the bar, so that it does not mix with the lines that follow.
    fn remove_bar(&self) {
        if let Display::Bar(bar) = &self.display {
            bar.finish_and_clear();
        }
    }

    /// Nothing is heard of an operation while it waits, but whether it shall stop.
    fn say_once_that_it_waits(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = state.phase == Some(Phase::WaitingForLock) && state.phase_began.elapsed() >= WAIT_DELAY;
        let silent = self.output.quiet || self.output.json;
        if waits && !silent && !std::mem::replace(&mut state.wait_said, true) {
            let line = "waiting for the lock: another process has it, or the store does not answer yet";
            self.output.aside(|page| page.line(line));
        }
    }

    fn say_once_that_it_stops(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut state.stop_said, true) && !self.output.quiet && !self.output.json {
            self.remove_bar();
            self.output
                .aside(|page| page.line("stopping; a second signal ends it at once"));
        }
    }
}

impl Observer for Watcher {
    fn progressed(&self, progress: &Progress) {
        if progress.phase == Phase::Finished {
            return self.remove_bar();
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let new_phase = state.phase.replace(progress.phase) != Some(progress.phase);
        if new_phase {
            state.phase_began = now;
        }
        match &self.display {
            Display::Nothing => {}
            Display::Bar(bar) => show_on(bar, progress, new_phase, state.last_shown),
            Display::Lines if now.duration_since(state.last_shown) >= LINE_INTERVAL => {
                state.last_shown = now;
                let line = line(progress, now.duration_since(state.phase_began));
                let _ = writeln!(io::stderr(), "{line}");
            }
            Display::Lines => {}
        }
    }

    fn should_stop(&self) -> bool {
        self.say_once_that_it_waits();
        let stop = self.interrupt.came();
        if stop {
            self.say_once_that_it_stops();
        }
        stop
    }
}

fn show_on(bar: &ProgressBar, progress: &Progress, new_phase: bool, began: Instant) {
    if bar.is_hidden() && began.elapsed() >= BAR_DELAY {
        bar.set_draw_target(ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(bar_for(terminal_columns())) {
            bar.set_style(style.progress_chars("=> "));
        }
    }
    if new_phase {
        bar.reset();
    }
    bar.set_prefix(phase_name(progress.phase));
    bar.set_length(progress.bytes_total);
    bar.set_position(progress.bytes_done);
    bar.set_message(files(progress));
}

/// One line of text: `copying: 12.3 MiB of 40.0 MiB, 5 of 12 files, 4.10 MiB/s, 7 s left`.
fn line(progress: &Progress, elapsed: Duration) -> String {
    let phase = phase_name(progress.phase);
    if progress.bytes_total == 0 {
        return match progress.files_total {
            0 => phase.to_owned(),
            _ => format!("{phase}: {}", files(progress)),
        };
    }
    let done = units::bytes(progress.bytes_done);
    let total = units::bytes(progress.bytes_total);
    let mut line = format!("{phase}: {done} of {total}, {}", files(progress));
    let rate = progress.bytes_done as f64 / elapsed.as_secs_f64();
    if rate.is_finite() && rate >= 1.0 {
        let left = progress.bytes_total.saturating_sub(progress.bytes_done) as f64 / rate;
        line.push_str(&format!(", {}/s", units::bytes(rate as u64)));
        if let Ok(left) = Duration::try_from_secs_f64(left) {
            line.push_str(&format!(", {} left", units::duration(left)));
        }
    }
    line
}

fn files(progress: &Progress) -> String {
    format!("{} of {} files", progress.files_done, progress.files_total)
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::WaitingForLock => "waiting for the lock",
        Phase::Planning => "planning",
        Phase::Copying => "copying",
        Phase::Verifying => "verifying",
        Phase::Committing => "committing",
        Phase::Collecting => "collecting",
        _ => "working",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(bytes_done: u64) -> Progress {
        let mut progress = Progress::begin(Phase::Copying);
        (progress.bytes_done, progress.bytes_total) = (bytes_done, 40 << 20);
        (progress.files_done, progress.files_total) = (5, 12);
        progress
    }

    #[test]
    fn a_line_has_bytes_rate_and_time_left() {
        assert_eq!(
            line(&progress(10 << 20), Duration::from_secs(5)),
            "copying: 10.0 MiB of 40.0 MiB, 5 of 12 files, 2.00 MiB/s, 15 s left"
        );
    }

    #[test]
    fn the_first_progress_line_has_no_rate() {
        let begun = line(&progress(0), Duration::ZERO);
        assert_eq!(begun, "copying: 0 B of 40.0 MiB, 5 of 12 files");
        let waiting = Progress::begin(Phase::WaitingForLock);
        assert_eq!(line(&waiting, Duration::from_secs(9)), "waiting for the lock");
    }
}

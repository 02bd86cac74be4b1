//! The exit codes, with the errors that lead to each.

use std::process::ExitCode;

use stonekeep::ErrorKind;

use crate::interrupt::{Interrupt, exit_code};
use crate::output::print_error::PrintError;
use crate::usage_error::UsageError;

/// How the command ended. `docs/cli.md` documents the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything that was asked for is done.
    Success,
    /// It failed, or was refused.
    Failure,
    /// The arguments do not fit.
    Usage,
    /// Damage was found.
    Corrupt,
    /// There is no such backup, repository or database.
    NotFound,
    /// Another process holds the lock.
    Locked,
    /// Ended cleanly after a signal.
    Signalled(i32),
    /// What a plugin of Nagios ends with.
    Plugin(u8),
}

impl Exit {
    /// The number that the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Corrupt => 3,
            Exit::NotFound => 4,
            Exit::Locked => 5,
            Exit::Signalled(signal) => exit_code(signal),
            Exit::Plugin(code) => code,
        }
    }

    /// What an error leads to. A reader that went away (a broken pipe) is none.
    pub(crate) fn of(error: &anyhow::Error, interrupt: &Interrupt) -> Exit {
        if let Some(error) = error.downcast_ref::<PrintError>() {
            return if error.is_broken_pipe() {
                Exit::Success
            } else {
                Exit::Failure
            };
        }
        if error.is::<UsageError>() {
            return Exit::Usage;
        }
        match error
            .downcast_ref::<stonekeep::Error>()
            .map(stonekeep::Error::kind)
        {
            Some(ErrorKind::Corrupt) => Exit::Corrupt,
            Some(ErrorKind::NotFound) => Exit::NotFound,
            Some(ErrorKind::Locked) => Exit::Locked,
            Some(ErrorKind::Stopped) => interrupt.signal().map_or(Exit::Failure, Exit::Signalled),
            _ => Exit::Failure,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use stonekeep::Error;

    use super::*;

    fn code(error: impl Into<anyhow::Error>) -> u8 {
        Exit::of(&error.into(), &Interrupt::default()).code()
    }

    #[test]
    fn each_kind_of_error_has_its_code() {
        let cases = [
            (ErrorKind::Io, 1),
            (ErrorKind::Corrupt, 3),
            (ErrorKind::Unsupported, 1),
            (ErrorKind::NotFound, 4),
            (ErrorKind::Locked, 5),
            (ErrorKind::Refused, 1),
            (ErrorKind::InvalidArgument, 1),
            (ErrorKind::Aborted, 1),
            (ErrorKind::Stopped, 1),
        ];
        for (kind, expected) in cases {
            assert_eq!(code(Error::new(kind, "x")), expected, "{kind:?}");
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let broken = PrintError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        let full = PrintError::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(code(broken), 0);
        assert_eq!(code(full), 1);
        assert_eq!(code(UsageError::new("x")), 2);
    }
}

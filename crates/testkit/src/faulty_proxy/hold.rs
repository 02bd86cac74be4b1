//! Holds one request up until the test lets it go on: so a server is killed at a moment that is known.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::request_kind::RequestKind;

/// On which side of the server a request is held up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The server has not seen it.
    Before,
    /// The server has carried it out, and nobody gets its answer.
    After,
}

/// Which request is held up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Of this kind.
    pub kind: RequestKind,
    /// With this in its target.
    pub about: &'static str,
    /// This one among those, counted from 1.
    pub number: usize,
    /// Before or after the server.
    pub side: Side,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// So many of them have come.
    Waits(usize),
    Holds,
    LetGo,
}

/// The request that is to be held up, and whether it is.
#[derive(Debug)]
pub(super) struct Gate {
    hold: Option<Hold>,
    state: Mutex<State>,
    changed: Condvar,
}

impl Gate {
    pub(super) fn new(hold: Option<Hold>) -> Self {
        Gate {
            hold,
            state: Mutex::new(State::Waits(0)),
            changed: Condvar::new(),
        }
    }

    /// On which side this request is to be held up.
    pub(super) fn side_of(&self, kind: RequestKind, target: &str) -> Option<Side> {
        let hold = self
            .hold
            .filter(|it| it.kind == kind && target.contains(it.about))?;
        let mut state = self.state();
        let State::Waits(come) = &mut *state else {
            return None;
        };
        *come += 1;
        (*come == hold.number).then_some(hold.side)
    }

    /// Holds the request up that this thread carries out.
    pub(super) fn hold(&self) {
        let mut state = self.state();
        *state = State::Holds;
        while *state == State::Holds {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn holds(&self) -> bool {
        *self.state() == State::Holds
    }

    pub(super) fn let_go(&self) {
        *self.state() = State::LetGo;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

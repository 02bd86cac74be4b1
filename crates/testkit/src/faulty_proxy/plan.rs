//! Decides which requests fail, and how: the same for the same seed, kind of request and number among its kind.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::request_kind::RequestKind;

/// How a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is reset when the head of the request has arrived.
    ResetInside,
    /// The connection is reset when the request has arrived; the server does not see it.
    ResetBefore,
    /// The server carries the request out, and its answer is lost.
    ResetAfter,
    /// This status and code instead of the request.
    Instead(u16, &'static str),
    /// This status and code instead of the answer to a request that was carried out.
    After(u16, &'static str),
    /// Status 200, and an error in the body, instead of the request.
    ErrorInside,
    /// The same, after the request was carried out. Of several deletions one has an error.
    ErrorInsideAfter,
    /// Both bodies move at 10 Mbit/s.
    Slow,
    /// The connection ends in the middle of the body of the answer.
    CutBody,
    /// The body of the answer ends in the middle, and its length says so.
    ShortBody,
    /// One bit of the answer is another one.
    WrongByte,
    /// One bit of the request is another one.
    WrongByteSent,
}

/// Those that happen to every kind of request.
const TO_ALL: [Fault; 12] = [
    Fault::ResetInside,
    Fault::ResetBefore,
    Fault::ResetAfter,
    Fault::ResetAfter,
    Fault::Instead(429, "TooManyRequests"),
    Fault::Instead(500, "InternalError"),
    Fault::After(500, "InternalError"),
    Fault::Instead(503, "SlowDown"),
    Fault::After(503, "ServiceUnavailable"),
    Fault::Instead(403, "RequestTimeTooSkewed"),
    Fault::Instead(400, "RequestTimeout"),
    Fault::Slow,
];

/// Most often refused for good, so that it is rare.
const NOT_IMPLEMENTED: Fault = Fault::Instead(501, "NotImplemented");

const TO_WRITES: [Fault; 4] = [
    Fault::Instead(409, "OperationAborted"),
    Fault::Instead(409, "ConditionalRequestConflict"),
    Fault::After(409, "ConditionalRequestConflict"),
    Fault::After(412, "PreconditionFailed"),
];

fn faults_of(kind: RequestKind) -> Vec<Fault> {
    let more: &[Fault] = match kind {
        RequestKind::Get => &[Fault::CutBody, Fault::CutBody, Fault::WrongByte, Fault::WrongByte],
        RequestKind::List => &[Fault::CutBody, Fault::CutBody, Fault::ShortBody, Fault::ShortBody],
        RequestKind::Complete => &[Fault::ErrorInside, Fault::ErrorInsideAfter],
        RequestKind::DeleteMany => &[
            Fault::ErrorInside,
            Fault::ErrorInsideAfter,
            Fault::ErrorInsideAfter,
            Fault::CutBody,
        ],
        RequestKind::Part | RequestKind::Put => &[Fault::WrongByteSent],
        _ => &[],
    };
    let mut faults = [&TO_ALL, more].concat();
    // Without a body nobody can tell what these mean.
    let is_clear =
        |fault: &Fault| kind != RequestKind::Head || !matches!(fault, Fault::Instead(400 | 403, _));
    faults.retain(is_clear);
    if matches!(
        kind,
        RequestKind::BeginUpload | RequestKind::Part | RequestKind::Complete | RequestKind::Put
    ) {
        faults.extend(TO_WRITES);
    }
    faults
}

/// How often and where requests fail; by default none does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Plan {
    /// What everything else follows from.
    pub seed: u64,
    /// So many of a thousand requests fail.
    pub faults_in_1000: u32,
    /// So many of a thousand objects stay listed when they are deleted, or are listed and cannot be read when they are
    /// written, for some requests.
    pub ghosts_in_1000: u32,
    /// Requests for keys with this in them do not fail.
    pub spared: Option<&'static str>,
}

/// What a plan has decided so far.
#[derive(Debug)]
pub(super) struct Decisions {
    plan: Plan,
    counts: BTreeMap<RequestKind, u64>,
}

impl Decisions {
    pub(super) fn of(plan: Plan) -> Self {
        Decisions {
            plan,
            counts: BTreeMap::new(),
        }
    }

    /// The next request of a kind: its fault, and what else is decided for it.
    pub(super) fn next(&mut self, kind: RequestKind, about: &str) -> (Option<Fault>, Rng) {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let mut rng = Rng::with_seed(mixed(self.plan.seed, mixed(kind as u64, *count)));
        let fails = rng.u32(0..1000) < self.plan.faults_in_1000;
        let faults = faults_of(kind);
        let mut fault = faults.get(rng.usize(0..faults.len())).copied();
        if rng.u32(0..40) == 0 {
            fault = Some(NOT_IMPLEMENTED);
        }
        let is_spared = self.plan.spared.is_some_and(|part| about.contains(part));
        (fault.filter(|_| fails && !is_spared), rng)
    }

    /// For how many requests an object is a ghost; 0 for most.
    pub(super) fn ghost(&self, about: &str, rng: &mut Rng) -> u32 {
        let is_spared = self.plan.spared.is_some_and(|part| about.contains(part));
        if is_spared || rng.u32(0..1000) >= self.plan.ghosts_in_1000 {
            return 0;
        }
        rng.u32(1..4)
    }
}

/// One number of two, each bit of which depends on all of theirs.
fn mixed(one: u64, other: u64) -> u64 {
    let mut rng = Rng::with_seed(one);
    rng.u64(..) ^ other.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

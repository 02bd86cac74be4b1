//! Looks at the leases of others: who is alive, who is dead.
//!
//! Dead is whose lease is older than a period by the store's clock and whose object was not changed while this process
//! watched for a whole period by its own clock. A clock that is wrong misleads one of the two, never both. On the same machine
//! a locked file proves a death at once (`same_host.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::clock::{LeaseClock, StoreClock};
use super::objects::{LeaseObjects, Listed};
use super::record::Record;
use super::same_host::LockFile;
use super::times::Times;
use crate::store::pin_name::boot_id;
use crate::store::stop::Stop;
use crate::{ErrorKind, Result};

/// How often the removal of an own lease is tried.
const REMOVALS: u32 = 4;
const PAUSE_BETWEEN_REMOVALS: Duration = Duration::from_millis(250);

/// Where leases lie, and the times and clocks that they are kept by.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    pub(crate) objects: Arc<dyn LeaseObjects>,
    pub(crate) clock: Arc<dyn LeaseClock>,
    pub(crate) times: Times,
    pub(crate) stop: Stop,
    /// Where the locked files of this machine's holders are.
    pub(crate) lock_directories: Vec<PathBuf>,
    /// The place, for messages.
    pub(crate) location: String,
}

impl Ground {
    /// Removes an own lease, and its locked file. If the lease cannot be removed, the file stays and is unlocked: it tells
    /// the next process on this machine that nobody holds the lease.
    pub(super) fn remove(&self, lease: &str, lock: Option<LockFile>) {
        for attempt in 1..=REMOVALS {
            match self.objects.delete(lease) {
                Ok(()) => {
                    if let Some(lock) = lock {
                        lock.remove();
                    }
                    return;
                }
                Err(error) if attempt == REMOVALS || error.kind() == ErrorKind::Stopped => {
                    tracing::warn!(reason = %error.one_line(), "the lease stays behind, as if its holder had died");
                    return;
                }
                Err(_) => self.clock.sleep(PAUSE_BETWEEN_REMOVALS),
            }
        }
    }
}

/// A lease of another one that must be respected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Living {
    pub(super) holder: String,
    /// In which time it can be taken, at the latest, if its holder is dead.
    pub(super) free_in: Duration,
    /// It has outlived its period, and nothing was seen of its holder since this process watches.
    pub(super) is_suspect: bool,
}

/// What this process has seen of the leases of others.
#[derive(Debug, Default)]
pub(super) struct Others {
    seen: BTreeMap<String, Seen>,
    /// Own ones of earlier attempts, and those of the dead that cannot be removed.
    ignored: BTreeSet<String>,
    found_dead: bool,
}

#[derive(Debug)]
struct Seen {
    content: Vec<u8>,
    /// The own time since which it was not seen to change.
    since: Duration,
    /// It was seen to change.
    changes: bool,
    /// The own time at which its holder was seen to be dead.
    died: Option<Duration>,
}

enum Verdict {
    Gone,
    Living(Living),
    /// With the proof, where it is a locked file.
    Dead(Option<LockFile>),
}

impl Others {
    /// Never judges this one.
    pub(super) fn ignore(&mut self, name: &str) {
        self.ignored.insert(name.to_owned());
    }

    /// Whether the lease of a dead holder was found.
    pub(super) fn found_dead(&self) -> bool {
        self.found_dead
    }

    /// The living among those listed but one's own. The leases of the dead are removed.
    pub(super) fn review(
        &mut self,
        ground: &Ground,
        store_clock: &StoreClock,
        listed: &[Listed],
    ) -> Result<Vec<Living>> {
        self.seen
            .retain(|name, _| listed.iter().any(|it| it.name == *name));
        let mut living = Vec::new();
        for lease in listed {
            if self.ignored.contains(&lease.name) {
                continue;
            }
            match self.judge(ground, store_clock, lease)? {
                Verdict::Gone => {}
                Verdict::Living(other) => living.push(other),
                Verdict::Dead(proof) => {
                    ground.objects.shut_out(&lease.name)?;
                    self.remove(ground, &lease.name, proof);
                }
            }
        }
        Ok(living)
    }

    fn judge(&mut self, ground: &Ground, store_clock: &StoreClock, lease: &Listed) -> Result<Verdict> {
        let asked = ground.clock.boottime();
        // Some stores list for a while what is gone.
        let Some(found) = ground.objects.get(&lease.name)? else {
            return Ok(Verdict::Gone);
        };
        let now = ground.clock.boottime();
        let seen = self.seen.entry(lease.name.clone()).or_insert_with(|| Seen {
            content: found.content.clone(),
            since: now,
            changes: false,
            died: None,
        });
        if seen.content != found.content {
            seen.content = found.content;
            seen.since = now;
            seen.changes = true;
        }
        let record = Record::decode(&seen.content);
        let period = record.as_ref().map_or(ground.times.period, |record| {
            ground.times.period.max(record.period())
        });
        let age = age(store_clock, lease.modified, asked);
        let of_period = period.saturating_sub(age);
        if let Some(record) = &record {
            let (name, died) = (&lease.name, &mut seen.died);
            match on_this_machine(ground, name, record, of_period, died, asked) {
                Some(verdict) => return Ok(verdict),
                None => seen.died = None,
            }
        }
        let watched = asked.saturating_sub(seen.since);
        if age >= period && watched >= period {
            return Ok(Verdict::Dead(None));
        }
        Ok(Verdict::Living(Living {
            holder: named(record.as_ref()),
            free_in: of_period.max(period.saturating_sub(watched)),
            is_suspect: age >= period && !seen.changes,
        }))
    }

    /// A lease that cannot be removed has run out, and is passed over.
    fn remove(&mut self, ground: &Ground, name: &str, proof: Option<LockFile>) {
        self.found_dead = true;
        tracing::info!(name, "the lease of a dead process is removed");
        if let Err(error) = ground.objects.delete(name) {
            tracing::warn!(reason = %error.one_line(), name, "the lease of a dead process cannot be removed; it is ignored");
            self.ignore(name);
        }
        if let Some(proof) = proof {
            proof.remove();
        }
    }
}

/// The verdict on a holder of this machine whose locked file is found unlocked; `None` if nothing is proved.
///
/// A request that deletes may be under way when its sender dies. So after the death of one that was deleting, its lease
/// stays until no store accepts a request of it any more, and a margin longer. `of_period` is what remains of its period by
/// the store's clock.
fn on_this_machine(
    ground: &Ground,
    lease: &str,
    record: &Record,
    of_period: Duration,
    died: &mut Option<Duration>,
    now: Duration,
) -> Option<Verdict> {
    let is_here = record.boot_id.is_some() && record.boot_id.as_deref() == boot_id();
    let identity = record.lock.filter(|_| is_here)?;
    let proof = LockFile::of_the_dead(&ground.lock_directories, lease, identity)?;
    let died = *died.get_or_insert(now);
    if !record.deleting {
        return Some(Verdict::Dead(Some(proof)));
    }
    // It signed nothing after its death, and nothing that is accepted a period after its last renewal.
    let by_store = if of_period.is_zero() {
        of_period
    } else {
        now + of_period
    };
    let after_renewal = (record.renewed_boottime() + record.period()).max(by_store);
    let last_accepted = (died + record.accepted_for()).min(after_renewal);
    let rest = (last_accepted + ground.times.margin()).saturating_sub(now);
    if rest.is_zero() {
        return Some(Verdict::Dead(Some(proof)));
    }
    Some(Verdict::Living(Living {
        holder: named(Some(record)),
        free_in: rest,
        is_suspect: true,
    }))
}

/// By the store's clock; a time to come is no age.
fn age(store_clock: &StoreClock, modified: SystemTime, boottime: Duration) -> Duration {
    let now = store_clock.now(boottime);
    now.duration_since(modified).unwrap_or_default()
}

/// The holder as messages name it.
fn named(record: Option<&Record>) -> String {
    match record.map(|record| record.holder.trim()) {
        None | Some("") => "another process".to_owned(),
        Some(holder) => holder.replace(char::is_control, "?"),
    }
}

//! Chooses the chain among the segments that are there.
//!
//! There may be more than one of an ordinal: two followers may have written at the same time, and the small ones that were joined go after
//! the joined one has come. So the walk goes back from the newest segment of the highest owner, and from each one to the segment that it
//! names: the one that ends with the ordinal before and has that checksum. A joined segment ends with the checksum of the last one that it
//! joined, so that either form will do; the one that goes back further is taken. Where nothing follows, the walk begins anew below, so that
//! points before a hole can still be reached.

use std::collections::BTreeMap;

use super::chain::{Chain, Hole, Run};
use super::segment_header::describe;
use super::segment_name::{Ordinal, Owner, SegmentName};
use super::stored_segment::StoredSegment;
use super::stream_id::StreamId;
use crate::repo::layout;

/// A segment that was found.
#[derive(Debug)]
pub enum Found {
    /// Its header.
    Readable(Box<StoredSegment>),
    /// Why it cannot be read.
    Unreadable(SegmentName, Hole),
}

/// Chooses the chain down to this ordinal, or as far as there are segments.
pub fn choose(stream: StreamId, found: Vec<Found>, from: Ordinal) -> Chain {
    let mut walk = Walk {
        stream,
        readable: BTreeMap::new(),
        highest: BTreeMap::new(),
        unreadable: Vec::new(),
        from,
    };
    for found in found {
        match found {
            Found::Readable(segment) => {
                let last = segment.name().last();
                walk.readable.entry(last).or_default().push(*segment);
            }
            Found::Unreadable(name, why) => walk.unreadable.push((name, why)),
        }
    }
    walk.rank();
    let (mut runs, mut limit) = (Vec::new(), Some(Ordinal::MAX));
    let mut hole = None;
    while let Some(head) = limit.and_then(|limit| walk.take_head(limit)) {
        let top = head.last();
        let above = || walk.unreadable_above(top).filter(|_| runs.is_empty());
        hole = hole.or_else(above);
        let Head::One(head) = head else {
            hole = hole.or_else(|| Some(walk.ambiguous(top)));
            limit = top.previous();
            continue;
        };
        let (segments, below) = walk.run(*head);
        let next = segments.first().and_then(|first| first.name().first().previous());
        runs.push(Run {
            segments,
            hole: std::mem::replace(&mut hole, below),
        });
        limit = next.filter(|_| hole.is_some());
    }
    if runs.is_empty() {
        hole = hole.or_else(|| walk.unreadable.first().map(|(_, why)| why.clone()));
    }
    runs.reverse();
    let left = walk
        .readable
        .into_values()
        .flatten()
        .map(|segment| segment.name());
    let mut unused: Vec<SegmentName> = left
        .chain(walk.unreadable.iter().map(|(name, _)| *name))
        .collect();
    unused.sort_unstable();
    Chain {
        stream,
        before: hole,
        runs,
        unused,
    }
}

/// The segments that are in no run yet.
struct Walk {
    stream: StreamId,
    /// By their last ordinals.
    readable: BTreeMap<Ordinal, Vec<StoredSegment>>,
    /// For each of these ordinals: the highest owner of all that end with it or before it, and where its newest one ends. Below the last
    /// run nothing is taken, so that this stays right.
    highest: BTreeMap<Ordinal, (Owner, Ordinal)>,
    unreadable: Vec<(SegmentName, Hole)>,
    from: Ordinal,
}

/// Where a walk begins.
enum Head {
    One(Box<StoredSegment>),
    /// Several of one owner end with this ordinal, and differ.
    Ambiguous(Ordinal),
}

impl Head {
    fn last(&self) -> Ordinal {
        match self {
            Head::One(segment) => segment.name().last(),
            Head::Ambiguous(last) => *last,
        }
    }
}

impl Walk {
    fn rank(&mut self) {
        let mut highest = None;
        for (last, segments) in &self.readable {
            let owners = segments.iter().map(|segment| (segment.header.owner, *last));
            highest = highest.max(owners.max());
            self.highest.extend(highest.map(|highest| (*last, highest)));
        }
    }

    /// The newest segment of the highest owner that ends with this ordinal or before it.
    fn take_head(&mut self, limit: Ordinal) -> Option<Head> {
        let (_, (owner, last)) = self.highest.range(..=limit).next_back()?;
        let (owner, last) = (*owner, *last);
        let mut of_owner = self
            .readable
            .get(&last)?
            .iter()
            .filter(|it| it.header.owner == owner);
        let end = of_owner.next()?.end_crc32c();
        if of_owner.any(|segment| segment.end_crc32c() != end) {
            return Some(Head::Ambiguous(last));
        }
        let segment = self.take(last, |segment| segment.header.owner == owner)?;
        Some(Head::One(Box::new(segment)))
    }

    /// Takes the one that goes back furthest of those that end with this ordinal.
    fn take(&mut self, last: Ordinal, is_one: impl Fn(&StoredSegment) -> bool) -> Option<StoredSegment> {
        let segments = self.readable.get_mut(&last)?;
        let fitting = segments.iter().enumerate().filter(|(_, segment)| is_one(segment));
        let (at, _) = fitting.min_by_key(|(_, segment)| segment.name())?;
        Some(segments.swap_remove(at))
    }

    /// All that lead to this one, which is the last, and why nothing leads to the first of them, unless that is far enough.
    fn run(&mut self, head: StoredSegment) -> (Vec<StoredSegment>, Option<Hole>) {
        let mut run = vec![head];
        let hole = loop {
            let Some(oldest) = run.last().filter(|oldest| oldest.name().first() > self.from) else {
                break None;
            };
            let named = oldest
                .name()
                .first()
                .previous()
                .zip(oldest.header.previous_crc32c);
            let Some((wanted, crc32c)) = named else {
                break None;
            };
            match self.take(wanted, |segment| segment.end_crc32c() == crc32c) {
                Some(segment) => run.push(segment),
                None => break Some(self.why_none(wanted, oldest)),
            }
        };
        run.reverse();
        (run, hole)
    }

    /// Why nothing that ends with the wanted ordinal leads to the one after it.
    fn why_none(&self, wanted: Ordinal, after: &StoredSegment) -> Hole {
        let covers = |name: &SegmentName| name.first() <= wanted && wanted <= name.last();
        if let Some((_, why)) = self.unreadable.iter().find(|(name, _)| covers(name)) {
            return why.clone();
        }
        let of_after = after.header.describe();
        if let Some(other) = self.readable.get(&wanted).and_then(|segments| segments.first()) {
            let named = after.header.previous_crc32c.unwrap_or_default();
            let reason = format!(
                "{of_after} does not follow {}: it names the checksum {named:#010x}, and that has {:#010x}",
                other.header.describe(),
                other.end_crc32c()
            );
            return Hole::corrupt(after.key.as_str(), reason);
        }
        Hole::corrupt(layout::stream(self.stream).as_str(), self.missing_up_to(wanted))
    }

    fn missing_up_to(&self, last: Ordinal) -> String {
        let readable = self.readable.range(..last).rev();
        let readable = readable
            .filter(|(_, segments)| !segments.is_empty())
            .map(|(last, _)| *last);
        let unreadable = self.unreadable.iter().map(|(name, _)| name.last());
        let there = unreadable
            .filter(|there| *there < last)
            .chain(readable.take(1))
            .max();
        let first = there.and_then(Ordinal::next).unwrap_or(self.from);
        if first == last {
            format!("segment {last} is missing")
        } else {
            format!("segments {first} to {last} are missing")
        }
    }

    /// The first one after this ordinal that cannot be read: the stream goes on, nobody knows how.
    fn unreadable_above(&self, ordinal: Ordinal) -> Option<Hole> {
        let above = self.unreadable.iter().filter(|(name, _)| name.last() > ordinal);
        above.min_by_key(|(name, _)| *name).map(|(_, why)| why.clone())
    }

    fn ambiguous(&self, ordinal: Ordinal) -> Hole {
        let there = self.readable.get(&ordinal).into_iter().flatten();
        let names: Vec<String> = there.map(|segment| describe_fully(segment.name())).collect();
        let reason = format!(
            "two followers have written at the same time: {} do not agree",
            names.join(" and ")
        );
        Hole::corrupt(layout::stream(self.stream).as_str(), reason)
    }
}

fn describe_fully(name: SegmentName) -> String {
    format!("{} ({name})", describe(&name))
}

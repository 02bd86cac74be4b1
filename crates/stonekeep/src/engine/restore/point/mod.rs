//! A restore to a point between two backups: a base, and what its stream has up to the point.
//!
//! RocksDB's own recovery replays the WALs when the restored database is opened. It does not notice a missing WAL: so everything is
//! proved before anything is written.
//! - **P0** The base: the newest backup whose facts name the stream, and whose end is not behind the point.
//! - **P1** The chain of segments from there on, without a hole, and the point in it: [`position`](crate::repo::stream::position). A point
//!   inside a piece is found by reading the WALs from the place on that the segment before has.
//! - **P2** No break lies between, and where base and stream both have bytes of a WAL, they are the same.
//! - **P3** The files: those of the base; each WAL as far as the base has it and then as the stream has it, the last one cut behind the
//!   record of the point, later ones left out; the MANIFEST with the column families that came and went since; the newest OPTIONS.
//!
//! From there on it is a restore as any other: see [`restore`](super).

pub(in crate::engine) mod bases;
mod choose;
mod cut;
mod files;
mod report;
mod wals;

pub(super) use self::choose::{ResolvedPoint, resolve};
pub(super) use self::files::complete;
pub use self::report::PointReport;

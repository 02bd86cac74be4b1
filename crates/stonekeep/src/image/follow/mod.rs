//! Follows a database directory that another process is writing: what comes into its WALs, and what its MANIFEST says beside them.
//!
//! Nothing is written there and no lock is taken. A [`Follower`] looks at the directory at each [`Follower::tick`], and gives a [`Tick`], plain
//! data: with a base, an image of the database at an earlier position, the pieces of the WALs make the database of any record
//! between them, unless a [`Break`] lies before it.
//!
//! # Steps of a tick
//! - **T0** The clocks. Then the WALs, newest first: their lengths. Then the clocks again.
//! - **T1** The WALs, oldest first: the bytes behind those that were handed out before, at most 16 MiB of all. Only a record that is
//!   longer is read whole. What is left out comes at the next tick ([`Tick::more`]).
//! - **T2** CURRENT, and each MANIFEST up to the one that it names: their new edits. A change that is not in the WALs is in the MANIFEST before
//!   any record that is written after it, and the lengths were taken before: so the changes before each record of the tick are known.
//!   If a column family was dropped since the lengths were taken, it begins again at T0: all records of the tick were written before that otherwise,
//!   and a restore to its end would lack the column family.
//! - **T3** The scan. A record counts if it is complete; half of one is read again at the next tick. Let D be the newest WAL with data. A
//!   WAL before D is final, since its length was taken after that of D, and D's data was written after it was closed. It must end
//!   cleanly. WALs behind D are not handed out: with `manual_wal_flush` they may be ahead of D.
//! - **T4** The gap rule, see [`stonekeep_format::wal::WalTail`].
//!
//! The caller makes the tick durable, then calls [`Follower::kept`]; there is no further tick before. A follower whose tick cannot be kept
//! is dropped, and another one [begins](Watch::begin) at the last [`Position`] that was kept.
//!
//! # Breaks
//! A break is a place that no restore may cross; a base taken behind it is good. Points before the place are good.
//! - Of a WAL: the place is a byte offset; positions up to it are good. For a gap it is where the first record behind the gap begins.
//! - Of a MANIFEST: the place is the end of the edit, so a base whose MANIFEST is as long is behind it. The change lies somewhere behind
//!   the position of the tick before.
//!
//! # No WAL is missed
//! A WAL may live for milliseconds only. With [`Looking::Events`], a thread opens WALs and MANIFESTs when they appear, and does nothing else; it
//! hands the open files over in the order of their making. It watches before the directories are listed. A WAL that is gone when
//! it is opened, from `archive/`, too, is a break. With [`Looking::Listings`], directories are listed at each tick: more WALs are
//! missed, but never in silence, since the gap rule and commits without a prepared section show it.
//!
//! A recycled WAL is renamed and overwritten while it is open here. If it has lost its name when it was read, its end is believed
//! only if the WAL behind it says its size (`track_and_verify_wals`), or goes on without a gap and there are no prepared transactions
//! (`allow_2pc` off).
//!
//! # MANIFESTs
//! A new MANIFEST begins with a snapshot, and edits may follow it at once. The old one is read to its end. The snapshot ends where
//! the tables and column families of both are the same, and an edit with a next file number follows, which those of a snapshot have not; what follows are new edits. If there is no such record, a
//! MANIFEST was missed: a break.
//!
//! # What is refused
//! What a hot capture refuses; WritePrepared and WriteUnprepared transactions with `two_write_queues`, some of whose sequence numbers are in no
//! record; records of unknown types; batches that cannot be understood; another database in the same place.

mod begin;
mod chunks;
mod finds;
mod follower;
mod found;
mod inspection;
mod manifest_tail;
mod manifests;
mod position;
mod records;
mod tick;
mod wals;
mod watch;
mod watcher;

pub use self::begin::Begun;
pub use self::follower::Follower;
pub use self::position::{ManifestPosition, Position, Recent, Start, WalPosition};
pub use self::tick::{
    Break, BreakKind, Clocks, ColumnFamilyEdit, FinalWal, OptionsContent, Piece, Place, Tick,
};
pub use self::watch::{Looking, SourceFacts, Watch};

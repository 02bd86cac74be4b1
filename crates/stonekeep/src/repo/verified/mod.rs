//! `stonekeep/verified/`: when each file was last verified, and which files were found damaged.
//!
//! A verification leaves a stamp for each file that it has read. So the next one can begin with the files that nobody has
//! read for the longest time, and `list` and `check` know of damage without reading the file again.
//!
//! ```text
//! {"stonekeep_verified":1}
//! {"path":"shared_checksum/000012_s…_4096.sst","size_bytes":4096,"crc32c":2771873,"at_ms":1767225600000}
//! {"path":"shared_checksum/000013_s…_8192.sst","size_bytes":8192,"crc32c":99,"at_ms":1767225600017,"damaged":"its checksum is 7 instead of 99"}
//! {"path":"shared_checksum/000014_s…_4096.sst","size_bytes":4096,"crc32c":7,"at_ms":1767225600017,"contents_at_ms":1767225600017,"contents":"data block at byte 0: …"}
//! {"end":{"lines":4,"crc32c":…}}
//! ```
//!
//! A stamp belongs to a path *and* to the length and checksum that meta files expect there. A file that is replaced under the same
//! name by another one, or an id that RocksDB's engine gives again, has no stamp.
//!
//! # Files and runs
//! All files of the directory together are the stamps; of two stamps of one file the later one counts. A verification takes no
//! lock, so it never changes a file: it puts new ones under random names, and removes those that it has read and
//! replaced.
//! - V1 Read all files of the directory.
//! - V2 While files are verified, put what is new every few minutes. A file that is not much longer than the new one is
//!   merged into it, so that a run has few files, and writes each stamp few times.
//! - V3 At the end put one file with everything: what was read at V1, without files that no backup names any more, and the
//!   stamps of this run.
//! - V4 Remove the files that were read at V1, and those of V2.
//!
//! | stopped | the stamps |
//! |---|---|
//! | before V3 | those of V1 and of V2; the last minutes count as never verified |
//! | between V3 and V4, during V4 | the same stamps in several files, which the next verification merges |
//! | while a file is put | the file is there or not, never a part of it |
//!
//! Two verifications at the same time both put at V3 what they have read at V1; both files stay, and the later stamp of each file
//! counts. Both may remove the same files at V4. A backup that begins meanwhile may discard what is staged for a put: then it is
//! put once more.
//!
//! Stamps are hints about the past. A file that is lost means that its stamps were never made; one that is damaged, too, and readers warn of
//! it until the next verification removes it. A stamp of the future,
//! as a clock leaves that was put back, counts as made now, and loses against any other one; V3 dates it just before the begin of
//! the run, so that it delays nothing.
//!
//! # Damage
//! A stamp with damage stays until a later verification finds the file right, until a backup replaces the file (which leaves a stamp
//! that says so, and counts as never verified), or until no backup names the file. Files that are missing or of a wrong size have no
//! stamps: every look at a backup sees them.
//!
//! What is *in* a file is remembered apart from its bytes: a table that was damaged before it was backed up has right bytes and wrong contents.
//! No copy of it is better, so `repair` leaves it alone; it stays a finding of every later verification, of `list` and of `purge`, as long as a
//! backup expects these bytes there. Reading the bytes anew says nothing of the contents, so that part of a stamp stays; only another look into
//! the file replaces it. Versions that do not know it pass over it, and lose it when they write stamps anew.
//!
//! RocksDB's engine looks at nothing in `stonekeep/`. Older versions of Stonekeep leave the directory alone, and `gc` names it
//! as unknown.

mod by_path;
mod damaged_files;
pub mod drill;
mod known_damage;
mod recorder;
mod stamp;
mod stamps;

pub use self::by_path::{Known, StampsByPath};
pub use self::damaged_files::{DamageKind, DamagedFiles};
pub use self::known_damage::known_damage;
pub use self::recorder::{Recorder, replaced};
pub(crate) use self::stamp::milliseconds;
pub use self::stamp::{Outcome, Wanted};
pub use self::stamps::{Stamps, read};

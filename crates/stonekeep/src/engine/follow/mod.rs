//! What a follower of a live database sees becomes a stream in a repository, with bases from which restores begin.
//!
//! The order of steps:
//! - **F0** The newest stream of the database is continued whose end is still in the database's WALs, byte for byte: the next owner claims it
//!   (`owner-<n>`). If there is none, a stream gets a random name, and its first owner.
//! - **F1** A look, a [`Tick`](crate::image::follow::Tick). If it has nothing new, it costs no request.
//! - **F2** One segment an interval: what the looks since the last one brought is put, durably, under a name that no other writer
//!   gives. It names the checksum of the segment before, and has what another follower needs to go on behind it. Before a put, but not
//!   more often than every ten seconds, the store is asked for a later owner.
//! - **F3** A base is due if the stream has none, if a break came since the newest one, or for its age or the bytes since. It is an
//!   ordinary backup, made meanwhile by a thread of its own, whose facts name the stream and where it goes on.
//!
//! # What a crash leaves
//! | stopped | the stream |
//! |---|---|
//! | before F2 | ends with the segment before: the WALs still have the bytes, or a new stream is begun |
//! | in F2 | ends with this segment or the one before, never with a part of it |
//! | in F3 | as a killed backup: what was copied is used by the next base |
//!
//! Two followers of a database: the one that came later has the higher owner, and its segments are those of the chain. The other one ends
//! when it sees that, with `Locked`.

mod bases;
mod find_stream;
mod options;
mod resume_point;
mod segment_of_tick;
mod session;
mod status;
#[cfg_attr(
    not(feature = "probes"),
    expect(unreachable_pub, reason = "public for tests, with the feature `probes`")
)]
mod stream_writer;

pub use self::options::{FollowOptions, Looking};
use self::session::Session;
pub use self::status::{FollowEvent, FollowObserver, FollowStatus};
#[cfg(feature = "probes")]
#[doc(hidden)]
pub use self::stream_writer::{PutSegment, StreamWriter};
use super::BackupEngine;
use crate::Result;
use crate::image::Directory;
pub use crate::repo::stream::stream_id::StreamId;

impl BackupEngine {
    /// Follows the WALs of a database that another process is writing, until the observer asks to stop: then what was written before is
    /// in the repository. See the [module](self). A repository is made where there is none.
    ///
    /// # Errors
    /// As [`Self::create_new_backup`] for the first base; `Locked` if another follower takes the stream over; `Unsupported` or
    /// `Corrupt` if the WALs cannot be understood; `Refused` if another database is put in the place of this one. What may pass, as a
    /// store that cannot be reached, is no error: it is tried again.
    pub fn follow(
        &self,
        source: &Directory,
        options: &FollowOptions,
        observer: &dyn FollowObserver,
    ) -> Result<FollowStatus> {
        Self::check_place(self.store(), source)?;
        let mut session = Session {
            engine: self,
            source,
            options,
            observer,
            status: FollowStatus::default(),
        };
        session.run()?;
        Ok(session.status)
    }
}

//! What a follower of a live database sees becomes a stream in a repository.
//!
//! A [`StreamWriter`] puts each [`Tick`](crate::image::follow::Tick) of a [`Follower`](crate::image::follow::Follower) as one segment. The order of
//! steps:
//! - **F0** The stream gets a random name, and its first owner (`owner-1`).
//! - **F1** A tick. An empty one costs no request.
//! - **F2** The segment is put, durably, under a name that no other writer gives. It names the checksum of the segment before.
//! - **F3** Only then is the tick kept, and the next one begins.
//!
//! # What a crash leaves
//! | stopped | the stream |
//! |---|---|
//! | before F2 | ends with the segment before: the WALs still have the bytes, or whoever follows next finds a gap |
//! | in F2 | ends with this segment or the one before, never with a part of it |
//! | between F2 and F3 | ends with this segment: where it ends is the place to go on |

mod segment_of_tick;
mod stream_writer;

pub use self::stream_writer::StreamWriter;

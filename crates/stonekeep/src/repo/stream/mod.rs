//! Streams: the WALs of a database as they were followed, in segments that form a chain.
//!
//! ```text
//! stonekeep/wal/<stream>/
//!   <ordinal>-<token>           a segment
//!   <first>-<last>-<token>      a joined segment: it stands for those that it joined
//!   owner-<n>                   who may add to the stream
//! ```
//!
//! A follower puts segments, numbered from 0, and never replaces one. Each names the checksum of the one before, so that what is missing,
//! swapped or of another follower is known: RocksDB does not notice a missing WAL. Bytes of WALs are stored as they are in the database,
//! under their own numbers. A stream never heals: where a restore to a later point would not be right, a segment has a
//! [break](segment_header::Break).
//!
//! This module reads and writes segments, [chooses the chain](choose), and [finds a point in it](position). It knows no database, and
//! decides nothing for the follower.

mod bare;
pub mod chain;
pub mod chain_reader;
pub mod choose;
pub mod content;
pub mod content_item;
mod crossing;
pub mod encode;
mod first_line;
mod header_check;
mod header_text;
pub mod join;
pub mod listing;
pub mod owner;
mod payload;
mod places;
pub mod position;
pub mod put;
pub mod raw_record;
pub mod reach;
pub mod resume_point;
pub mod segment_header;
pub mod segment_name;
pub mod sequence_cut;
mod steps;
pub mod stored_segment;
pub mod stream_id;
pub mod target;

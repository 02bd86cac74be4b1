//! The stores.

mod bucket;
mod check;
pub(crate) mod crash;
pub(crate) mod decorators;
mod fake_bucket;
mod fake_name_node;
mod hdfs;
mod hdfs_refusals;
mod hdfs_renames;
pub(crate) mod local;
pub(crate) mod local_holding;
mod local_refusals;
pub(crate) mod memory;
pub(crate) mod pins;
pub(crate) mod processes;
mod remote;
mod remote_backup;
mod remote_lease;
mod remote_leftovers;
mod remote_machine;
mod remote_markers;
mod remote_ranges;
mod remote_upload;
mod servers;
mod web;

//! Tests of the real binary, as a shell runs it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod aws_profiles;
mod backup;
mod best_effort;
mod check;
mod collect;
mod command;
mod config;
mod config_errors;
mod config_globs;
mod config_hooks;
mod config_kills;
mod config_remote;
mod config_values;
mod copy;
mod deep;
mod demo;
mod denied_calls;
mod documents;
mod drill;
mod durability;
mod escape;
mod exit_codes;
mod filtered;
mod follow;
mod full_output;
mod fuse;
mod ghosts;
mod hdfs;
mod hdfs_mistakes;
mod hdfs_stub;
mod help;
mod in_place;
mod inspect;
mod known_damage;
mod known_databases;
mod list;
mod live;
mod long_lines;
mod manual;
mod mounts;
mod newcomers;
mod overdue;
mod place;
mod private_authority;
mod quarter;
mod real_repositories;
mod refusals;
mod remote;
mod remote_clocks;
mod remote_collector;
mod remote_kills;
mod remote_lease;
mod remote_proxy;
mod remote_server_dead;
mod remote_server_kills;
mod remote_servers;
mod remote_together;
mod remote_uploads;
mod remote_verified;
mod remote_writing;
mod repair;
mod restore;
mod retention;
mod running;
mod s3_server;
mod selection;
mod several_repositories;
mod shape;
mod shortages;
mod signals;
mod silence;
mod store_mistakes;
mod terminal;
mod threads;
mod traced_reads;
mod verify;
mod wal_dir;
mod web;
mod world;

//! Tests of the library through its public face.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and a child process reports by printing"
)]

mod collect;
mod collect_crash;
mod collect_fixtures;
mod collect_generated;
mod collect_held_back;
mod collect_not_removed;
mod collect_origin;
mod collect_repository;
mod collect_unfinished;
mod create;
mod create_conflicts;
mod create_crash;
mod create_damaged_files;
mod create_heal;
mod create_incremental;
mod create_live;
mod create_order;
mod create_run;
mod create_sources;
mod direct_reads;
mod dying_disk;
mod ended_copies;
mod facts;
mod failing_reads;
mod fixtures_backups;
mod fixtures_restore;
mod foreign_records;
mod forgetful_disk;
mod handle_image;
mod handle_scene;
mod hot_directory;
mod hot_fallback;
mod hot_host;
mod hot_image;
mod hot_random;
mod hot_recycled;
mod hot_refused;
mod hot_rounds;
mod hot_scene;
mod hot_wal_dir;
mod hot_wals;
mod ids;
mod image_capture;
mod image_closed;
mod image_copies;
mod image_findings;
mod image_fixtures;
mod image_lock;
mod image_paths;
mod image_wal_absence;
mod image_wal_dir;
mod image_wals;
mod in_place;
mod info;
mod info_sizes;
mod meddler;
mod missing_lines;
mod naming;
mod page_cache;
mod pins;
mod processes;
mod rates;
mod reflink;
mod restore_crash;
mod restore_damage;
mod restore_durable;
mod restore_empty;
mod restore_in_use;
mod restore_kept_open;
mod restore_modes;
mod restore_options;
mod restore_over;
mod restore_owner;
mod restore_power;
mod restore_room;
mod restore_scene;
mod restore_unfinished;
mod scene;
mod second_process;
mod store_crash;
mod store_decorators;
mod store_local;
mod store_memory;
mod strange_repository;
mod tweaked;
mod unknown_files;
mod unnamed_blobs;
mod verify;
mod verify_unchecked;

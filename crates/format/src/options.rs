//! The OPTIONS file: wal_dir, column families and the settings that matter to a backup.

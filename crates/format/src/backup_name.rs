//! Names of files inside a backup directory, and what they stand for.

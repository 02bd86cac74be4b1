//! Names of files in a database directory.

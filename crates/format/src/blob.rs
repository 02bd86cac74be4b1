//! Headers, footers and records of blob files.

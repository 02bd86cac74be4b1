//! The MANIFEST: version edits, and the database state that they add up to.

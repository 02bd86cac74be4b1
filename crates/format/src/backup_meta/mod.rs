//! The meta file of a backup: `meta/<id>`, schemas 1 and 2.

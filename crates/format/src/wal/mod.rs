//! Write batches in a WAL: sequence numbers, counts and column families.

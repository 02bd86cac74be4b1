//! What the tests of several folders use.

pub(crate) mod failing_reads;
pub(crate) mod faults;
pub(crate) mod faulty_objects;
pub(crate) mod holding_proxy;
pub(crate) mod scene;
pub(crate) mod second_process;
pub(crate) mod wrong_listings;

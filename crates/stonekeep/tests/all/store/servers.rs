//! The contract on each kind of server that this machine can start.

use stonekeep_testkit::server::Server;

/// The tests that a store of each provider passes.
const OF_ANY_STORE: [&str; 3] = [
    "store::remote_upload::a_real_server_keeps_the_contract",
    "store::remote_lease::leases_and_pins_of_a_real_server_keep_the_contract",
    "store::remote_lease::a_holder_changes_a_real_server_by_signed_requests",
];

/// Those that need the protocol of S3.
const OF_S3: [&str; 2] = [
    "store::remote_lease::a_request_that_arrives_too_late_is_refused_and_made_again",
    "store::remote_lease::a_holder_that_was_stopped_changes_nothing_when_it_goes_on",
];

fn keeps_the_contract(test: &str, kind: &str, tests: &[&str]) {
    if let Some(server) = Server::start(test, kind).unwrap() {
        server.runs(tests);
    }
}

#[test]
fn minio_keeps_the_contract() {
    let tests = [&OF_ANY_STORE[..], &OF_S3].concat();
    keeps_the_contract("minio_keeps_the_contract", "minio", &tests);
}

#[test]
fn versitygw_keeps_the_contract() {
    let tests = [&OF_ANY_STORE[..], &OF_S3].concat();
    keeps_the_contract("versitygw_keeps_the_contract", "versitygw", &tests);
}

#[test]
fn seaweedfs_keeps_the_contract() {
    let tests = [&OF_ANY_STORE[..], &OF_S3].concat();
    keeps_the_contract("seaweedfs_keeps_the_contract", "seaweedfs", &tests);
}

#[test]
fn azurite_keeps_the_contract() {
    keeps_the_contract("azurite_keeps_the_contract", "azurite", &OF_ANY_STORE);
}

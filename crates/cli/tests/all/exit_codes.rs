//! Every exit code, with what is said beside it.

use crate::command::{line, run};
use crate::shape;

const ERROR: &str =
    "{kind: string, message: string, causes: [], hint: null, findings: [], exit_code: number}";

#[test]
fn arguments_that_do_not_fit_are_2() {
    line("").code(2).warns("Usage:");
    line("restore-everything")
        .code(2)
        .warns("unrecognized subcommand");
    line("inspect").code(2).warns("<FILE>");
    let document = line("inspect --json").code(2).json();
    shape::check(&document, "inspect", &format!("error: {ERROR}"));
    assert_eq!(document["error"]["kind"], "invalid_argument");
    assert_eq!(document["error"]["exit_code"], 2);
    run(["inspect", "/"]).code(2).warns("is no regular file");
}

#[test]
fn a_file_that_is_not_there_is_4() {
    line("inspect /nowhere/MANIFEST-000001")
        .code(4)
        .warns("error: there is no file");
    let document = line("--json inspect /nowhere/CURRENT").code(4).json();
    shape::check(&document, "inspect", &format!("error: {ERROR}"));
    assert_eq!(document["error"]["kind"], "not_found");
}

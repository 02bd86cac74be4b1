//! Whether the first word of a command is a directory.

use clap::Command;
use clap::builder::ValueParser;

/// Whether it is the path of a database, as that of `backup` is.
pub(crate) fn wants_a_path(command: &Command) -> bool {
    let first = command.get_positionals().next();
    first.is_some_and(|arg| arg.get_value_parser().type_id() == ValueParser::path_buf().type_id())
}

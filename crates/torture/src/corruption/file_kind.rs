//! What a file of a repository is for.

/// What a file of a repository is for: its directory, and what is telling of its name.
pub(super) fn kind_of(name: &str) -> String {
    let (directory, file) = name.rsplit_once('/').unwrap_or(("", name));
    let directory: Vec<&str> = directory
        .split('/')
        .take_while(|part| !part.starts_with(|c: char| c.is_ascii_digit()))
        .collect();
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
    let shown = match file {
        _ if ["sst", "blob", "log", "until"].contains(&ending) => format!("*.{ending}"),
        _ if file.starts_with("MANIFEST") => "MANIFEST".to_owned(),
        _ if file.starts_with("OPTIONS") => "OPTIONS".to_owned(),
        "CURRENT" | "latest" | "lock" | "drill" => file.to_owned(),
        _ => "*".to_owned(),
    };
    format!("{}/{shown}", directory.join("/"))
}

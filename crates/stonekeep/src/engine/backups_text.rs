//! Backups in a message.

use stonekeep_format::BackupId;

/// So many of them are named.
const NAMED: usize = 3;

/// Which ones they are, or how many and between which ids.
pub(super) fn backups_text(backups: &[BackupId]) -> String {
    let ids: Vec<String> = backups.iter().map(ToString::to_string).collect();
    let range = backups.iter().min().zip(backups.iter().max());
    match (&ids[..], range) {
        ([id], _) => format!("backup {id}"),
        (ids, Some((first, last))) if ids.len() > NAMED => {
            format!("{} backups from {first} to {last}", ids.len())
        }
        (ids, _) => format!("backups {}", ids.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_backups_are_counted() {
        let ids: Vec<BackupId> = (1..=5).filter_map(BackupId::new).collect();
        assert_eq!(backups_text(&ids[..1]), "backup 1");
        assert_eq!(backups_text(&ids[..3]), "backups 1, 2, 3");
        assert_eq!(backups_text(&ids), "5 backups from 1 to 5");
    }
}

//! The line of a Nagios plugin: a word, what is wrong, and performance data.

use super::health::{Checked, Health};

/// The exit code of a plugin: a backup that is only old is a warning.
pub(super) fn exit_code(health: Health) -> u8 {
    match health {
        Health::Ok => 0,
        Health::Stale => 1,
        Health::Unreachable | Health::Never | Health::Damaged => 2,
    }
}

/// `STONEKEEP WARNING: app stale: the newest …|app_age=108000s …`
pub(super) fn line(checked: &[Checked], worst: Health) -> String {
    let word = match exit_code(worst) {
        0 => "OK",
        1 => "WARNING",
        _ => "CRITICAL",
    };
    let mut wrong: Vec<&Checked> = checked.iter().filter(|one| one.health != Health::Ok).collect();
    wrong.sort_by_key(|one| std::cmp::Reverse(one.health));
    let said: Vec<String> = wrong
        .iter()
        .map(|one| {
            format!(
                "{} {}: {}",
                one.label(),
                one.health.word(),
                one.reasons.join(", ")
            )
        })
        .collect();
    let said = if said.is_empty() {
        let names: Vec<&str> = checked.iter().map(Checked::label).collect();
        format!("{} ok", names.join(", "))
    } else {
        said.join("; ")
    };
    let data: Vec<String> = checked.iter().flat_map(performance).collect();
    format!("STONEKEEP {word}: {}|{}", plain(&said), data.join(" "))
}

fn performance(one: &Checked) -> Vec<String> {
    let figures = &one.figures;
    let mut data = Vec::new();
    let mut add = |what: &str, value: Option<String>| {
        if let Some(value) = value {
            // An apostrophe is doubled, and an equals sign would end the label.
            let label = plain(&format!("{} {what}", one.label()))
                .replace('\'', "''")
                .replace('=', "_");
            data.push(format!("'{label}'={value}"));
        }
    };
    let newest = figures.last_success.as_ref();
    add("age", newest.map(|newest| format!("{}s;;;0", newest.age_seconds)));
    add(
        "backups",
        figures.valid_backups.map(|count| format!("{count};;;0")),
    );
    add("findings", figures.findings.map(|count| format!("{count};;;0")));
    add("size", figures.total_bytes.map(|bytes| format!("{bytes}B;;;0")));
    add("free", figures.free_bytes.map(|bytes| format!("{bytes}B;;;0")));
    data
}

/// One line without the character that begins performance data.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || c == '|' { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::health::{Figures, Newest};
    use super::*;

    fn checked(name: &str, health: Health, reasons: &[&str]) -> Checked {
        Checked {
            name: Some(name.to_owned()),
            display: None,
            repository: "/backups".to_owned(),
            health,
            reasons: reasons.iter().map(ToString::to_string).collect(),
            figures: Figures {
                last_success: Some(Newest {
                    backup_id: 7,
                    time: 1_800_000_000,
                    age_seconds: 90,
                    duration_ms: Some(1_500),
                    sequence_number: 5,
                    number_files: 3,
                    size_bytes: Some(10),
                    unique_bytes: Some(2),
                }),
                valid_backups: Some(2),
                total_bytes: Some(11),
                ..Figures::default()
            },
            check_ms: 1,
        }
    }

    #[test]
    fn the_line_has_the_worst_first_and_data_that_a_plugin_may_have() {
        let fine = checked("app", Health::Ok, &[]);
        assert_eq!(
            line(std::slice::from_ref(&fine), Health::Ok),
            "STONEKEEP OK: app ok|'app age'=90s;;;0 'app backups'=2;;;0 'app size'=11B;;;0"
        );
        let old = checked("it's=|odd", Health::Stale, &["too old", "too\nfew"]);
        let bad = checked("bad", Health::Damaged, &["x is missing"]);
        let text = line(&[fine, old, bad], Health::Damaged);
        let (said, data) = text.split_once('|').unwrap();
        assert_eq!(
            said,
            "STONEKEEP CRITICAL: bad damaged: x is missing; it's= odd stale: too old, too few"
        );
        assert!(data.contains("'it''s_ odd age'=90s;;;0"), "{data}");
        assert!(!data.contains('|') && !text.contains('\n'));
        assert_eq!(Health::ALL.map(exit_code), [0, 1, 2, 2, 2]);
    }
}

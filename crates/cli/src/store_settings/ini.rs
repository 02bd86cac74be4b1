//! Reads the format of `~/.aws/config` and `~/.aws/credentials`.
//!
//! ```text
//! [profile one]            a section
//! region = eu-west-1       a setting; the value ends with the line, or at " #" or " ;"
//! s3 =                     a setting of several: those below it are indented
//!   addressing_style = path
//! # a comment
//! ```

use std::collections::BTreeMap;

/// The settings of a section. One below another is named `s3.addressing_style`.
pub(super) type Section = BTreeMap<String, String>;

/// The sections of a file. Of several with one name, all settings count; of several settings, the last one.
pub(super) fn sections(text: &str) -> BTreeMap<String, Section> {
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    let mut section = None;
    let mut above = String::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[') {
            let name = name.split(']').next().unwrap_or_default();
            let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
            section = Some(sections.entry(name).or_default());
            above.clear();
            continue;
        }
        let (Some(section), Some((name, value))) = (section.as_mut(), trimmed.split_once('=')) else {
            continue;
        };
        let name = name.trim().to_ascii_lowercase();
        let is_below = line.starts_with([' ', '\t']) && !above.is_empty();
        if is_below {
            section.insert(format!("{above}.{name}"), without_comment(value));
        } else {
            section.insert(name.clone(), without_comment(value));
            above = name;
        }
    }
    sections
}

fn without_comment(value: &str) -> String {
    let ends = [" #", " ;", "\t#", "\t;"]
        .iter()
        .filter_map(|mark| value.find(mark));
    let end = ends.min().unwrap_or(value.len());
    value.get(..end).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_settings_are_read_as_the_aws_tools_read_them() {
        let text = "lost = 1\n# a comment\n[default]\nregion=eu-west-1\r\nAWS_Access_Key_Id = id # not this\n\
            [profile  one ] ; nor this\nsecret = a=b#c;d\ns3 =\n  addressing_style = path\n\tmax = 1\n\
            role_arn = arn\n  ; indented\n[default]\nregion = us-west-2\nno setting\n";
        let sections = sections(text);
        let settings = |name: &str| {
            let settings = sections[name].iter();
            settings
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(settings("default"), ["aws_access_key_id=id", "region=us-west-2"]);
        let expected = [
            "role_arn=arn",
            "s3=",
            "s3.addressing_style=path",
            "s3.max=1",
            "secret=a=b#c;d",
        ];
        assert_eq!(settings("profile one"), expected);
        assert_eq!(sections.len(), 2);
    }
}

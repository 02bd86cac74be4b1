//! The rules by which backups stay.

use clap::{Args, Command};
use stonekeep::WarningName;
use stonekeep::engine::collect::{Keep, Period, PurgeOptions};
use stonekeep::format::BackupId;

use super::quantity::parse_bytes;
use super::which::parse_id;
use crate::option;

/// Which backups stay. A command that has these declares the group `rules`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rules")]
#[group(skip)]
pub(crate) struct RetentionArgs {
    /// Keep the newest N valid backups
    #[arg(long, visible_alias = "keep", value_name = "N", group = "rules")]
    keep_last: Option<usize>,
    /// Keep the newest backup of each of the last N minutes that have one, or of each minute within a period
    #[arg(long, value_name = "N", group = "rules")]
    keep_minutely: Option<Keep>,
    /// Keep the newest backup of each of the last N hours
    #[arg(long, value_name = "N", group = "rules")]
    keep_hourly: Option<Keep>,
    /// Keep the newest backup of each of the last N days
    #[arg(long, value_name = "N", group = "rules")]
    keep_daily: Option<Keep>,
    /// Keep the newest backup of each of the last N weeks, which begin on Monday
    #[arg(long, value_name = "N", group = "rules")]
    keep_weekly: Option<Keep>,
    /// Keep the newest backup of each of the last N months
    #[arg(long, value_name = "N", group = "rules")]
    keep_monthly: Option<Keep>,
    /// Keep the newest backup of each of the last N years
    #[arg(long, value_name = "N", group = "rules")]
    keep_yearly: Option<Keep>,
    /// Keep all backups made within this period before the newest one, such as 14d
    #[arg(long, value_name = "PERIOD", group = "rules")]
    keep_within: Option<Period>,
    /// Keep all backups with this tag; may be repeated
    #[arg(long, value_name = "WORD", group = "rules")]
    keep_tag: Vec<String>,
    /// Keep this backup; may be repeated
    #[arg(long, value_name = "ID", value_parser = parse_id, group = "rules")]
    keep_id: Vec<BackupId>,
    /// Delete the oldest of the backups that the rules keep until all backups together take at most SIZE. Those that --keep-tag, --keep-id,
    /// --min-count or a hold keeps stay
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes, group = "rules")]
    max_total_size: Option<u64>,
    /// Never leave fewer than N valid backups, whatever the rules say
    #[arg(long, value_name = "N", default_value_t = 0)]
    min_count: usize,
    /// Accept the warning sequence-went-back: keep no extra backup for it
    #[arg(long, value_name = "NAME")]
    accept: Vec<WarningName>,
}

impl RetentionArgs {
    /// The rules.
    pub(crate) fn options(&self) -> PurgeOptions {
        PurgeOptions::default()
            .with_num_backups_to_keep(self.keep_last)
            .with_keep_minutely(self.keep_minutely)
            .with_keep_hourly(self.keep_hourly)
            .with_keep_daily(self.keep_daily)
            .with_keep_weekly(self.keep_weekly)
            .with_keep_monthly(self.keep_monthly)
            .with_keep_yearly(self.keep_yearly)
            .with_keep_within(self.keep_within)
            .with_keep_tags(self.keep_tag.clone())
            .with_keep_ids(self.keep_id.clone())
            .with_max_total_size_bytes(self.max_total_size)
            .with_min_count(self.min_count)
            .with_accept(self.accept.clone())
            .with_time_zone(jiff::tz::TimeZone::system())
    }
}

/// Whether an option is one of them.
pub(crate) fn is_rule(long: &str) -> bool {
    let rules = RetentionArgs::augment_args(Command::new("rules"));
    option::find(&rules, long).is_some()
}

//! `stonekeep purge`: keeps the backups that a rule keeps and deletes the others.

use clap::{ArgGroup, Args};
use stonekeep::engine::collect::{Keep, Period, PurgeOptions};
use stonekeep::format::BackupId;
use stonekeep::{Error, WarningName};

use super::{Session, collect_report};
use crate::args::engine::{LockArgs, SyncArgs, UndeleteArgs};
use crate::args::quantity::parse_bytes;
use crate::args::repository::RepoArgs;
use crate::args::which::parse_id;
use crate::exit::Exit;

/// Delete the valid backups that no rule keeps, and the files that no other backup needs
///
/// Each rule is applied by itself, and a backup stays that any of them keeps. N may be a number, or a period such as 30d or 1y6mo
/// before the newest backup; days begin as in the local time zone. The newest valid backup always stays. Neither counts nor
/// deletes corrupt backups. If the database was set back to an older state (warning sequence-went-back), also keeps the
/// last valid backup from before that, until a backup or a purge accepts the warning.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::PURGE, override_usage = "stonekeep purge [OPTIONS] --repo <REPO> <RULES>", group = ArgGroup::new("rules").required(true).multiple(true))]
pub(crate) struct PurgeArgs {
    #[command(flatten)]
    repo: RepoArgs,
    /// Show what would be deleted, and which rules keep each backup; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Confirm --keep-last=0
    #[arg(long)]
    yes: bool,
    /// Accept the warning sequence-went-back: keep no extra backup for it
    #[arg(long, value_name = "NAME")]
    accept: Vec<WarningName>,
    #[command(flatten)]
    undelete: UndeleteArgs,
    #[command(flatten)]
    lock: LockArgs,
    #[command(flatten)]
    retention: RetentionArgs,
    #[command(flatten)]
    sync: SyncArgs,
}

/// Which backups stay.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rules")]
#[group(skip)]
struct RetentionArgs {
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
}

impl RetentionArgs {
    fn options(&self) -> PurgeOptions {
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
            .with_time_zone(jiff::tz::TimeZone::system())
    }
}

pub(crate) fn run(args: &PurgeArgs, session: &Session) -> anyhow::Result<Exit> {
    let purge = args.retention.options();
    let purge = purge
        .with_accept(args.accept.clone())
        .with_undelete_for(args.undelete.undelete_for);
    if purge.keeps_none() && !args.yes && !args.dry_run {
        let error = Error::refused("--keep-last=0 deletes every valid backup in the repository");
        return Err(error.with_hint("add --yes if that is meant").into());
    }
    let options = args.lock.apply(args.sync.apply(session.engine_options()));
    let engine = args.repo.open_to_change(options)?;
    let watcher = session.watch()?;
    let report = if args.dry_run {
        engine.plan_purge(&purge, &watcher)
    } else {
        engine.purge(&purge, &watcher)
    };
    collect_report::print(report?, session)?;
    Ok(Exit::Success)
}

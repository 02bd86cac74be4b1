//! Examples of each verb, as its help and its manual page show them.

/// The first line of each list of examples.
pub(crate) const HEADING: &str = "Examples:\n";

pub(crate) const BACKUP: &str = "Examples:
  stonekeep backup /var/lib/app/db --repo /backups/app
  stonekeep backup /var/lib/app/db --repo /backups/app --tag nightly --lock-wait 30m
  stonekeep backup /var/lib/app/db --repo /backups/app --dry-run";

pub(crate) const CHECK: &str = "Examples:
  stonekeep check --repo /backups/app --max-age 26h
  stonekeep check --all --nagios
  stonekeep check --all --prometheus /var/lib/prometheus/node-exporter/stonekeep.prom";

pub(crate) const CHECK_STORE: &str = "Examples:
  stonekeep check-store --repo s3://bucket/app
  stonekeep check-store --repo /backups/app --json";

pub(crate) const FOLLOW: &str = "Examples:
  stonekeep follow /var/lib/app/db --repo /backups/app
  stonekeep follow /var/lib/app/db --repo s3://bucket/app --interval 5s --base-every 12h
  stonekeep follow --all --json";

pub(crate) const LIST: &str = "Examples:
  stonekeep list --repo /backups/app
  stonekeep list --repo /backups/app --tag nightly --before 1w";

pub(crate) const SHOW: &str = "Examples:
  stonekeep show --repo /backups/app
  stonekeep show latest~1 --files --repo /backups/app";

pub(crate) const VERIFY: &str = "Examples:
  stonekeep verify --repo /backups/app
  stonekeep verify latest --repo /backups/app
  stonekeep verify --sample 1/7 --max-duration 2h --repo /backups/app
  stonekeep verify --level size --repo /backups/app
  stonekeep verify --level deep --sample 1/7 --repo /backups/app
  stonekeep verify --database /var/lib/app/db";

pub(crate) const RESTORE: &str = "Examples:
  stonekeep restore --repo /backups/app --to /var/lib/app/restored
  stonekeep restore latest-valid --repo /backups/app --to /var/lib/app/db
  stonekeep restore latest-valid --repo s3://bucket/app --to /var/lib/app/restored
  stonekeep restore --before '2026-03-01 08:00' --repo /backups/app --to /var/lib/app/restored
  stonekeep restore --at '2026-03-01 08:00:30' --repo /backups/app --to /var/lib/app/restored
  stonekeep restore --at latest-5m --repo /backups/app --to /var/lib/app/restored
  stonekeep restore --at-seq 4711 --repo /backups/app --to /var/lib/app/restored
  stonekeep restore --abort --to /var/lib/app/db";

pub(crate) const TIMELINE: &str = "Examples:
  stonekeep timeline --repo /backups/app
  stonekeep timeline --repo s3://bucket/app --json";

pub(crate) const DRILL: &str = "Examples:
  stonekeep drill --repo /backups/app --scratch /var/tmp
  stonekeep drill latest-valid --repo s3://bucket/app --scratch /mnt/scratch --json
  stonekeep drill 7 --repo /backups/app --keep /var/tmp/app-7";

pub(crate) const OPEN: &str = "Examples:
  stonekeep open latest --repo /backups/app --at /backups/look
  stonekeep close /backups/look";

pub(crate) const CLOSE: &str = "Examples:
  stonekeep close /backups/look";

pub(crate) const COPY: &str = "Examples:
  stonekeep copy --from /backups/app --to /mnt/usb/app
  stonekeep copy latest --from s3://bucket/app --to /backups/app
  stonekeep copy 3 4 --new-ids --from /backups/old --to /backups/app --dry-run";

pub(crate) const DELETE: &str = "Examples:
  stonekeep delete 3 4 --repo /backups/app
  stonekeep delete --tag test --repo /backups/app --dry-run
  stonekeep delete 3 --undelete-for 7d --repo /backups/app
  stonekeep delete --before 90d --repo /backups/app --yes";

pub(crate) const PURGE: &str = "Examples:
  stonekeep purge --keep-last 7 --repo /backups/app
  stonekeep purge --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --repo /backups/app --dry-run
  stonekeep purge --keep-within 14d --keep-tag release --min-count 3 --repo /backups/app";

pub(crate) const UNDELETE: &str = "Examples:
  stonekeep list --deleted --repo /backups/app
  stonekeep undelete 7 --repo /backups/app";

pub(crate) const REPAIR: &str = "Examples:
  stonekeep repair --repo /backups/app --database /var/lib/app/db
  stonekeep repair 7 8 --repo /backups/app --from s3://bucket/app --dry-run
  stonekeep repair app --drop-damaged --yes";

pub(crate) const HOLD: &str = "Examples:
  stonekeep hold 7 --reason 'before the migration' --repo /backups/app
  stonekeep hold latest --until 90d --repo /backups/app";

pub(crate) const RELEASE: &str = "Examples:
  stonekeep release 7 --repo /backups/app";

pub(crate) const GC: &str = "Examples:
  stonekeep gc --repo /backups/app
  stonekeep gc --min-age 1d --repo /backups/app --dry-run";

pub(crate) const INSPECT: &str = "Examples:
  stonekeep inspect /var/lib/app/db/MANIFEST-000005
  stonekeep inspect /backups/app/meta/7 --json";

pub(crate) const DIFF: &str = "Examples:
  stonekeep diff latest~1 latest --repo /backups/app";

pub(crate) const CONFIG: &str = "Examples:
  stonekeep config check
  stonekeep config show app --config /etc/stonekeep/config.toml";

pub(crate) const COMPLETIONS: &str = "Examples:
  stonekeep completions bash > /etc/bash_completion.d/stonekeep";

pub(crate) const MAN: &str = "Examples:
  stonekeep man --out /usr/local/share/man/man1";

pub(crate) const DEMO: &str = "Examples:
  stonekeep demo";

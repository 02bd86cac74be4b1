//! One capture, round by round.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use stonekeep_format::FileNumber;

use super::closing::Addition;
use super::find_file::DataPaths;
use super::followed::{Followed, News};
use super::held_files::{HeldFiles, Holder};
use super::open_files::OpenFiles;
use super::probe::Step;
use super::settings::{self, Settings};
use super::wal_window::WalWindow;
use crate::image::assembly::{HotCapture, Parts};
use crate::image::database_image::microseconds;
use crate::image::diagnostics::Diagnostics;
use crate::image::directory::{Directory, SourceKind};
use crate::image::manifest::database_id;
use crate::image::measured_wal::MeasuredWal;
use crate::image::options_file::Options;
use crate::image::unknown_files;
use crate::image::wal_scan::{Rules, ScannedWals, WalCut};
use crate::image::{Capture, CaptureHost, CaptureKind, ClosingRule, LiveCapture};
use crate::{Error, Observer, Result, WarningName};

/// How often WALs that are not as they should be are read again: a write may have been under way.
const LOOKS_AT_WALS: u32 = 5;

/// How often another round is tried for OPTIONS with the column families of the state.
const LOOKS_AT_OPTIONS: u32 = 8;

/// How much longer to wait before each such look.
const PAUSE: Duration = Duration::from_millis(10);

/// How often the MANIFEST is looked at in a round before it counts that all files of the last state are held.
const MOST_LOOKS: u64 = 16;

/// How long both rules have together: so many times as long as the strict one alone, and this.
const GIVE_UP_FACTOR: u32 = 6;
const GIVE_UP_TIME: Duration = Duration::from_secs(60);

/// What to do about WALs that stay wrong.
const WALS_HINT: &str = "if a crash left them so, let the database flush, or reopen it; forced, they are captured as \
                         they are, and RocksDB may lose what comes after the damage";

/// A capture under way.
struct Session<'a> {
    source: &'a Directory,
    observer: &'a dyn Observer,
    database_id: Option<String>,
    followed: Followed<'a>,
    settings: Settings,
    files: HeldFiles,
    wals: WalWindow,
    /// An earlier capture lost bytes to a slow deletion, which cuts WALs, too.
    were_cut: bool,
    /// Warnings about the database and its settings.
    diagnostics: Diagnostics,
    /// Files in the database's directory that RocksDB does not know.
    unknown: Vec<PathBuf>,
    /// How often no OPTIONS had the column families of the state.
    looks_at_options: u32,
    rounds: u64,
    /// When the first window opened.
    begun: Option<Instant>,
}

/// A round that closed.
struct Closed {
    rule: ClosingRule,
    window: Duration,
    wals: Vec<MeasuredWal>,
}

/// Captures a database that another process is writing, or this one. Its LOCK is not opened.
///
/// # Errors
/// See the [module](super).
pub(in crate::image) fn capture(
    source: &Directory,
    host: &mut dyn CaptureHost,
    observer: &dyn Observer,
) -> Result<Box<dyn Capture>> {
    let session = Session::begin(source, host, observer)?;
    Ok(Box::new(session.run(host)?))
}

impl<'a> Session<'a> {
    /// Reads the state, and what must be known about the database.
    fn begin(
        source: &'a Directory,
        host: &mut dyn CaptureHost,
        observer: &'a dyn Observer,
    ) -> Result<Session<'a>> {
        let mut diagnostics = Diagnostics::default();
        source.probes.at(Step::ReadState);
        let followed = Followed::open(source, observer)?;
        let state = followed.state();
        let settings = Settings::read(source, state, &mut diagnostics, observer)?;
        let database_id = database_id(&source.path, state, &mut diagnostics)?;
        host.check_database(database_id.as_deref())?;
        let limit = OpenFiles::new(source.open_files_limit);
        let were_cut = host.attempt() > 1;
        Ok(Session {
            source,
            observer,
            database_id,
            files: HeldFiles::new(DataPaths::new(settings.data_paths.clone()), limit),
            wals: settings.wal_window(&source.path, were_cut),
            were_cut,
            followed,
            settings,
            diagnostics,
            unknown: Vec::new(),
            looks_at_options: 0,
            rounds: 0,
            begun: None,
        })
    }

    /// Repeats rounds until one closes and its WALs are right.
    fn run(mut self, host: &mut dyn CaptureHost) -> Result<HotCapture> {
        let mut looks = 0;
        loop {
            let Some(mut closed) = self.round(host)? else {
                continue;
            };
            let mut diagnostics = Diagnostics::default();
            let Some(options) = self.options(&mut diagnostics)? else {
                continue;
            };
            let kept = self.scan(std::mem::take(&mut closed.wals), &mut diagnostics)?;
            looks += 1;
            if looks < LOOKS_AT_WALS && diagnostics.has_findings() {
                self.source.clock.sleep(PAUSE * looks);
                continue;
            }
            self.diagnostics
                .extend_warnings(diagnostics.into_warnings(&self.source.path, Some(WALS_HINT))?);
            return self.finish(&closed, options, kept);
        }
    }

    /// Brings everything to the newest state, measures the WALs, and looks whether it still is the newest; nothing if
    /// it is not.
    fn round(&mut self, host: &mut dyn CaptureHost) -> Result<Option<Closed>> {
        self.give_up_after_limit()?;
        self.rounds += 1;
        let probes = &self.source.probes;
        let ceiling = if self.may_fall_back() {
            Some(self.wals.open_all(probes)?)
        } else {
            None
        };
        self.converge(host)?;
        let opened = self.source.clock.instant();
        self.begun.get_or_insert(opened);
        let state = self.followed.state();
        let measured = self.wals.measure(state, probes, self.observer)?;
        let Some(wals) = measured else {
            return Ok(None);
        };
        let rule = self.close(ceiling, &wals)?;
        let window = self.source.clock.instant().saturating_duration_since(opened);
        Ok(rule.map(|rule| Closed { rule, window, wals }))
    }

    /// Follows the MANIFEST and holds the files of its state until a look shows nothing new. Where edits come all the
    /// time, the window shows what they are.
    fn converge(&mut self, host: &mut dyn CaptureHost) -> Result<()> {
        let mut holder = Holder {
            may_take_early: host.takes_early(),
            host,
            probes: &self.source.probes,
            observer: self.observer,
        };
        for look in 1.. {
            if self.observer.should_stop() {
                return Err(Error::stopped());
            }
            self.source.probes.at(Step::ReadState);
            match self.followed.advance(self.observer)? {
                News::None if self.files.is_settled() => break,
                News::None | News::Edits => {}
                News::OtherManifest => self.files.forget_missing(),
            }
            self.settings
                .refuse_unknown_paths(self.source, self.followed.manifest())?;
            self.files.follow(self.followed.state(), &mut holder)?;
            if look >= MOST_LOOKS && self.files.is_settled() {
                break;
            }
        }
        Ok(())
    }

    /// Whether the round closes, and by which rule. `ceiling`: up to this number, all WALs were open before the state
    /// was read.
    fn close(&mut self, ceiling: Option<FileNumber>, wals: &[MeasuredWal]) -> Result<Option<ClosingRule>> {
        let probes = &self.source.probes;
        probes.at(Step::Close);
        let addition = Addition::to(self.followed.manifest(), self.observer)?;
        // After the MANIFEST: what was added before another one came has been seen.
        let is_current = self.followed.is_current()?;
        let rule = match ceiling {
            _ if probes.ignore_closing_check() => ClosingRule::Strict,
            _ if is_current && addition.is_empty() => ClosingRule::Strict,
            Some(ceiling) if is_current && addition.is_tolerable(ceiling) => ClosingRule::Fallback,
            _ => return Ok(None),
        };
        let in_place = self.wals.are_in_place(wals, probes)?;
        Ok(in_place.then_some(rule))
    }

    /// The OPTIONS of the image; nothing if another round is needed. The newest may say something else than before, as after a
    /// restart of the writer: then the next round goes by them. Or they have other column families than the state, since RocksDB
    /// writes them after the edit: then the ones before may fit, or those that are about to be written.
    fn options(&mut self, diagnostics: &mut Diagnostics) -> Result<Option<Option<Options>>> {
        let state = self.followed.state();
        let (home, found, _) = settings::find_options(self.source, state, self.observer)?;
        self.unknown = unknown_files::list(&home, &self.settings.own_directories())?;
        let Some((settings, options)) = found else {
            return Ok(Some(None));
        };
        if settings != self.settings.options {
            let mut diagnostics = Diagnostics::default();
            self.settings = Settings::read(self.source, state, &mut diagnostics, self.observer)?;
            self.wals = self.settings.wal_window(&self.source.path, self.were_cut);
            self.diagnostics = diagnostics;
            return Ok(None);
        }
        if !options.fits(state) {
            self.looks_at_options += 1;
            if self.looks_at_options < LOOKS_AT_OPTIONS {
                self.source.clock.sleep(PAUSE * self.looks_at_options);
                return Ok(None);
            }
            options.warn_unless_fits(state, diagnostics);
        }
        Ok(Some(Some(options)))
    }

    fn scan(&self, wals: Vec<MeasuredWal>, diagnostics: &mut Diagnostics) -> Result<ScannedWals> {
        self.source.probes.at(Step::ScanWals);
        let state = self.followed.state();
        let directory = self.wals.directory();
        let rules = Rules {
            state,
            settings: &self.settings.options,
            cut: if self.source.forced {
                WalCut::Tolerant
            } else {
                WalCut::Strict
            },
        };
        let kept = ScannedWals::scan(wals, directory, &rules, diagnostics, self.observer)?;
        if kept.is_empty() {
            let message = "it has no WAL, but a database that is open always has one";
            if self.source.forced {
                diagnostics.warn(WarningName::WalsMissing, directory, message)
            } else {
                diagnostics.add_finding(directory, format!("{message}; say where its WALs are (wal_dir)"))
            }
        }
        kept.warn_of_writes_without(self.followed.manifest(), &self.source.path, diagnostics);
        Ok(kept)
    }

    fn finish(self, closed: &Closed, options: Option<Options>, wals: ScannedWals) -> Result<HotCapture> {
        let path = &self.source.path;
        let manifest = self.followed.manifest();
        let state = self.followed.state();
        let mut ignored = Diagnostics::default();
        if database_id(path, state, &mut ignored)? != self.database_id {
            let path = path.display();
            let message = format!("another database was put into {path} while it was captured");
            return Err(Error::source_changed(message));
        }
        let (live_files, pins) = self.files.into_files();
        let parts = Parts {
            directory: path,
            database_id: self.database_id,
            manifest,
            options,
            live_files,
            own_directories: self.settings.own_directories(),
            wal_dir: self.settings.wal_dir.clone(),
            kind: match self.source.kind {
                SourceKind::InProcess => CaptureKind::Handle,
                _ => CaptureKind::Hot,
            },
            live: Some(LiveCapture {
                rounds: self.rounds,
                rule: closed.rule,
                window_us: microseconds(closed.window),
                wal_bytes_trimmed: wals.trimmed_bytes(),
            }),
            wals,
            surplus: Vec::new(),
            unknown: self.unknown,
            diagnostics: self.diagnostics,
        };
        HotCapture::new(
            parts,
            pins,
            &self.settings.options,
            &self.settings.data_paths,
            self.observer,
        )
    }

    fn may_fall_back(&self) -> bool {
        self.rounds > self.source.strict_rounds || self.elapsed() >= self.source.strict_time
    }

    /// # Errors
    /// `Refused` when neither rule has closed for very long.
    fn give_up_after_limit(&self) -> Result<()> {
        let strict = self.source.strict_time;
        if self.elapsed() < strict.saturating_mul(GIVE_UP_FACTOR).saturating_add(GIVE_UP_TIME) {
            return Ok(());
        }
        let (path, rounds) = (self.source.path.display(), self.rounds);
        let message = format!(
            "the database in {path} changes faster than it can be looked at: {rounds} rounds did not close"
        );
        Err(Error::refused(message).with_hint(
            "try again when fewer files are ingested, column families made or dropped, and MANIFESTs written",
        ))
    }

    fn elapsed(&self) -> Duration {
        let now = self.source.clock.instant();
        self.begun
            .map_or(Duration::ZERO, |begun| now.saturating_duration_since(begun))
    }
}

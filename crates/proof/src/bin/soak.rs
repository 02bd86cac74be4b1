//! Captures databases while they are written, and judges each image.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command prints its results"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use stonekeep_proof::hot::report::Report;
use stonekeep_proof::hot::run::{self, Soak};
use stonekeep_proof::hot::settings::{self, Setting};
use stonekeep_proof::hot::writer::Writer;
use stonekeep_proof::points;

const USAGE: &str = "\
usage: soak [--images <count>] [--seconds <count>] [--setting <name>] [--seed <number>] [--jobs <count>] [--keep <dir>]

  --images    how many images are taken in all (2000)
  --seconds   how long it takes at most, about
  --setting   only this kind of database
  --seed      what everything left to chance derives from (another one each time)
  --jobs      how many databases are written at once (2)
  --keep      where wrong images are kept (soak-failures below the directory for temporary files)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((first, rest)) if first == "writer" => writer(rest).map(|()| true),
        Some((first, _)) if first == "--help" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => Wanted::parse(&arguments).and_then(|wanted| soak(&wanted)),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::from(2)
        }
    }
}

/// What [`stonekeep_proof::hot::process::Launcher`] starts.
fn writer(arguments: &[String]) -> Result<(), String> {
    let [setting, root, seed] = arguments else {
        return Err("usage: soak writer <setting> <root> <seed>".to_owned());
    };
    let found = settings::by_name(setting).or_else(|| points::settings::by_name(setting));
    let setting = found.ok_or_else(|| format!("there is no setting {setting}"))?;
    let seed = seed.parse().map_err(|_| format!("{seed} is no seed"))?;
    Writer::new(setting, PathBuf::from(root), seed)
        .and_then(|writer| writer.run())
        .map_err(|error| error.to_string())
}

/// What was asked for.
struct Wanted {
    images: u64,
    time: Option<Duration>,
    settings: Vec<&'static Setting>,
    seed: u64,
    jobs: usize,
    keep: PathBuf,
}

impl Wanted {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut wanted = Wanted {
            images: 2000,
            time: None,
            settings: settings::ALL.iter().collect(),
            seed: fastrand::u64(..1_000_000),
            jobs: 2,
            keep: std::env::temp_dir().join("soak-failures"),
        };
        for pair in arguments.chunks(2) {
            let [flag, value] = pair else {
                return Err(USAGE.to_owned());
            };
            let number = || value.parse::<u64>().map_err(|_| format!("{value} is no number"));
            match flag.as_str() {
                "--images" => wanted.images = number()?,
                "--seconds" => wanted.time = Some(Duration::from_secs(number()?)),
                "--setting" => wanted.settings = vec![named(value)?],
                "--seed" => wanted.seed = number()?,
                "--jobs" => wanted.jobs = number()?.max(1) as usize,
                "--keep" => wanted.keep = PathBuf::from(value),
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(wanted)
    }

    /// The task for a setting that begins now.
    fn task(&self, number: usize, setting: &'static Setting, program: PathBuf) -> Soak {
        let settings = self.settings.len();
        let at_once = self.jobs.min(settings);
        let share = |time: Duration| time.mul_f64(at_once as f64 / settings as f64);
        Soak {
            program,
            setting,
            seed: self.seed,
            place: run::place(setting, number as u64 + self.seed),
            images: self.images.div_ceil(settings as u64),
            until: self.time.map(|time| Instant::now() + share(time)),
            first: 0,
            keep: self.keep.clone(),
            blind: false,
        }
    }
}

fn named(name: &str) -> Result<&'static Setting, String> {
    settings::by_name(name).ok_or_else(|| {
        let names: Vec<&str> = settings::ALL.iter().map(|setting| setting.name).collect();
        format!("there is no setting {name}; there are:\n  {}", names.join("\n  "))
    })
}

/// Whether all went well.
fn soak(wanted: &Wanted) -> Result<bool, String> {
    let program = std::env::current_exe().map_err(|error| format!("this program's path: {error}"))?;
    println!("seed {}", wanted.seed);
    println!("{}", Report::heading());
    let next = Mutex::new(wanted.settings.iter().enumerate());
    let next = || next.lock().ok().and_then(|mut left| left.next());
    let ended = thread::scope(|scope| {
        let work = || {
            let mut ended = Vec::new();
            while let Some((number, setting)) = next() {
                let outcome = wanted.task(number, setting, program.clone()).run();
                let outcome = outcome.map_err(|error| format!("{}: {}", setting.name, whole(&error)));
                match &outcome {
                    Ok(report) => println!("{report}"),
                    Err(reason) => println!("{reason}"),
                }
                ended.push(outcome);
            }
            ended
        };
        let jobs: Vec<_> = (0..wanted.jobs).map(|_| scope.spawn(work)).collect();
        let ended = jobs.into_iter().filter_map(|job| job.join().ok());
        ended.flatten().collect::<Vec<_>>()
    });
    Ok(conclusion(wanted, &ended))
}

fn conclusion(wanted: &Wanted, ended: &[Result<Report, String>]) -> bool {
    let reports: Vec<&Report> = ended.iter().flatten().collect();
    for report in &reports {
        for (what, failures) in [("refused", &report.refused), ("wrong", &report.wrong)] {
            for failure in failures {
                println!(
                    "{} image {} is {what}: {}",
                    report.setting, failure.number, failure.reason
                );
            }
        }
    }
    let images: u64 = reports.iter().map(|report| report.images).sum();
    let wrong: usize = reports.iter().map(|report| report.wrong.len()).sum();
    let refused: usize = reports.iter().map(|report| report.refused.len()).sum();
    println!(
        "{images} images in {} settings, {wrong} wrong, {refused} refused; seed {}",
        reports.len(),
        wanted.seed
    );
    if wrong > 0 {
        println!("wrong images are kept in {}", wanted.keep.display());
    }
    // A thread that panicked leaves a setting out.
    reports.len() == wanted.settings.len() && wrong == 0 && refused == 0
}

fn whole(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", whole(source)),
        None => error.to_string(),
    }
}

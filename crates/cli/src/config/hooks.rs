//! Reads the tables `hooks`: commands and pings before and after a run.

use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::names::did_you_mean;
use super::problem::{At, Problem};
use super::reference::Reference;
use super::table::{Reader, Value};

/// How long a command may take if the file says nothing.
const DEFAULT_LIMIT: Duration = Duration::from_secs(600);

const KEYS: [&str; 7] = [
    "before",
    "after",
    "on-failure",
    "time-limit",
    "commands",
    "ping-url",
    "ping-on",
];

/// What a ping reports.
pub(crate) const EVENTS: [&str; 3] = ["start", "success", "failure"];

/// Commands and pings. What is `None` is taken from the table `[hooks]` of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hooks {
    pub(crate) before: Option<Vec<String>>,
    pub(crate) after: Option<Vec<String>>,
    pub(crate) on_failure: Option<Vec<String>>,
    time_limit: Option<Duration>,
    /// The commands of Stonekeep that they belong to.
    commands: Option<Vec<String>>,
    pub(crate) ping_url: Option<(Reference, At)>,
    ping_on: Option<Vec<String>>,
}

impl Hooks {
    pub(super) fn read<'t>(
        reader: &mut Reader<'t>,
        table: &DeTable<'t>,
        (place, verbs): (&str, &[&str]),
    ) -> Self {
        let mut hooks = Hooks::default();
        for (key, value) in table {
            let what = format!("{place}.{}", key.get_ref());
            match &**key.get_ref() {
                "before" => hooks.before = command(reader, value, &what),
                "after" => hooks.after = command(reader, value, &what),
                "on-failure" => hooks.on_failure = command(reader, value, &what),
                "time-limit" => hooks.time_limit = reader.duration(value, &what),
                "commands" => hooks.commands = Some(words(reader, value, (&what, verbs))),
                "ping-url" => {
                    let at = reader.at(value.span());
                    hooks.ping_url = url(reader, value, &what).map(|url| (url, at));
                }
                "ping-on" => hooks.ping_on = Some(words(reader, value, (&what, &EVENTS))),
                other => reader.unknown(key.span(), (other, place), KEYS),
            }
        }
        hooks
    }

    /// These, and the others where these say nothing.
    pub(super) fn or(&self, others: &Hooks) -> Hooks {
        fn either<T: Clone>(first: &Option<T>, second: &Option<T>) -> Option<T> {
            first.as_ref().or(second.as_ref()).cloned()
        }
        Hooks {
            before: either(&self.before, &others.before),
            after: either(&self.after, &others.after),
            on_failure: either(&self.on_failure, &others.on_failure),
            time_limit: self.time_limit.or(others.time_limit),
            commands: either(&self.commands, &others.commands),
            ping_url: either(&self.ping_url, &others.ping_url),
            ping_on: either(&self.ping_on, &others.ping_on),
        }
    }

    /// Whether there is anything to do before or after this command.
    pub(crate) fn is_for(&self, verb: &str) -> bool {
        let is_named = match &self.commands {
            Some(verbs) => verbs.iter().any(|named| named == verb),
            None => verb == "backup",
        };
        let has_command = [&self.before, &self.after, &self.on_failure]
            .iter()
            .any(|command| command.as_ref().is_some_and(|words| !words.is_empty()));
        is_named && (has_command || self.ping_url.is_some())
    }

    /// What is set, for people; a URL of pings is shown if it stands in the file as a reference only.
    pub(crate) fn shown(&self) -> Vec<(&'static str, String)> {
        let command = |words: &Option<Vec<String>>| words.as_ref().map(|words| words.join(" "));
        let url = self.ping_url.as_ref().map(|(url, _)| match url {
            Reference::Literal(_) => "…".to_owned(),
            reference => reference.shown(),
        });
        let all = [
            ("before", command(&self.before)),
            ("after", command(&self.after)),
            ("on-failure", command(&self.on_failure)),
            (
                "time-limit",
                self.time_limit.map(|time| format!("{} s", time.as_secs_f64())),
            ),
            ("commands", command(&self.commands)),
            ("ping-url", url),
            ("ping-on", command(&self.ping_on)),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    /// How long each command may take.
    pub(crate) fn limit(&self) -> Duration {
        self.time_limit.unwrap_or(DEFAULT_LIMIT)
    }

    /// Whether a ping reports this.
    pub(crate) fn pings_on(&self, event: &str) -> bool {
        self.ping_on
            .as_ref()
            .is_none_or(|events| events.iter().any(|named| named == event))
    }
}

/// A command; an empty array is none, which takes the place of the one in `[hooks]`.
fn command<'t>(reader: &mut Reader<'t>, value: &Value<'t>, what: &str) -> Option<Vec<String>> {
    match value.get_ref() {
        DeValue::Array(items) if items.is_empty() => Some(Vec::new()),
        _ => reader.command(value, what),
    }
}

/// Words of a list.
fn words<'t>(reader: &mut Reader<'t>, value: &Value<'t>, (what, known): (&str, &[&str])) -> Vec<String> {
    let mut words = Vec::new();
    for (word, at) in reader.strings(value, what) {
        if known.contains(&&*word) {
            words.push(word);
        } else {
            let message = format!("{what} has no word {word:?}");
            let hint = did_you_mean(&word, known.iter().copied()).filter(|_| word != "check");
            let hint = hint.or_else(|| Some(format!("its words are {}", known.join(", "))));
            reader.problem(Problem::new(at, message).with_hint_of(hint));
        }
    }
    words
}

fn url<'t>(reader: &mut Reader<'t>, value: &Value<'t>, what: &str) -> Option<Reference> {
    let reference = Reference::read(reader, value, what)?;
    if let Reference::Literal(text) = &reference
        && !crate::ping::is_url(text)
    {
        reader.wrong(value.span(), format!("{what} must be the URL of a web server"));
        return None;
    }
    Some(reference)
}

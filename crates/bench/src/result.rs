//! The result of a comparison: the runs of each contestant, and which wanted figures are reached.

use serde::Serialize;

use crate::data::cached::Cached;
use crate::measure::Figures;
use crate::scenario::{
    AGAINST, CHECKSUMS, CLIENT, EAT_ROCKS, FLOOR, Figure, HDFS_DFS, ONE_DATABASE, ONE_REPOSITORY, Peer,
    Place, RESTIC, ROCKSDB, ROCKSDB_CRC32C, RUSTIC, SST_DUMP, STONEKEEP, TWO_WORKERS, WITHOUT_LATENCY,
    Wanted,
};
use crate::spread::Spread;
use crate::strace::Counts;

/// One scenario with everybody's runs.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Comparison {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) judgements: Vec<Judgement>,
    /// How busy the machine was over the last minute, at the end.
    pub(crate) load: f64,
}

/// One contestant's runs.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) who: String,
    /// Files or backups that the work was about.
    pub(crate) items: u64,
    pub(crate) runs: Vec<Figures>,
    /// System calls, counted in a run of their own.
    pub(crate) counts: Option<Counts>,
    /// Which part of the tables of the database, then of the repository, was in the page cache after the last run, where
    /// that was looked at.
    pub(crate) cached: Vec<Cached>,
}

/// A wanted figure beside the one that was seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Judgement {
    pub(crate) wanted: Wanted,
    /// `None` if it was not measured here.
    pub(crate) seen: Option<f64>,
    /// The same figure of the peer that has to reach it, too, if there is such a condition.
    pub(crate) condition: Option<f64>,
}

impl Row {
    /// Seconds.
    pub(crate) fn wall(&self) -> Spread {
        Spread::of(self.runs.iter().map(|run| run.wall_s))
    }

    /// The median of a figure, or what was counted.
    pub(crate) fn figure(&self, figure: Figure) -> Option<f64> {
        let median = |of: fn(&Figures) -> f64| Some(Spread::of(self.runs.iter().map(of)).median);
        let counted = |of: fn(&Counts) -> u64| self.counts.as_ref().map(|counts| of(counts) as f64);
        match figure {
            Figure::Wall => median(|run| run.wall_s),
            Figure::Cpu => median(Figures::cpu_s),
            // A program can be too small for its peak to be known.
            Figure::Peak => median(|run| run.peak_bytes as f64).filter(|peak| *peak > 0.0),
            Figure::Flushes => counted(|counts| counts.flushes),
            Figure::TablesOpened => counted(|counts| counts.tables_opened),
            Figure::CallsPerItem => counted(|counts| counts.calls).map(|calls| calls / self.items as f64),
        }
    }
}

impl Comparison {
    /// A contestant's row.
    pub(crate) fn row(&self, who: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.who == who)
    }

    /// The row that others are compared with.
    pub(crate) fn peer(&self, peer: Peer) -> Option<&Row> {
        match peer {
            Peer::RocksDb => self.row(ROCKSDB),
            Peer::RocksDbCrc32c => self.row(ROCKSDB_CRC32C),
            Peer::TwoWorkers => self.row(TWO_WORKERS),
            Peer::Against => self.row(AGAINST),
            Peer::Client => self.row(CLIENT),
            Peer::EatRocks => self.row(EAT_ROCKS),
            Peer::HdfsDfs => self.row(HDFS_DFS),
            Peer::WithoutLatency => self.row(WITHOUT_LATENCY),
            Peer::OneDatabase => self.row(ONE_DATABASE),
            Peer::OneRepository => self.row(ONE_REPOSITORY),
            Peer::Floor => self.fastest(|who| who.starts_with(FLOOR)),
            Peer::FileTool => self.fastest(|who| [RESTIC, RUSTIC].contains(&who)),
            Peer::SstDump => self.row(SST_DUMP),
            Peer::Checksums => self.row(CHECKSUMS),
        }
    }

    fn fastest(&self, takes_part: impl Fn(&str) -> bool) -> Option<&Row> {
        let rows = self.rows.iter().filter(|row| takes_part(&row.who));
        rows.min_by(|a, b| a.wall().median.total_cmp(&b.wall().median))
    }

    /// A figure of a row as a part of a peer's.
    pub(crate) fn ratio(&self, row: &Row, figure: Figure, of: Peer) -> Option<f64> {
        let whole = self.peer(of)?.figure(figure)?;
        row.figure(figure)
            .map(|part| part / whole)
            .filter(|ratio| ratio.is_finite())
    }

    /// Sets the judgements.
    pub(crate) fn judge(&mut self, wanted: Vec<Wanted>) {
        let judged = wanted.into_iter().map(|wanted| Judgement {
            wanted,
            seen: self.seen(wanted),
            condition: self.condition(wanted),
        });
        self.judgements = judged.collect();
    }

    /// The worst of Stonekeep's rows, where it takes part more than once.
    fn seen(&self, wanted: Wanted) -> Option<f64> {
        let ours = self.rows.iter().filter(|row| row.who.starts_with(STONEKEEP));
        let seen = ours.filter_map(|row| match wanted {
            Wanted::Ratio { figure, of, .. } | Wanted::RatioIf { figure, of, .. } => {
                self.ratio(row, figure, of)
            }
            Wanted::Limit { figure, .. } => row.figure(figure),
        });
        seen.max_by(f64::total_cmp)
    }

    fn condition(&self, wanted: Wanted) -> Option<f64> {
        match wanted {
            Wanted::RatioIf {
                figure,
                of,
                reached_by,
                ..
            } => self.ratio(self.peer(reached_by)?, figure, of),
            Wanted::Ratio { .. } | Wanted::Limit { .. } => None,
        }
    }
}

impl Judgement {
    /// Whether what is wanted was reached, if it was measured and the condition holds.
    pub(crate) fn is_met(&self) -> Option<bool> {
        let at_most = self.wanted.at_most();
        let holds = match self.wanted {
            Wanted::RatioIf { .. } => self.condition.is_some_and(|ratio| ratio <= at_most),
            Wanted::Ratio { .. } | Wanted::Limit { .. } => true,
        };
        self.seen.filter(|_| holds).map(|seen| seen <= at_most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(who: &str, seconds: &[f64]) -> Row {
        let run = |wall_s: &f64| Figures {
            wall_s: *wall_s,
            ..Figures::default()
        };
        Row {
            who: who.to_owned(),
            items: 1,
            runs: seconds.iter().map(run).collect(),
            counts: None,
            cached: Vec::new(),
        }
    }

    #[test]
    fn ratios_are_of_medians_and_of_the_faster_floor() {
        let mut comparison = Comparison {
            place: Place::Memory,
            name: "a/b".into(),
            title: String::new(),
            rows: vec![
                row(STONEKEEP, &[1.0, 2.0, 9.0]),
                row(ROCKSDB, &[4.0, 3.0, 5.0]),
                row("floor syncfs", &[1.6, 1.6, 1.6]),
                row("floor fdatasync", &[5.0, 1.0, 5.0]),
            ],
            judgements: Vec::new(),
            load: 0.0,
        };
        let limit = Wanted::Limit {
            figure: Figure::Flushes,
            at_most: 1.0,
        };
        let wall = |of, at_most| Wanted::Ratio {
            figure: Figure::Wall,
            of,
            at_most,
        };
        comparison.judge(vec![wall(Peer::RocksDb, 0.5), wall(Peer::Floor, 1.2), limit]);
        let seen: Vec<_> = comparison.judgements.iter().map(|it| it.seen).collect();
        assert_eq!(seen, [Some(0.5), Some(1.25), None]);
        let met: Vec<_> = comparison.judgements.iter().map(Judgement::is_met).collect();
        assert_eq!(met, [Some(true), Some(false), None]);
    }

    #[test]
    fn a_ratio_with_a_condition_is_wanted_where_the_other_peer_reaches_it() {
        let judged = |client: f64| {
            let mut comparison = Comparison {
                place: Place::S3,
                name: "a/b".into(),
                title: String::new(),
                rows: vec![
                    row(STONEKEEP, &[0.5]),
                    row(CLIENT, &[client]),
                    row(EAT_ROCKS, &[1.0]),
                ],
                judgements: Vec::new(),
                load: 0.0,
            };
            comparison.judge(vec![Wanted::RatioIf {
                figure: Figure::Wall,
                of: Peer::EatRocks,
                at_most: 0.6,
                reached_by: Peer::Client,
            }]);
            let judgement = &comparison.judgements[0];
            (judgement.seen, judgement.condition, judgement.is_met())
        };
        assert_eq!(judged(0.4), (Some(0.5), Some(0.4), Some(true)));
        assert_eq!(judged(0.9), (Some(0.5), Some(0.9), None));
    }
}

//! Which scenarios run on which file system.

use std::path::Path;

use super::{
    Contestant, Place, ROCKSDB, ROCKSDB_CRC32C, Set, Setting, against, catalog, command, hot, tables,
};
use crate::data::synthetic::Shape;

/// All sets of a place, in their order.
pub(crate) fn of(setting: &Setting) -> Vec<Set> {
    if let (Some(command), Some(against)) = (&setting.programs.command, &setting.programs.against) {
        return against::sets(setting, [command, against]);
    }
    let (scale, memory) = (setting.scale, setting.place == Place::Memory);
    let mut sets = vec![
        tables::large(setting, scale.large),
        tables::small(setting, scale.small),
    ];
    let [few, many] = scale.backups.map(|backups| Shape::new(scale.files, backups));
    sets.push(catalog::purged(setting, few, scale.purged_to));
    if memory {
        sets.push(catalog::listed(setting, few));
        sets.push(catalog::listed(setting, many));
        sets.push(catalog::wide(setting, Shape::new(scale.wide.0, scale.wide.1)));
        sets.push(hot::few(setting, scale.hot[0]));
        sets.push(hot::many(setting, scale.hot[1]));
        sets.extend(setting.programs.command.as_deref().map(command::start));
    }
    if let Some(program) = &setting.programs.crc32c_bench {
        let scenarios = sets.iter_mut().flat_map(|set| &mut set.scenarios);
        scenarios.for_each(|scenario| add_crc32c(&mut scenario.contestants, program));
    }
    sets
}

/// Lets RocksDB's engine take part once more, as another build of this program has it.
fn add_crc32c(contestants: &mut Vec<Contestant>, program: &Path) {
    let Some(at) = contestants.iter().position(|it| it.name == ROCKSDB) else {
        return;
    };
    let mut contestant = contestants[at].clone();
    contestant.name = ROCKSDB_CRC32C.to_owned();
    contestant.program = Some(program.to_owned());
    contestants.insert(at + 1, contestant);
}

//! Which scenarios are run at which place.

use super::{Place, Set, Setting, catalog, command, hot, tables};
use crate::data::synthetic::Shape;

/// All sets of a place, in their order.
pub(crate) fn of(setting: &Setting) -> Vec<Set> {
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
        sets.extend(setting.command.as_ref().map(|command| command::start(command)));
    }
    sets
}

//! What a group is called in findings.

use crate::desired::DesiredGroup;

/// `account/region/name` for people: the declared name of a group that is declared by its id.
pub fn label(group: &DesiredGroup) -> String {
    let DesiredGroup {
        account,
        region,
        alias,
        ..
    } = group;
    match alias {
        Some(alias) => format!("{account}/{region}/{alias}"),
        None => identity(group),
    }
}

/// The group as it is declared, whether or not the cloud was asked.
pub(super) fn identity(group: &DesiredGroup) -> String {
    let DesiredGroup {
        account,
        region,
        selector,
        ..
    } = group;
    format!("{account}/{region}/{selector}")
}

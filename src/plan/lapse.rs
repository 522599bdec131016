//! How long traffic is not what it is before and after.

use std::collections::BTreeMap;

use super::{GroupPlan, Passing};
use crate::model::GroupName;

/// Traffic that is cut or let through in some layers, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lapse {
    /// Another group of the plan: it is about network interfaces in both.
    pub with: Option<GroupName>,
    /// `true`: refused before and after and let through meanwhile. `false`: the other way round.
    pub opens: bool,
    /// Which traffic: `ingress tcp/22 from 10.0.0.0/8`.
    pub traffic: String,
    /// The first of the layers, from 1.
    pub first: usize,
    /// The last of them.
    pub last: usize,
}

impl Lapse {
    /// `layer 2`, `layers 2 to 5`.
    pub fn layers(&self) -> String {
        let Self { first, last, .. } = self;
        if first == last {
            format!("layer {first}")
        } else {
            format!("layers {first} to {last}")
        }
    }
}

/// What passes in a group, the same traffic in one layer after the other told once; in the order of the plan.
pub fn lapses(group: &GroupPlan) -> Vec<Lapse> {
    let mut all: Vec<Lapse> = Vec::new();
    let mut latest: BTreeMap<(Option<GroupName>, bool, String), usize> = BTreeMap::new();
    for passing in &group.passing {
        let Passing {
            with,
            direction,
            nic,
            transient,
        } = passing;
        let layer = transient.wave + 1;
        for traffic in &transient.traffic {
            let traffic = format!(
                "{} {}",
                group.side(*direction, *nic),
                traffic.text(*direction)
            );
            let key = (with.clone(), transient.opens, traffic);
            if let Some(known) = latest.get(&key).map(|at| &mut all[*at])
                && known.last + 1 == layer
            {
                known.last = layer;
                continue;
            }
            latest.insert(key.clone(), all.len());
            let (with, opens, traffic) = key;
            all.push(Lapse {
                with,
                opens,
                traffic,
                first: layer,
                last: layer,
            });
        }
    }
    all
}

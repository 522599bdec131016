//! Packet space as it is cut by rules, against every packet.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rulekeep::{
    model::{Policy, Rule},
    traffic::{atlas::worlds, bits::Bits, clause::Resolve, rank, space::Space},
};

use crate::universe::{admits, arb_rules, cases, is_about, packets};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(8)))]

    /// The rules that match a packet are one of the pieces, and in any state the strongest rule of the piece that is there decides, as the
    /// matcher says.
    #[test]
    fn verdict_and_winner_of_every_packet_are_those_of_the_matcher(
        rules in arb_rules(),
        there in any::<u8>(),
        open in any::<bool>(),
    ) {
        let default = if open { Policy::Accept } else { Policy::Drop };
        let space = Space::new(&rules, default, &Resolve(None), |symbols| worlds(symbols, 2));
        let pieces: BTreeSet<&Bits> = space.atlas.signatures.iter().collect();
        let state: Vec<&Rule> =
            rules.iter().enumerate().filter(|(n, _)| there >> n & 1 == 1).map(|(_, rule)| rule).collect();
        let held = space.state(state.iter().copied());
        for packet in packets() {
            let mut piece = Bits::new(space.rules.len());
            for (index, rule) in space.rules.iter().enumerate() {
                if rule.is_none_or(|rule| is_about(rule, &packet)) {
                    piece.insert(index);
                }
            }
            prop_assert!(pieces.contains(&piece), "{:?}", packet);
            let admitted = admits(state.iter().copied(), default, &packet);
            prop_assert_eq!(space.verdict(&piece, &held) == Policy::Accept, admitted);
            let winner = space.rules[space.winner(&piece, &held)];
            let strongest = state.iter().filter(|rule| is_about(rule, &packet)).map(|rule| rank(rule)).min();
            prop_assert_eq!(winner.map(rank), strongest);
        }
    }
}

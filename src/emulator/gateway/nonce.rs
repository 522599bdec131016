//! Nonces that were used: a signed request counts once.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// Seconds that a nonce is remembered: the whole width of the window for time stamps.
const REMEMBERED: i64 = 30 * 60;

/// Most nonces that are remembered, so that memory is bounded; beyond it the oldest is forgotten early.
const MOST: usize = 1_000_000;

/// The memory of nonces.
#[derive(Debug, Default)]
pub(in crate::emulator) struct Nonces(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    known: HashSet<[u8; 16]>,
    order: VecDeque<(i64, [u8; 16])>,
}

impl Nonces {
    /// Whether the nonce of this key is new; from now on it is not.
    pub(super) fn take(&self, key: &str, nonce: &str, now: Timestamp) -> bool {
        let mut hash = Sha256::new();
        hash.update(key);
        hash.update([0]);
        hash.update(nonce);
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        let now = now.as_second();

        // A panic elsewhere cannot leave the two collections in a state that matters.
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((at, old)) = memory.order.front().copied()
            && (now - at > REMEMBERED || memory.order.len() >= MOST)
        {
            memory.order.pop_front();
            memory.known.remove(&old);
        }
        if !memory.known.insert(id) {
            return false;
        }
        memory.order.push_back((now, id));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_counts_once_per_key_until_it_is_forgotten() {
        let nonces = Nonces::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(nonces.take("a", "n", at(0)));
        assert!(!nonces.take("a", "n", at(1800)));
        assert!(nonces.take("b", "n", at(1800)));
        assert!(nonces.take("a", "n", at(1801)));
    }
}

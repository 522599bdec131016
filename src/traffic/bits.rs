//! Sets of small numbers, sized at run time.

/// Words that are kept in place; larger sets are on the heap. A group has some hundred rules, of which few matter to a question.
const IN_PLACE: usize = 4;

/// A set of clause indices; the smallest is the strongest rule. Sets that are compared are of one size.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bits(Words);

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Words {
    Few([u64; IN_PLACE]),
    Many(Box<[u64]>),
}

impl Bits {
    /// The empty set with room for `len` numbers.
    pub fn new(len: usize) -> Self {
        let words = len.div_ceil(64);
        Self(if words <= IN_PLACE {
            Words::Few([0; IN_PLACE])
        } else {
            Words::Many(vec![0; words].into_boxed_slice())
        })
    }

    #[inline]
    fn words(&self) -> &[u64] {
        match &self.0 {
            Words::Few(words) => words,
            Words::Many(words) => words,
        }
    }

    #[inline]
    fn words_mut(&mut self) -> &mut [u64] {
        match &mut self.0 {
            Words::Few(words) => words,
            Words::Many(words) => words,
        }
    }

    /// Puts a number in.
    #[inline]
    pub fn insert(&mut self, index: usize) {
        self.words_mut()[index / 64] |= 1 << (index % 64);
    }

    /// Takes a number out.
    #[inline]
    pub fn remove(&mut self, index: usize) {
        self.words_mut()[index / 64] &= !(1 << (index % 64));
    }

    /// Whether a number is in.
    #[inline]
    pub fn contains(&self, index: usize) -> bool {
        self.words()[index / 64] & (1 << (index % 64)) != 0
    }

    /// The smallest number of both sets: the winner of a signature in a state.
    #[inline]
    pub fn first_common(&self, other: &Self) -> Option<usize> {
        self.words()
            .iter()
            .zip(other.words())
            .enumerate()
            .find_map(|(word, (a, b))| {
                let both = a & b;
                (both != 0).then(|| word * 64 + both.trailing_zeros() as usize)
            })
    }

    /// The numbers in order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words().iter().enumerate().flat_map(|(word, &bits)| {
            let mut rest = bits;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros() as usize;
                    rest &= rest - 1;
                    word * 64 + bit
                })
            })
        })
    }

    /// Puts in what is in another set.
    #[inline]
    pub fn add(&mut self, other: &Self) {
        for (a, b) in self.words_mut().iter_mut().zip(other.words()) {
            *a |= b;
        }
    }

    /// The numbers in both sets.
    #[inline]
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.each(other, |a, b| a & b)
    }

    /// The numbers in one of the sets.
    #[inline]
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        self.each(other, |a, b| a | b)
    }

    /// The numbers in this set and not in the other.
    #[inline]
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.each(other, |a, b| a & !b)
    }

    #[inline]
    fn each(&self, other: &Self, combine: impl Fn(u64, u64) -> u64) -> Self {
        let mut result = self.clone();
        for (a, b) in result.words_mut().iter_mut().zip(other.words()) {
            *a = combine(*a, *b);
        }
        result
    }

    /// Takes out every number above one.
    #[inline]
    pub fn cut_above(&mut self, last: usize) {
        let (word, bit) = (last / 64, last % 64);
        let words = self.words_mut();
        words[word] &= u64::MAX >> (63 - bit);
        words[word + 1..].fill(0);
    }

    /// Whether nothing is in.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.words().iter().all(|word| *word == 0)
    }
}

//! Chance that is the same on every machine and in every run.

/// SplitMix64 (Steele, Lea, Flood 2014). Not for secrets: for data that looks like life and never changes.
pub struct Dice(u64);

impl Dice {
    /// The dice of one thing: the same seed and coordinates always throw the same.
    pub fn of(seed: u64, coordinates: [u64; 3]) -> Self {
        let mut dice = Self(seed);
        for coordinate in coordinates {
            dice.0 = dice.throw() ^ coordinate;
        }
        dice
    }

    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which must not be zero. The bias of the remainder is of no consequence here.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.throw() % bound.max(1)
    }

    /// One of `choices`; the default when there are none.
    pub fn pick<T: Copy + Default>(&mut self, choices: &[T]) -> T {
        let at = self.below(choices.len() as u64);
        usize::try_from(at).ok().and_then(|at| choices.get(at)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First outputs of the published reference implementation for the state 1234567.
    #[test]
    fn is_the_published_generator() {
        let mut dice = Dice(1_234_567);
        let thrown: Vec<u64> = (0..3).map(|_| dice.throw()).collect();
        assert_eq!(thrown, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn coordinates_do_not_run_into_each_other() {
        let first = |coordinates| Dice::of(7, coordinates).throw();
        assert_ne!(first([1, 2, 3]), first([2, 1, 3]));
        assert_ne!(first([0, 0, 1]), first([0, 1, 0]));
        assert_ne!(Dice::of(7, [1, 2, 3]).throw(), Dice::of(8, [1, 2, 3]).throw());
    }
}

//! Chance, from a seed that is printed and can be given again.

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
pub(crate) struct Dice(u64);

impl Dice {
    /// From `MASTRA_TEST_SEED`, or another one each time; printed.
    pub(crate) fn new(test: &str) -> Self {
        let given = std::env::var("MASTRA_TEST_SEED").ok().map(|seed| seed.parse().expect("the seed is a number"));
        let seed = given.unwrap_or_else(|| {
            let id = mastra_core::RecordId::generate().as_uuid().as_u128();
            (id ^ (id >> 64)) as u64
        });
        println!("{test}: MASTRA_TEST_SEED={seed}");
        Self(seed)
    }

    /// One that goes on by itself.
    pub(crate) fn split(&mut self) -> Self {
        Self(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// One of them.
    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// Another order.
    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            all.swap(at, self.below(at + 1));
        }
    }
}

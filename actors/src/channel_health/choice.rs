//! The order in which candidates are tried: a pure function of their state and a random number.

/// What the choice knows of one candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its slots are all taken.
    pub saturated: bool,
    /// Higher goes first.
    pub priority: i32,
    /// The client's protocol passes unchanged.
    pub native: bool,
    /// It served this conversation last.
    pub served_last: bool,
    /// Share inside its group.
    pub weight: u32,
}

/// A small random sequence from one number (SplitMix64, Steele, Lea & Flood 2014).
struct Sequence(u64);

impl Sequence {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in (0, 1).
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
}

/// Indexes of `standings` in the order to try: free before saturated, priority, native before converted,
/// the one that served last, then weighted random: a weight of 10 goes first ten times as often as 1
/// (exponential keys: Efraimidis & Spirakis 2006). Weight 0 goes behind all others of its group.
pub fn order(standings: &[Standing], random: u64) -> Vec<usize> {
    let mut sequence = Sequence(random);
    let keys: Vec<f64> = standings.iter().map(|standing| -sequence.unit().ln() / f64::from(standing.weight)).collect();
    let mut order: Vec<usize> = (0..standings.len()).collect();
    let rank = |index: &usize| {
        let standing = &standings[*index];
        (standing.saturated, std::cmp::Reverse(standing.priority), !standing.native, !standing.served_last)
    };
    order.sort_by(|a, b| rank(a).cmp(&rank(b)).then(keys[*a].total_cmp(&keys[*b])));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Standing = Standing { saturated: false, priority: 0, native: true, served_last: false, weight: 1 };

    #[test]
    fn ten_to_one_gives_ten_to_one() {
        let standings = [Standing { weight: 10, ..PLAIN }, PLAIN];
        let rounds = 11_000_u32;
        let firsts = (0..rounds).filter(|round| order(&standings, u64::from(*round))[0] == 0).count() as f64;
        let expected = f64::from(rounds) * 10.0 / 11.0;
        let sigma = (f64::from(rounds) * (10.0 / 11.0) * (1.0 / 11.0)).sqrt();
        assert!((firsts - expected).abs() < 6.0 * sigma, "{firsts} of {rounds}, {expected} expected");
    }

    #[test]
    fn rules_go_before_chance() {
        let standings = [
            Standing { saturated: true, priority: 9, ..PLAIN },
            Standing { weight: 1_000_000, ..PLAIN },
            Standing { served_last: true, ..PLAIN },
            Standing { native: false, served_last: true, ..PLAIN },
            Standing { priority: 1, native: false, weight: 0, ..PLAIN },
        ];
        for random in 0..100 {
            assert_eq!(order(&standings, random), [4, 2, 1, 3, 0]);
        }
    }
}

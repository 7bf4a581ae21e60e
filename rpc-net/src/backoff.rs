//! How long to wait before trying again, and when to stop trying.

use std::time::Duration;

/// Waits that grow: each is drawn between nothing and a bound that is multiplied from wait to wait, so
/// that many who lost one server do not come back at the same moment.
///
/// The defaults: a bound of 50 ms at first, × 1.6 from wait to wait, at most 10 s; no new try after 60 s.
///
/// ```
/// use rpc_net::Backoff;
/// use std::time::Duration;
/// let backoff = Backoff::default().attempts(3).seed(7);
/// let waits: Vec<_> = backoff.waits().collect();
/// assert_eq!(waits.len(), 2); // Between three attempts lie two waits.
/// assert!(waits[0] <= Duration::from_millis(50) && waits[1] <= Duration::from_millis(80));
/// assert_eq!(waits, backoff.waits().collect::<Vec<_>>()); // The same seed, the same waits.
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Backoff {
    first: Duration,
    factor: f64,
    longest: Duration,
    attempts: Option<u32>,
    give_up_after: Option<Duration>,
    seed: Option<u64>,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(50),
            factor: 1.6,
            longest: Duration::from_secs(10),
            attempts: None,
            give_up_after: Some(Duration::from_secs(60)),
            seed: None,
        }
    }
}

impl Backoff {
    /// Sets the bound of the first wait.
    pub fn first(mut self, first: Duration) -> Self {
        self.first = first;
        self
    }

    /// Sets by what the bound grows from wait to wait. Less than 1, or not a number, counts as 1.
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor.max(1.0);
        self
    }

    /// Sets the bound that no wait exceeds.
    pub fn longest(mut self, longest: Duration) -> Self {
        self.longest = longest;
        self
    }

    /// Stops after this many attempts, the first included; 0 counts as 1.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts.max(1));
        self
    }

    /// Begins no attempt later than this after the first.
    pub fn give_up_after(mut self, time: Duration) -> Self {
        self.give_up_after = Some(time);
        self
    }

    /// Sets no end, neither by number nor by time.
    pub fn forever(mut self) -> Self {
        (self.attempts, self.give_up_after) = (None, None);
        self
    }

    /// Draws the waits from this seed: the same seed gives the same waits.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The waits of one run of attempts, from the first. Only [`attempts`](Self::attempts) ends them;
    /// whoever keeps the time asks [`Waits::after`].
    #[must_use]
    pub fn waits(&self) -> Waits {
        let random = self.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        Waits {
            bound: self.first.min(self.longest),
            left: self.attempts,
            backoff: self.clone(),
            random,
        }
    }
}

/// The waits of one run of attempts.
#[derive(Clone, Debug)]
pub struct Waits {
    backoff: Backoff,
    /// Of the next wait.
    bound: Duration,
    /// Attempts that are left, the one that has just failed included.
    left: Option<u32>,
    random: fastrand::Rng,
}

impl Waits {
    /// How long to wait before the next attempt, when the first began `elapsed` ago. `None` = give up.
    pub fn after(&mut self, elapsed: Duration) -> Option<Duration> {
        let wait = self.next()?;
        match self.backoff.give_up_after {
            Some(end) if elapsed.saturating_add(wait) > end => None,
            _ => Some(wait),
        }
    }
}

impl Iterator for Waits {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                return None;
            }
        }
        let wait = self.bound.mul_f64(self.random.f64());
        let grown = self.bound.as_secs_f64() * self.backoff.factor;
        self.bound = Duration::try_from_secs_f64(grown)
            .map_or(self.backoff.longest, |grown| grown.min(self.backoff.longest));
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_grow_to_the_longest_and_the_waits_fill_them() {
        let backoff = Backoff::default().forever();
        let mut largest = [Duration::ZERO; 16];
        for seed in 0..200 {
            let waits = backoff.clone().seed(seed).waits();
            for (largest, wait) in largest.iter_mut().zip(waits) {
                *largest = wait.max(*largest);
            }
        }
        let mut bound: f64 = 0.05;
        for (n, largest) in largest.iter().enumerate() {
            let largest = largest.as_secs_f64();
            assert!(
                largest <= bound * 1.000_001 && largest > bound * 0.9,
                "{n}: {largest} of {bound}"
            );
            bound = (bound * 1.6).min(10.0);
        }
    }

    #[test]
    fn time_and_number_end_it() {
        let mut waits = Backoff::default().first(Duration::ZERO).waits();
        assert_eq!(waits.after(Duration::from_secs(60)), Some(Duration::ZERO));
        assert_eq!(waits.after(Duration::from_millis(60_001)), None);
        assert_eq!(Backoff::default().attempts(0).waits().count(), 0);
        assert_eq!(Backoff::default().forever().attempts(5).waits().count(), 4);
    }

    #[test]
    fn no_factor_breaks_it() {
        for factor in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
            let backoff = Backoff::default().factor(factor).seed(1);
            assert!(
                backoff.waits().take(50).all(|wait| wait <= Duration::from_secs(10)),
                "{factor}"
            );
        }
    }
}

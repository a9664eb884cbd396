//! Exact one-sided confidence bounds for a share that was measured by counting (C. J. Clopper and
//! E. S. Pearson, Biometrika 26, 1934, pages 404 to 413). With `alpha` 0.05 they are 95 % bounds:
//! the true share lies beyond the bound in at most one of twenty cases.
//!
//! The normal approximation is not used, because it is wrong for the few events that a canary sees.

/// After this many halvings, the ends of the interval are equal in `f64` precision.
const HALVINGS: u32 = 80;

/// Upper bound: the largest share at which `count` or fewer events among `of` still have
/// probability `alpha`. Returns 1 if all `of` are events.
pub(crate) fn at_most(count: u64, of: u64, alpha: f64) -> f64 {
    if count >= of {
        return 1.0;
    }
    bisect(|share| tails(count, of, share).0 > alpha)
}

/// Lower bound: the smallest share at which `count` or more events among `of` still have
/// probability `alpha`. Returns 0 if there are no events.
pub(crate) fn at_least(count: u64, of: u64, alpha: f64) -> f64 {
    if count == 0 || of == 0 {
        return 0.0;
    }
    let count = count.min(of);
    // P(X >= count) grows with the share.
    bisect(|share| tails(count - 1, of, share).1 <= alpha)
}

/// The smallest number of recipients, none of them with an event, that proves the share to be at
/// most `share`. `None` if no number proves it.
pub(crate) fn fewest(share: f64, alpha: f64) -> Option<u64> {
    match share {
        s if s <= 0.0 => None,
        s if s >= 1.0 => Some(0),
        s => Some((alpha.ln() / (-s).ln_1p()).ceil() as u64),
    }
}

/// Finds by bisection the point between 0 and 1 where `is_below` turns from true to false.
fn bisect(is_below: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = low + (high - low) / 2.0;
        if is_below(middle) { low = middle } else { high = middle }
    }
    low + (high - low) / 2.0
}

/// P(X <= count) and P(X > count) of the binomial distribution, for `count` < `of`. Only the
/// smaller tail is summed, from its largest term until further terms change nothing. This keeps a
/// small tail exact.
fn tails(count: u64, of: u64, share: f64) -> (f64, f64) {
    if share <= 0.0 {
        return (1.0, 0.0);
    }
    if share >= 1.0 {
        return (0.0, 1.0);
    }
    let odds = share / (1.0 - share);
    let term = |k: u64| {
        (ln_choose(of, k) + k as f64 * share.ln() + (of - k) as f64 * (-share).ln_1p()).exp()
    };
    if (count as f64) < of as f64 * share {
        // The terms decrease from `count` downwards.
        let (mut k, mut each) = (count, term(count));
        let mut sum = each;
        while k > 0 && each > sum * f64::EPSILON {
            each *= k as f64 / ((of - k + 1) as f64 * odds);
            sum += each;
            k -= 1;
        }
        (sum.min(1.0), 1.0 - sum.min(1.0))
    } else {
        // The terms decrease from `count + 1` upwards.
        let (mut k, mut each) = (count + 1, term(count + 1));
        let mut sum = each;
        while k < of && each > sum * f64::EPSILON {
            each *= (of - k) as f64 * odds / (k + 1) as f64;
            sum += each;
            k += 1;
        }
        (1.0 - sum.min(1.0), sum.min(1.0))
    }
}

fn ln_choose(of: u64, k: u64) -> f64 {
    ln_factorial(of) - ln_factorial(k) - ln_factorial(of - k)
}

/// The natural logarithm of n!. From 16 on it uses Stirling's series, with an error below 1e-13.
fn ln_factorial(n: u64) -> f64 {
    if n < 16 {
        return (2..=n).map(|k| (k as f64).ln()).sum();
    }
    let n = n as f64;
    let square = n * n;
    let series = (1.0 / 12.0
        - (1.0 / 360.0 - (1.0 / 1_260.0 - 1.0 / (1_680.0 * square)) / square) / square)
        / n;
    n * n.ln() - n + 0.5 * (std::f64::consts::TAU * n).ln() + series
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALPHA: f64 = 0.05;

    fn near(found: f64, published: f64, within: f64) {
        assert!((found - published).abs() <= within, "{found} is not {published}");
    }

    #[test]
    fn bounds_are_those_that_are_published() {
        // A one-sided 95 % bound equals an end of the two-sided 90 % Clopper-Pearson interval.
        near(at_most(9, 2_461, ALPHA), 0.0064, 0.00005);
        near(at_most(0, 1_000, ALPHA), 0.0030, 0.00005);
        near(at_most(1, 10, ALPHA), 0.394_163, 1e-6);
        near(at_least(1, 10, ALPHA), 0.005_116, 1e-6);
        near(at_most(5, 10, ALPHA), 0.777_559, 1e-6);
        near(at_least(5, 10, ALPHA), 0.222_441, 1e-6);
        near(at_most(0, 10, ALPHA), 1.0 - 0.05f64.powf(0.1), 1e-12);
        near(at_least(10, 10, ALPHA), 0.05f64.powf(0.1), 1e-12);
        assert_eq!(fewest(0.001, ALPHA), Some(2_995));
        assert_eq!(fewest(0.02, ALPHA), Some(149));
        assert_eq!((fewest(0.0, ALPHA), fewest(1.0, ALPHA)), (None, Some(0)));
    }

    #[test]
    fn the_fewest_are_the_first_number_that_shows_it() {
        for share in [0.001, 0.003, 0.02, 0.05, 0.3] {
            let fewest = fewest(share, ALPHA).unwrap();
            assert!(
                at_most(0, fewest, ALPHA) <= share && at_most(0, fewest - 1, ALPHA) > share,
                "{share}"
            );
        }
    }

    #[test]
    fn both_bounds_hold_the_share_between_them_and_mirror_each_other() {
        for of in [1, 2, 7, 40, 1_000, 250_000, 5_000_000] {
            for count in [0, 1, 2, of / 50, of / 3, of - 1, of] {
                let count = count.min(of);
                let (low, high) = (at_least(count, of, ALPHA), at_most(count, of, ALPHA));
                let share = count as f64 / of as f64;
                assert!(
                    (0.0..=1.0).contains(&low) && low <= share && share <= high && high <= 1.0,
                    "{count} of {of}: {low} to {high}"
                );
                near(at_least(of - count, of, ALPHA), 1.0 - high, 1e-9);
                // At the bound, the tail has exactly the probability `alpha`.
                if count < of {
                    near(tails(count, of, high).0, ALPHA, 1e-6);
                }
            }
        }
    }

    #[test]
    fn nobody_at_all_proves_nothing() {
        assert_eq!((at_least(0, 0, ALPHA), at_most(0, 0, ALPHA)), (0.0, 1.0));
        assert_eq!((at_least(3, 2, ALPHA), at_most(3, 2, ALPHA)), (at_least(2, 2, ALPHA), 1.0));
    }
}

//! Chooses the provider for which a recipient is planned. Under the same policy, all runs of the
//! workspace choose the same provider for a recipient.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::config::Route;

/// A routing policy, with a key from the workspace's secret key. Without the key, an outsider
/// cannot construct an address that is sent through a certain provider.
#[derive(Debug)]
pub(crate) struct Router<'a> {
    route: &'a Route,
    seed: u64,
    /// The sum of the weights.
    shares: u64,
}

impl<'a> Router<'a> {
    pub(crate) fn new(route: &'a Route, secret: &[u8; 32]) -> Self {
        let seed = u64::from_le_bytes(secret[..8].try_into().expect("the key has 32 bytes"));
        Self {
            route,
            seed: xxh3_64_with_seed(b"route", seed),
            shares: route.weights.iter().map(|(_, weight)| u64::from(*weight)).sum(),
        }
    }

    /// The provider for the recipient with this key and receiving domain. Ignores providers set for
    /// cohorts.
    pub(crate) fn first(&self, key: &str, domain: &str) -> &'a str {
        if let Some((_, name)) = self.route.domains.iter().find(|(known, _)| known == domain) {
            return name;
        }
        // Maps the hash from 0..2^64 to 0..shares.
        let hash = xxh3_64_with_seed(key.as_bytes(), self.seed);
        let mut place = ((u128::from(hash) * u128::from(self.shares)) >> 64) as u64;
        for (name, weight) in &self.route.weights {
            match place.checked_sub(u64::from(*weight)) {
                None => return name,
                Some(left) => place = left,
            }
        }
        self.route.order.first().map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route() -> Route {
        let weights = [("a", 3), ("none", 0), ("b", 1)];
        Route {
            order: weights.iter().map(|(name, _)| (*name).to_owned()).collect(),
            weights: weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect(),
            domains: vec![("gmail.com".to_owned(), "b".to_owned())],
            ..Route::default()
        }
    }

    #[test]
    fn shares_are_kept_and_everybody_stays_where_they_are() {
        let route = route();
        let router = Router::new(&route, &[7; 32]);
        let of = |router: &Router<'_>, n: u32| {
            router.first(&format!("user{n}@example.com"), "example.com").to_owned()
        };
        let all: Vec<String> = (0..4_000).map(|n| of(&router, n)).collect();
        let a = all.iter().filter(|name| *name == "a").count();
        assert!((2_850..3_150).contains(&a), "{a} of 4000 with a share of three quarters");
        assert!(!all.contains(&"none".to_owned()));
        let again = Router::new(&route, &[7; 32]);
        assert!((0..4_000).all(|n| of(&again, n) == all[n as usize]));
        let elsewhere = Router::new(&route, &[8; 32]);
        assert!(
            (0..4_000).any(|n| of(&elsewhere, n) != all[n as usize]),
            "another workspace splits in another way"
        );
    }

    #[test]
    fn a_domain_comes_before_the_shares_and_without_shares_the_first_of_the_order_goes() {
        let mut route = route();
        assert_eq!(Router::new(&route, &[7; 32]).first("x@gmail.com", "gmail.com"), "b");
        route.weights.clear();
        assert_eq!(Router::new(&route, &[7; 32]).first("x@example.com", "example.com"), "a");
    }
}

//! `[route]`: the preferred provider of each recipient, and the order of failover. All names are
//! configured providers.

use super::keys;
use super::section::Section;
use crate::model::address::domain_to_ascii;
use crate::model::error::Result;

/// How a run with several providers chooses between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    /// The order of failover. Without weights, the first provider in it is preferred.
    pub order: Vec<String>,
    /// The shares of the recipients; empty if only the order decides. A provider with weight zero
    /// is used only for failover.
    pub weights: Vec<(String, u32)>,
    /// The preferred provider by receiving domain (in lowercase ASCII). Takes precedence over
    /// weights and order.
    pub domains: Vec<(String, String)>,
    /// The preferred provider of the canary. Takes precedence over all other keys.
    pub canary: Option<String>,
    /// The preferred provider of the recipients outside the canary. Takes precedence over domains,
    /// weights and order.
    pub rest: Option<String>,
}

impl Route {
    /// Returns all providers, each once: first those of the failover order, then the others that
    /// are preferred for a domain or cohort.
    pub(crate) fn providers(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.order.iter().map(String::as_str).collect();
        for name in self.domains.iter().map(|(_, name)| name).chain(&self.canary).chain(&self.rest)
        {
            if !all.contains(&name.as_str()) {
                all.push(name);
            }
        }
        all
    }

    pub(super) fn read(root: &Section<'_>, configured: &[&str]) -> Result<Option<Self>> {
        let Some(section) = root.section("route")? else { return Ok(None) };
        section.check_keys(&keys::names(keys::ROUTE), &[])?;
        let known = |name: &str| match configured.contains(&name) {
            true => Ok(name.to_owned()),
            false if configured.is_empty() => {
                Err(format!("there is no provider {name:?}; no provider is configured"))
            }
            false => {
                Err(format!("there is no provider {name:?}; there are: {}", configured.join(", ")))
            }
        };
        let example = configured.first().copied().unwrap_or("relay");
        let weights = weights(&section, &known)?;
        let mut order = section.read_all("order", example, known)?.unwrap_or_default();
        if let Some(node) = section.get("order") {
            let twice = order.iter().enumerate().find(|(at, name)| order[..*at].contains(name));
            if let Some((_, name)) = twice {
                return Err(section
                    .error(node, format!("route.order names {name} twice"))
                    .hint("name each provider once"));
            }
            if order.is_empty() {
                return Err(section
                    .error(node, "route.order is empty")
                    .hint(format!("write order = [\"{example}\"], or remove [route]")));
            }
        }
        if order.is_empty() && weights.is_empty() {
            let hint = format!("write order = [\"{example}\"], or weights = {{ {example} = 1 }}");
            return Err(section
                .error_on(section.line, "[route] says neither order nor weights")
                .hint(hint));
        }
        // Providers that have a weight but are not in `order` are used for failover last.
        let more: Vec<String> = weights
            .iter()
            .map(|(name, _)| name.clone())
            .filter(|name| !order.contains(name))
            .collect();
        order.extend(more);
        let (canary, rest) = match section.section("cohorts")? {
            None => (None, None),
            Some(cohorts) => {
                cohorts.check_keys(&keys::names(keys::COHORTS), &[])?;
                (cohorts.read("canary", example, known)?, cohorts.read("rest", example, known)?)
            }
        };
        Ok(Some(Self {
            order,
            weights,
            domains: domains(&section, example, &known)?,
            canary,
            rest,
        }))
    }
}

fn weights(
    section: &Section<'_>,
    known: &impl Fn(&str) -> Result<String, String>,
) -> Result<Vec<(String, u32)>> {
    const MOST: usize = 1_000_000;
    let Some(table) = section.section("weights")? else { return Ok(Vec::new()) };
    let mut weights = Vec::new();
    for (name, node) in table.table.iter() {
        let name = known(name).map_err(|why| {
            table
                .error(node, format!("{}: {why}", table.name(name)))
                .hint("name a provider that this file configures")
        })?;
        let weight = table
            .number(&name, 0..=MOST)?
            .and_then(|weight| u32::try_from(weight).ok())
            .unwrap_or(0);
        weights.push((name, weight));
    }
    match section.get("weights") {
        Some(node) if weights.iter().all(|(_, weight)| *weight == 0) => Err(section
            .error(node, "route.weights gives no provider a share")
            .hint("give at least one provider a weight of 1 or more")),
        _ => Ok(weights),
    }
}

fn domains(
    section: &Section<'_>,
    example: &str,
    known: &impl Fn(&str) -> Result<String, String>,
) -> Result<Vec<(String, String)>> {
    let Some(table) = section.section("domains")? else { return Ok(Vec::new()) };
    let mut domains: Vec<(String, String)> = Vec::new();
    for (typed, node) in table.table.iter() {
        let wrong = |what: String| {
            table.error(node, what).hint(format!("write \"gmail.com\" = \"{example}\""))
        };
        let domain =
            domain_to_ascii(typed).map_err(|e| wrong(format!("{}: {e}", table.name(typed))))?;
        if domains.iter().any(|(there, _)| *there == domain) {
            return Err(wrong(format!("{} is there twice", table.name(typed))));
        }
        domains.extend(table.read(typed, example, known)?.map(|name| (domain, name)));
    }
    Ok(domains)
}

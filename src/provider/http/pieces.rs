//! How what is left of a claim is cut into requests.
//!
//! The rule it keeps: members that were not taken go first, in requests of their own, before what
//! has not been tried.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use data_encoding::HEXLOWER;
use ring::digest;

use super::api::Inexpressible;
use super::hand_over::{Halt, HandOver, not_taken};
use super::request::Request;
use crate::model::outcome::Reason;
use crate::provider::{Health, Job, Refusal, Verdict, without_addresses};

impl<'a> HandOver<'a> {
    /// The request for these members; `None` where they have been settled or cut into pieces
    /// instead.
    pub(super) fn request(&mut self, jobs: &[&'a Job]) -> Result<Option<Request>, Halt> {
        let most = self.api.limits().bytes;
        let (refusal, pieces) = match self
            .api
            .request(jobs, &self.key(jobs))
            .map(|request| (request.body.len(), request))
        {
            Ok((bytes, request)) if bytes <= most => return Ok(Some(request)),
            Ok((bytes, _)) => {
                let words = format!("the request has {bytes} bytes, the service takes {most}");
                (Refusal::new(Reason::Content, "", words), bytes.div_ceil(most.max(1)))
            }
            Err(Inexpressible(refusal)) => (refusal, 2),
        };
        match jobs {
            // What does not go stays in doubt.
            _ if self.claim.is_replay => {}
            // Nothing has touched the wire, so there is nothing to be traced.
            [job] => self.reply.items.push((job.id, Verdict::Rejected(refusal))),
            _ if self.sort_apart(jobs) => {}
            _ => self.cut(jobs, pieces),
        }
        Ok(None)
    }

    /// Settles those who were refused by name, and puts the others in front of what is still to be
    /// done.
    pub(super) fn without(
        &mut self,
        jobs: &[&'a Job],
        refused: Vec<(usize, Refusal)>,
    ) -> Result<(), Halt> {
        let mut refused: BTreeMap<usize, Refusal> =
            refused.into_iter().filter(|(place, _)| *place < jobs.len()).collect();
        let mut others = Vec::with_capacity(jobs.len());
        let others_fate = Refusal::new(Reason::Session, "", "refused with others of its request");
        for (place, job) in jobs.iter().copied().enumerate() {
            match refused.remove(&place) {
                Some(refusal) => self.settle(job, Verdict::Rejected(refusal)),
                None => others.push(job),
            }
        }
        // If the answer names no member of the request, sending the others again would never end.
        if others.len() == jobs.len() {
            return self.refused(jobs, &others_fate, Health::Fine);
        }
        if !others.is_empty() && !self.claim.is_replay {
            others.iter().try_for_each(|job| self.trace(job, &not_taken(&others_fate)))?;
            self.todo.push_front(others);
        }
        Ok(())
    }

    /// Puts members in front of what is still to be done, those of each kind together; false where
    /// all are of one kind.
    fn sort_apart(&mut self, jobs: &[&'a Job]) -> bool {
        let mut kinds: BTreeMap<u64, Vec<&'a Job>> = BTreeMap::new();
        jobs.iter().for_each(|job| kinds.entry(self.api.kind_of(job)).or_default().push(job));
        if kinds.len() < 2 {
            return false;
        }
        kinds.into_values().for_each(|members| self.todo.push_front(members));
        true
    }

    /// Puts members in front of what is still to be done in requests of at most so many, and
    /// remembers the number.
    pub(super) fn smaller(
        &mut self,
        jobs: &[&'a Job],
        most: usize,
        refusal: &Refusal,
    ) -> Result<(), Halt> {
        // An account that is allowed none, or fewer than it says, would have the request go for
        // ever.
        if most == 0 || most >= jobs.len() || self.claim.is_replay {
            return self.refused(jobs, refusal, Health::Stop(without_addresses(refusal.clone())));
        }
        self.http.most.fetch_min(most, Ordering::AcqRel);
        self.reply.most_per_request = Some(most);
        jobs.iter().try_for_each(|job| self.trace(job, &not_taken(refusal)))?;
        jobs.chunks(most).rev().for_each(|piece| self.todo.push_front(piece.to_vec()));
        self.cut_to(most);
        Ok(())
    }

    /// Cuts what is still to be done into requests of at most so many: it was cut for a larger
    /// limit before.
    pub(super) fn cut_to(&mut self, most: usize) {
        let todo = std::mem::take(&mut self.todo);
        self.todo = todo
            .into_iter()
            .flat_map(|jobs| jobs.chunks(most).map(<[&Job]>::to_vec).collect::<Vec<_>>())
            .collect();
    }

    /// Puts members in front of the remaining work, cut into `pieces` requests of about equal size.
    pub(super) fn cut(&mut self, jobs: &[&'a Job], pieces: usize) {
        let pieces = pieces.max(2).min(jobs.len());
        for piece in (0..pieces).rev() {
            self.todo.push_front(
                jobs[piece * jobs.len() / pieces..(piece + 1) * jobs.len() / pieces].to_vec(),
            );
        }
    }

    /// The key of a request: the claim's own where all its members go, else one that the members
    /// make.
    fn key(&self, jobs: &[&Job]) -> String {
        if jobs.len() == self.claim.jobs.len() {
            return self.claim.key.clone();
        }
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(self.claim.key.as_bytes());
        jobs.iter().for_each(|job| hash.update(&job.id.to_be_bytes()));
        HEXLOWER.encode(&hash.finish().as_ref()[..16])
    }
}

//! Divides the remaining messages of a claim into requests.
//!
//! Messages that were tried and not accepted are sent first, in separate requests, before messages
//! that have not been tried.

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
    /// Builds the request for these messages. Returns `None` if they were settled or divided
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
                let words = format!(
                    "the request has {bytes} bytes, but the service accepts at most {most}"
                );
                (Refusal::new(Reason::Content, "", words), bytes.div_ceil(most.max(1)))
            }
            Err(Inexpressible(refusal)) => (refusal, 2),
        };
        match jobs {
            // A replay that cannot be built is not sent, so the outcome of its messages stays
            // unknown.
            _ if self.claim.is_replay => {}
            // Nothing was sent, so the trace needs no record.
            [job] => self.reply.items.push((job.id, Verdict::Rejected(refusal))),
            _ if self.sort_apart(jobs) => {}
            _ => self.cut(jobs, pieces),
        }
        Ok(None)
    }

    /// Settles the messages that the reply refused by name, and puts the others at the front of the
    /// queue.
    pub(super) fn without(
        &mut self,
        jobs: &[&'a Job],
        refused: Vec<(usize, Refusal)>,
    ) -> Result<(), Halt> {
        let mut refused: BTreeMap<usize, Refusal> =
            refused.into_iter().filter(|(place, _)| *place < jobs.len()).collect();
        let mut others = Vec::with_capacity(jobs.len());
        let others_fate = Refusal::new(
            Reason::Session,
            "",
            "refused together with other messages of its request",
        );
        for (place, job) in jobs.iter().copied().enumerate() {
            match refused.remove(&place) {
                Some(refusal) => self.settle(job, Verdict::Rejected(refusal)),
                None => others.push(job),
            }
        }
        // If the reply names no message of the request, repeating the request for the others would
        // never end.
        if others.len() == jobs.len() {
            return self.refused(jobs, &others_fate, Health::Fine);
        }
        if !others.is_empty() && !self.claim.is_replay {
            others.iter().try_for_each(|job| self.trace(job, &not_taken(&others_fate)))?;
            self.todo.push_front(others);
        }
        Ok(())
    }

    /// Puts messages at the front of the queue, grouped by [`Api::kind_of`]. Returns false if all
    /// are of the same kind.
    fn sort_apart(&mut self, jobs: &[&'a Job]) -> bool {
        let mut kinds: BTreeMap<u64, Vec<&'a Job>> = BTreeMap::new();
        jobs.iter().for_each(|job| kinds.entry(self.api.kind_of(job)).or_default().push(job));
        if kinds.len() < 2 {
            return false;
        }
        kinds.into_values().for_each(|members| self.todo.push_front(members));
        true
    }

    /// Puts messages at the front of the queue in requests of at most `most` recipients, and stores
    /// that limit.
    pub(super) fn smaller(
        &mut self,
        jobs: &[&'a Job],
        most: usize,
        refusal: &Refusal,
    ) -> Result<(), Halt> {
        // A limit of zero, or a limit that the request already meets, would repeat the request
        // forever.
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

    /// Divides the queued requests again, because they were built for a larger limit.
    pub(super) fn cut_to(&mut self, most: usize) {
        let todo = std::mem::take(&mut self.todo);
        self.todo = todo
            .into_iter()
            .flat_map(|jobs| jobs.chunks(most).map(<[&Job]>::to_vec).collect::<Vec<_>>())
            .collect();
    }

    /// Puts messages at the front of the queue, divided into `pieces` requests of about equal size.
    pub(super) fn cut(&mut self, jobs: &[&'a Job], pieces: usize) {
        let pieces = pieces.max(2).min(jobs.len());
        for piece in (0..pieces).rev() {
            self.todo.push_front(
                jobs[piece * jobs.len() / pieces..(piece + 1) * jobs.len() / pieces].to_vec(),
            );
        }
    }

    /// Returns the idempotency key of a request. It is the claim's key if the request contains all
    /// messages of the claim, else a hash of the claim's key and the messages.
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

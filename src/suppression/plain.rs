//! Fast checks of simple fields in a suppression file, directly in the read buffer. They return
//! `None` for a field that the complete check must examine.

use memchr::memchr;
use xxhash_rust::xxh3::xxh3_128;

use super::entry::Scope;
use crate::model::outcome::Reason;

/// The reason for one of the words that this program writes; `None` for another word.
#[inline]
pub(super) fn plain_reason(field: &[u8]) -> Option<Reason> {
    match field {
        b"" | b"manual" => Some(Reason::Manual),
        b"unsubscribe" => Some(Reason::Unsubscribe),
        b"hard_bounce" => Some(Reason::HardBounce),
        b"complaint" => Some(Reason::Complaint),
        _ => None,
    }
}

/// The scope for one of the words that this program writes; `None` for another word.
#[inline]
pub(super) fn plain_scope(field: &[u8]) -> Option<Scope> {
    match field {
        b"" => Some(Scope::Own),
        b"all" => Some(Scope::All),
        b"marketing" => Some(Scope::Marketing),
        _ => None,
    }
}

/// Whether the field is empty or a time like `2026-11-21T08:00:00Z` on one of the first 28 days of
/// a month, which every month has.
#[inline]
pub(super) fn is_plain_time(field: &[u8]) -> bool {
    if field.is_empty() {
        return true;
    }
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        mo1,
        mo2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        m1,
        m2,
        b':',
        s1,
        s2,
        b'Z',
    ] = *field
    else {
        return false;
    };
    let digits = [y1, y2, y3, y4, mo1, mo2, d1, d2, h1, h2, m1, m2, s1, s2];
    let two = |tens: u8, ones: u8| {
        (tens.wrapping_sub(b'0')).wrapping_mul(10).wrapping_add(ones.wrapping_sub(b'0'))
    };
    digits.iter().all(u8::is_ascii_digit)
        && y1 != b'0'
        && (1..=12).contains(&two(mo1, mo2))
        && (1..=28).contains(&two(d1, d2))
        && two(h1, h2) < 24
        && two(m1, m2) < 60
        && two(s1, s2) < 60
}

/// The longest address that the fast path accepts. The buffer has this width, so that the compiler
/// can use whole registers.
const LONGEST: usize = 128;
const LANE: usize = 32;

/// The hash of a simple address; `None` for any other text. A simple address consists of letters,
/// digits, `.`, `-`, `_`, one `@` and, before the `@`, `+`. The characters `.`, `-` and `@` are
/// neither adjacent nor at either end, so `xn--` needs the complete check. The domain is short and
/// ends with a letter.
#[inline]
pub(super) fn hash_plain_address(field: &[u8]) -> Option<u128> {
    let n = field.len();
    if !(5..=LONGEST).contains(&n) {
        return None;
    }
    let mut folded = [b'a'; LONGEST];
    folded[..n].copy_from_slice(field);
    let mut joints = [0_u8; LONGEST + 1];
    let lanes = n.next_multiple_of(LANE);
    let (mut odd, mut ats) = (0_u8, 0_u8);
    for (lane, joints) in
        folded[..lanes].as_chunks_mut::<LANE>().0.iter_mut().zip(joints.as_chunks_mut::<LANE>().0)
    {
        for (byte, joint) in lane.iter_mut().zip(joints) {
            let b = *byte;
            let upper = b.wrapping_sub(b'A') < 26;
            let letter = (b | 0x20).wrapping_sub(b'a') < 26;
            let digit = b.wrapping_sub(b'0') < 10;
            let is_joint = (b == b'.') | (b == b'-') | (b == b'@');
            *byte = b | (u8::from(upper) << 5);
            *joint = u8::from(is_joint);
            odd |= u8::from(!(letter | digit | is_joint | (b == b'_') | (b == b'+')));
            ats += u8::from(b == b'@');
        }
    }
    let side_by_side = joints[..lanes]
        .iter()
        .zip(&joints[1..=lanes])
        .fold(0, |any, (one, next)| any | (one & next));
    if odd | side_by_side != 0 || ats != 1 {
        return None;
    }
    let at = memchr(b'@', &folded[..n])?;
    let domain = &folded[at + 1..n];
    let is_sound = joints[0] == 0
        && (1..=64).contains(&at)
        && (1..=63).contains(&domain.len())
        && folded[n - 1].is_ascii_lowercase()
        && memchr(b'+', domain).is_none()
        // A domain without a dot, or with a single letter after the dot, may be truncated, so the
        // complete check must examine it.
        && memchr(b'.', domain).is_some()
        && folded[n - 2] != b'.';
    is_sound.then(|| xxh3_128(&folded[..n]))
}

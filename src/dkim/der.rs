//! Reads and writes the few DER structures that DKIM keys need.

/// The object identifiers of the two key types: rsaEncryption (RFC 8017) and id-Ed25519 (RFC 8410).
pub(super) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
pub(super) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const BYTE_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// Returns the value of the element at the beginning of `der`, and the bytes after the element.
/// Returns `None` if the element is invalid or has another tag than `tag`.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, length], rest) = der.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length - 0x80))?;
            (bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// Splits a private key in PKCS#8 (RFC 5958) into its algorithm and the key in that algorithm's
/// format.
pub(super) fn private_key_info(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (info, _) = element(der, SEQUENCE)?;
    let (_version, rest) = element(info, INTEGER)?;
    let (algorithm, rest) = element(rest, SEQUENCE)?;
    let (identifier, _) = element(algorithm, OBJECT_IDENTIFIER)?;
    let (key, _) = element(rest, BYTE_STRING)?;
    Some((identifier, key))
}

/// Returns the length in bits of an RSA key in PKCS#1 (RFC 8017 appendix A.1.2).
pub(super) fn rsa_bits(der: &[u8]) -> Option<usize> {
    let (key, _) = element(der, SEQUENCE)?;
    let (_version, rest) = element(key, INTEGER)?;
    let (modulus, _) = element(rest, INTEGER)?;
    let significant = &modulus[modulus.iter().take_while(|byte| **byte == 0).count()..];
    Some(significant.len() * 8 - significant.first()?.leading_zeros() as usize)
}

/// Converts a public RSA key in PKCS#1 to SubjectPublicKeyInfo (RFC 5280 section 4.1), the format
/// in DNS records.
pub(super) fn rsa_public_key_info(key: &[u8]) -> Vec<u8> {
    const NULL: [u8; 2] = [0x05, 0];
    let algorithm = written(SEQUENCE, &[&written(OBJECT_IDENTIFIER, RSA)[..], &NULL].concat());
    // The first byte is the number of unused bits in the last byte of the key.
    let key = written(BIT_STRING, &[&[0], key].concat());
    written(SEQUENCE, &[algorithm, key].concat())
}

fn written(tag: u8, value: &[u8]) -> Vec<u8> {
    let bytes = value.len().to_be_bytes();
    let length = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    let mut out = vec![tag];
    match value.len() {
        0..=0x7f => out.push(bytes[bytes.len() - 1]),
        _ => {
            out.push(0x80 | length.len() as u8);
            out.extend_from_slice(length);
        }
    }
    out.extend_from_slice(value);
    out
}

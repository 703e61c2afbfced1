//! The form of a sealed file. Bytes in, bytes out; the layout stands in the header of the room.

use std::ffi::OsStr;
use std::fmt;

use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::store::profiles::SIDE;

/// How every sealed file begins, whatever its version.
const MAGIC: &[u8] = b"Codex Router: encrypted file, format ";
const VERSION_1: &[u8] = b"Codex Router: encrypted file, format 1\n";
const ID_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;
const LENGTH_BYTES: usize = 4;
const TAG_BYTES: usize = 16;
const HEADER_BYTES: usize = VERSION_1.len() + ID_BYTES + NONCE_BYTES + LENGTH_BYTES;
/// What sealing adds to a file.
pub const OVERHEAD_BYTES: u64 = (HEADER_BYTES + TAG_BYTES) as u64;

/// Which key: random, no part of it.
pub type KeyId = [u8; ID_BYTES];

/// The key of all sealed files of a home. Wiped when dropped.
pub struct Key {
    pub id: KeyId,
    pub secret: Zeroizing<[u8; 32]>,
}

impl Key {
    pub fn random() -> Self {
        Self {
            id: rand::random(),
            secret: Zeroizing::new(rand::random()),
        }
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.secret).into())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Why a sealed file does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedError {
    OtherKey,
    Damaged,
    /// It has a form that this version does not know.
    FromTheFuture,
    TooBig,
}

/// Whether these bytes are a sealed file, of any version.
pub fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Which key a sealed file needs; `None` where it does not say.
pub fn key_id(file: &[u8]) -> Option<KeyId> {
    let fields = file.strip_prefix(VERSION_1)?;
    fields.first_chunk().copied()
}

/// Seals the content of a file that will have this name.
pub fn seal(key: &Key, name: &OsStr, content: &[u8]) -> Result<Vec<u8>, SealedError> {
    let length = u32::try_from(content.len() + TAG_BYTES).map_err(|_more| SealedError::TooBig)?;
    let nonce: [u8; NONCE_BYTES] = rand::random();
    let header = [VERSION_1, &key.id, &nonce, &length.to_le_bytes()].concat();
    // Big enough from the start: what is moved in memory leaves a copy behind.
    let mut sealed = Zeroizing::new(Vec::with_capacity(content.len() + TAG_BYTES));
    sealed.extend_from_slice(content);
    key.cipher()
        .encrypt_in_place(&XNonce::from(nonce), &data(&header, name), &mut *sealed)
        .map_err(|_too_long| SealedError::TooBig)?;
    Ok([header.as_slice(), &sealed].concat())
}

/// Opens a sealed file of this name. What follows it may be zeros: room that was reserved and not given back yet.
pub fn open(key: &Key, name: &OsStr, file: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealedError> {
    if !file.starts_with(VERSION_1) {
        return Err(version_error(file));
    }
    let (header, rest) = file
        .split_at_checked(HEADER_BYTES)
        .ok_or(SealedError::Damaged)?;
    let fields = header.get(VERSION_1.len()..).unwrap_or_default();
    let (id, fields) = fields
        .split_first_chunk::<ID_BYTES>()
        .ok_or(SealedError::Damaged)?;
    let (nonce, length) = fields
        .split_first_chunk::<NONCE_BYTES>()
        .ok_or(SealedError::Damaged)?;
    let length = length
        .first_chunk::<LENGTH_BYTES>()
        .map(|bytes| u32::from_le_bytes(*bytes))
        .and_then(|length| usize::try_from(length).ok()) // larger than memory
        .ok_or(SealedError::Damaged)?;
    if *id != key.id {
        return Err(SealedError::OtherKey);
    }
    let (sealed, after) = rest.split_at_checked(length).ok_or(SealedError::Damaged)?;
    if after.iter().any(|byte| *byte != 0) {
        return Err(SealedError::Damaged);
    }
    let mut content = Zeroizing::new(sealed.to_vec());
    key.cipher()
        .decrypt_in_place(&XNonce::from(*nonce), &data(header, name), &mut *content)
        .map_err(|_does_not_fit| SealedError::Damaged)?;
    Ok(content)
}

/// A line that ends after other digits is of a later version; one that is cut off is of none.
fn version_error(file: &[u8]) -> SealedError {
    let rest = file.get(MAGIC.len()..).unwrap_or_default();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match (digits, rest.get(digits)) {
        (1.., Some(b'\n')) => SealedError::FromTheFuture,
        _ => SealedError::Damaged,
    }
}

/// The associated data: the header, and what the file is for, so that one kind cannot be put in the place of another. Not its
/// path: accounts are renamed, deleted and put back.
fn data(header: &[u8], name: &OsStr) -> Vec<u8> {
    let purpose: &[u8] = match final_name(&name.to_string_lossy()) {
        SIDE => b"words",
        _login => b"login",
    };
    [header, purpose].concat()
}

/// The name that a temporary file will have.
pub fn final_name(name: &str) -> &str {
    let mut name = name;
    while crate::store::safe_file::is_temporary(name.as_ref())
        && let Some((stem, _digits)) = name
            .strip_prefix('.')
            .and_then(|name| name.strip_suffix(".tmp"))
            .and_then(|name| name.rsplit_once('.'))
    {
        name = stem;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth() -> &'static OsStr {
        OsStr::new("auth.json")
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_alone() {
        let key = Key::random();
        let file = seal(&key, auth(), b"{\"a\": 1}").unwrap();
        assert!(is_sealed(&file) && !is_sealed(b"{}"));
        assert_eq!(file.len() as u64, 8 + OVERHEAD_BYTES);
        assert_eq!(*open(&key, auth(), &file).unwrap(), b"{\"a\": 1}");
        let temporary = OsStr::new(".auth.json.0123456789abcdef.tmp");
        assert_eq!(*open(&key, temporary, &file).unwrap(), b"{\"a\": 1}");
        let other = Key::random();
        assert_eq!(open(&other, auth(), &file), Err(SealedError::OtherKey));
        let forged = Key {
            id: key.id,
            secret: Zeroizing::new([7; 32]),
        };
        assert_eq!(open(&forged, auth(), &file), Err(SealedError::Damaged));
        assert_eq!(format!("{key:?}"), "Key(…)");
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let key = Key::random();
        let file = seal(&key, auth(), b"login").unwrap();
        for place in 0..file.len() {
            let mut changed = file.clone();
            changed[place] ^= 1;
            let is_open = is_sealed(&changed) && open(&key, auth(), &changed).is_ok();
            assert!(!is_open, "byte {place}");
            let cut = &file[..place];
            assert!(
                !is_sealed(cut) || open(&key, auth(), cut).is_err(),
                "cut at {place}"
            );
        }
        for (after, expected) in [(&[0_u8; 9][..], true), (&[0, 1], false)] {
            let longer = [file.as_slice(), after].concat();
            assert_eq!(open(&key, auth(), &longer).is_ok(), expected);
        }
    }

    #[test]
    fn one_kind_of_file_is_not_taken_for_the_other() {
        let key = Key::random();
        let file = seal(&key, OsStr::new(SIDE), b"{}").unwrap();
        assert_eq!(open(&key, auth(), &file), Err(SealedError::Damaged));
    }

    #[test]
    fn a_later_format_is_told_as_one() {
        let file = b"Codex Router: encrypted file, format 12\n...";
        assert_eq!(
            open(&Key::random(), auth(), file),
            Err(SealedError::FromTheFuture)
        );
    }

    #[test]
    fn a_temporary_file_is_for_the_name_in_it() {
        let twice = "..auth.json.0123456789abcdef.tmp.0123456789abcdef.tmp";
        assert_eq!(final_name(twice), "auth.json");
        assert_eq!(final_name("auth.json"), "auth.json");
        assert_eq!(final_name(".x.tmp"), ".x.tmp");
    }
}

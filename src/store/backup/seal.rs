//! The seal of a backup: a key from a passphrase, and the content closed by it. Its layout stands in the header of the room.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{AeadInOut as _, KeyInit as _};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::profile::Secret;

/// How every backup begins.
pub const MAGIC: [u8; 8] = *b"codexrtr";

const VERSION: u16 = 1;
const ARGON2ID: u8 = 1;
const XCHACHA20_POLY1305: u8 = 1;
const SALT: std::ops::Range<usize> = 24..40;
const NONCE: std::ops::Range<usize> = 40..64;
const LENGTH: std::ops::Range<usize> = 64..72;
const HEADER_BYTES: usize = 72;
const TAG_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 32;

/// Why a backup cannot be made or opened. Tells nothing of what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("this is no backup of Codex Router")]
    NoBackup,
    #[error(
        "the backup was made by a newer version of Codex Router (format {0}); update, then try again"
    )]
    FromTheFuture(u16),
    #[error("the backup is cut off; copy it again from where it came")]
    CutOff,
    #[error("the backup is damaged: it is not what was written; take another copy")]
    Damaged,
    #[error(
        "opening the backup would take more memory or time than any of ours; it was not made by Codex Router"
    )]
    TooDemanding,
    #[error("this is not its passphrase")]
    WrongPassphrase,
    #[error("there is not enough memory to make the key (64 MiB); close something and try again")]
    NoMemory,
}

/// What making the key costs, and what guessing costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

impl Cost {
    /// Every backup is made with it.
    pub const OURS: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 1,
    };
    /// What a file may make us do.
    const MOST: Self = Self {
        memory_kib: 1024 * 1024,
        passes: 10,
        lanes: 4,
    };

    /// Whether a file may ask for it.
    pub fn is_bearable(self) -> bool {
        self.is_within(Self::MOST)
    }

    fn is_within(self, most: Self) -> bool {
        self.memory_kib <= most.memory_kib && self.passes <= most.passes && self.lanes <= most.lanes
    }
}

/// Closes the content.
pub fn seal(
    content: &[u8],
    passphrase: &Secret,
    cost: Cost,
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let salt: [u8; 16] = rand::random();
    let nonce: [u8; 24] = rand::random();
    let length = (content.len() + TAG_BYTES) as u64;
    let header = [
        &MAGIC[..],
        &VERSION.to_le_bytes(),
        &[ARGON2ID, XCHACHA20_POLY1305],
        &cost.memory_kib.to_le_bytes(),
        &cost.passes.to_le_bytes(),
        &cost.lanes.to_le_bytes(),
        &salt,
        &nonce,
        &length.to_le_bytes(),
    ]
    .concat();
    let key = key_of(passphrase, &salt, cost)?;
    // Big enough from the start: what is moved in memory leaves a copy behind.
    let mut sealed = Zeroizing::new(Vec::with_capacity(content.len() + TAG_BYTES));
    sealed.extend_from_slice(content);
    cipher(&key)
        .encrypt_in_place(&XNonce::from(nonce), &header, &mut *sealed)
        .map_err(|_too_long| SealError::NoMemory)?;
    let mut file = Zeroizing::new(header);
    file.extend_from_slice(&sealed);
    let checksum = Sha256::digest(&*file);
    file.extend_from_slice(&checksum);
    Ok(file)
}

/// Whether a file is whole and of a kind that we open.
pub fn check(file: &[u8]) -> Result<(), SealError> {
    parts(file).map(|_parts| ())
}

/// Opens a file.
pub fn open(file: &[u8], passphrase: &Secret) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let parts = parts(file)?;
    let key = key_of(passphrase, parts.salt, parts.cost)?;
    let mut content = Zeroizing::new(parts.sealed.to_vec());
    cipher(&key)
        .decrypt_in_place(&XNonce::from(parts.nonce), parts.header, &mut *content)
        .map_err(|_does_not_fit| SealError::WrongPassphrase)?;
    Ok(content)
}

struct Parts<'a> {
    header: &'a [u8],
    cost: Cost,
    salt: &'a [u8],
    nonce: [u8; 24],
    sealed: &'a [u8],
}

fn parts(file: &[u8]) -> Result<Parts<'_>, SealError> {
    if !file.starts_with(&MAGIC) {
        return match MAGIC.starts_with(file) && !file.is_empty() {
            true => Err(SealError::CutOff),
            false => Err(SealError::NoBackup),
        };
    }
    let version = number::<2>(file, 8)
        .map(u16::from_le_bytes)
        .ok_or(SealError::CutOff)?;
    if version > VERSION {
        return Err(SealError::FromTheFuture(version));
    }
    let header = file.get(..HEADER_BYTES).ok_or(SealError::CutOff)?;
    let length = number::<8>(file, LENGTH.start).map(u64::from_le_bytes);
    let length = length.and_then(|length| usize::try_from(length).ok()); // larger than memory
    let end = length.and_then(|length| length.checked_add(HEADER_BYTES + CHECKSUM_BYTES));
    let end = end.ok_or(SealError::Damaged)?;
    if file.len() < end {
        return Err(SealError::CutOff);
    }
    let (body, checksum) = file
        .split_last_chunk::<CHECKSUM_BYTES>()
        .ok_or(SealError::CutOff)?;
    if file.len() > end || Sha256::digest(body).as_slice() != checksum {
        return Err(SealError::Damaged);
    }
    let kinds = (header.get(10), header.get(11));
    if version != VERSION || kinds != (Some(&ARGON2ID), Some(&XCHACHA20_POLY1305)) {
        return Err(SealError::Damaged);
    }
    let word = |at| number::<4>(file, at).map_or(u32::MAX, u32::from_le_bytes);
    let cost = Cost {
        memory_kib: word(12),
        passes: word(16),
        lanes: word(20),
    };
    if !cost.is_bearable() {
        return Err(SealError::TooDemanding);
    }
    Ok(Parts {
        header,
        cost,
        salt: file.get(SALT).ok_or(SealError::CutOff)?,
        nonce: number::<24>(file, NONCE.start).ok_or(SealError::CutOff)?,
        sealed: body.get(HEADER_BYTES..).ok_or(SealError::CutOff)?,
    })
}

fn number<const N: usize>(file: &[u8], at: usize) -> Option<[u8; N]> {
    file.get(at..)?.first_chunk::<N>().copied()
}

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key))
}

/// The key that a passphrase stands for.
pub fn key_of(
    passphrase: &Secret,
    salt: &[u8],
    cost: Cost,
) -> Result<Zeroizing<[u8; 32]>, SealError> {
    // Parameters below Argon2's own least were never ours either.
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32))
        .map_err(|_out_of_range| SealError::Damaged)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose().as_bytes(), salt, &mut *key)
        .map_err(|_no_memory| SealError::NoMemory)?;
    Ok(key)
}

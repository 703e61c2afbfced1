//! `vault.json`: the key of the sealed files, itself closed by the passphrase. Its layout stands in the header of the room.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::VaultError;
use super::sealed::{Key, KeyId};
use crate::profile::Secret;
use crate::store::backup::seal::{self, Cost};

const VERSION: u32 = 1;
const WHAT: &str = "the key to the encrypted logins of Codex Router, closed by your passphrase: keep this file, they are lost without it";

/// As it stands on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFile {
    what: String,
    version: u32,
    key_id: String,
    kdf: Kdf,
    cipher: String,
    nonce: String,
    sealed_key: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kdf {
    name: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

const ARGON2ID: &str = "argon2id";
const XCHACHA20_POLY1305: &str = "xchacha20-poly1305";

impl KeyFile {
    /// Closes a key by a passphrase.
    pub fn close(key: &Key, passphrase: &Secret, cost: Cost) -> Result<Self, VaultError> {
        let salt: [u8; 16] = rand::random();
        let nonce: [u8; 24] = rand::random();
        let lock = seal::key_of(passphrase, &salt, cost)?;
        let mut sealed = Zeroizing::new(Vec::with_capacity(64));
        sealed.extend_from_slice(&*key.secret);
        XChaCha20Poly1305::new(&(*lock).into())
            .encrypt_in_place(
                &XNonce::from(nonce),
                &data(key.id, cost, &salt),
                &mut *sealed,
            )
            .map_err(|_too_long| VaultError::Broken)?;
        Ok(Self {
            what: WHAT.into(),
            version: VERSION,
            key_id: STANDARD.encode(key.id),
            kdf: Kdf {
                name: ARGON2ID.into(),
                memory_kib: cost.memory_kib,
                passes: cost.passes,
                lanes: cost.lanes,
                salt: STANDARD.encode(salt),
            },
            cipher: XCHACHA20_POLY1305.into(),
            nonce: STANDARD.encode(nonce),
            sealed_key: STANDARD.encode(&*sealed),
        })
    }

    /// Takes half a second and 64 MiB.
    pub fn open(&self, passphrase: &Secret) -> Result<Key, VaultError> {
        let id = self.id()?;
        let salt: [u8; 16] = bytes(&self.kdf.salt)?;
        let nonce: [u8; 24] = bytes(&self.nonce)?;
        let sealed: [u8; 48] = bytes(&self.sealed_key)?;
        let cost = self.cost()?;
        let lock = seal::key_of(passphrase, &salt, cost)?;
        let mut opened = Zeroizing::new(sealed.to_vec());
        XChaCha20Poly1305::new(&(*lock).into())
            .decrypt_in_place(&XNonce::from(nonce), &data(id, cost, &salt), &mut *opened)
            .map_err(|_does_not_fit| VaultError::WrongPassphrase)?;
        let mut secret = Zeroizing::new([0; 32]);
        let opened = opened.get(..32).ok_or(VaultError::Broken)?;
        secret.copy_from_slice(opened);
        Ok(Key { id, secret })
    }

    pub fn id(&self) -> Result<KeyId, VaultError> {
        bytes(&self.key_id)
    }

    /// # Errors
    /// When it is not ours, damaged, or of a later version.
    pub fn parse(text: &[u8]) -> Result<Self, VaultError> {
        let head: Version = serde_json::from_slice(text).map_err(|_no_json| VaultError::Broken)?;
        if head.version > VERSION {
            return Err(VaultError::FromTheFuture);
        }
        let file: Self = serde_json::from_slice(text).map_err(|_not_ours| VaultError::Broken)?;
        let is_ours = file.kdf.name == ARGON2ID && file.cipher == XCHACHA20_POLY1305;
        if !is_ours || file.id().is_err() {
            return Err(VaultError::Broken);
        }
        file.cost()?;
        Ok(file)
    }

    pub fn to_bytes(&self) -> Result<Vec<u8>, VaultError> {
        let text = serde_json::to_string_pretty(self).map_err(|_never| VaultError::Broken)?;
        Ok(format!("{text}\n").into_bytes())
    }

    fn cost(&self) -> Result<Cost, VaultError> {
        let cost = Cost {
            memory_kib: self.kdf.memory_kib,
            passes: self.kdf.passes,
            lanes: self.kdf.lanes,
        };
        match cost.is_bearable() {
            true => Ok(cost),
            false => Err(VaultError::Broken),
        }
    }
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], VaultError> {
    let bytes = STANDARD.decode(text).map_err(|_odd| VaultError::Broken)?;
    bytes.try_into().map_err(|_length| VaultError::Broken)
}

fn data(id: KeyId, cost: Cost, salt: &[u8; 16]) -> Vec<u8> {
    [
        &b"codex-router vault 1"[..],
        &id,
        &cost.memory_kib.to_le_bytes(),
        &cost.passes.to_le_bytes(),
        &cost.lanes.to_le_bytes(),
        salt,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every test that seals pays for it.
    const CHEAP: Cost = Cost {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };

    fn secret(text: &str) -> Secret {
        Secret::new(text)
    }

    #[test]
    fn the_key_comes_back_by_its_passphrase_alone() {
        let key = Key::random();
        let file = KeyFile::close(&key, &secret("right horse"), CHEAP).unwrap();
        let read = KeyFile::parse(&file.to_bytes().unwrap()).unwrap();
        assert_eq!(read, file);
        let opened = read.open(&secret("right horse")).unwrap();
        assert_eq!((opened.id, opened.secret), (key.id, key.secret));
        let wrong = read.open(&secret("wrong horse")).unwrap_err();
        assert!(matches!(wrong, VaultError::WrongPassphrase), "{wrong}");
    }

    #[test]
    fn a_changed_file_does_not_open() {
        let key = Key::random();
        let file = KeyFile::close(&key, &secret("right horse"), CHEAP).unwrap();
        let other_id = KeyFile {
            key_id: STANDARD.encode([1; 16]),
            ..file.clone()
        };
        let mut other_cost = file.clone();
        other_cost.kdf.passes = 2;
        for changed in [other_id, other_cost] {
            let changed = KeyFile::parse(&changed.to_bytes().unwrap()).unwrap();
            assert!(changed.open(&secret("right horse")).is_err());
        }
        let mut demanding = file.clone();
        demanding.kdf.memory_kib = u32::MAX;
        let demanding = KeyFile::parse(&demanding.to_bytes().unwrap());
        assert!(matches!(demanding, Err(VaultError::Broken)));
        for text in ["", "{}", r#"{"version": 1}"#] {
            let broken = KeyFile::parse(text.as_bytes());
            assert!(matches!(broken, Err(VaultError::Broken)), "{text}");
        }
        let newer = KeyFile::parse(br#"{"version": 2}"#);
        assert!(matches!(newer, Err(VaultError::FromTheFuture)));
    }
}

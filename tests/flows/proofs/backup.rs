//! A backup as `codex-router backup` makes it, and the key file of `codex-router encrypt`, by their documented formats, with a key that
//! takes no time: they are opened thousands of times.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use serde_json::json;
use sha2::{Digest, Sha256};

const MEMORY_KIB: u32 = 8;
const SALT: [u8; 16] = [7; 16];
const NONCE: [u8; 24] = [7; 24];

/// Closes the content with the passphrase.
pub fn seal(content: &str, passphrase: &str) -> Vec<u8> {
    const TAG_BYTES: u64 = 16;
    let length = content.len() as u64 + TAG_BYTES;
    let mut file = [
        &b"codexrtr"[..],
        &1_u16.to_le_bytes(),
        &[1, 1],
        &MEMORY_KIB.to_le_bytes(),
        &1_u32.to_le_bytes(),
        &1_u32.to_le_bytes(),
        &SALT,
        &NONCE,
        &length.to_le_bytes(),
    ]
    .concat();
    let sealed = encrypt(content.as_bytes(), &file, passphrase);
    file.extend(sealed);
    let checksum = Sha256::digest(&file);
    file.extend(checksum);
    file
}

/// `router/vault.json`: a key of our own, closed by the passphrase.
pub fn key_file(passphrase: &str) -> String {
    let id = [3; 16];
    let costs = [MEMORY_KIB, 1, 1].map(u32::to_le_bytes).concat();
    let data = [&b"codex-router vault 1"[..], &id, &costs, &SALT].concat();
    let sealed = encrypt(&[5; 32], &data, passphrase);
    json!({
        "what": "the key of a test",
        "version": 1,
        "key_id": STANDARD.encode(id),
        "kdf": {"name": "argon2id", "memory_kib": MEMORY_KIB, "passes": 1, "lanes": 1, "salt": STANDARD.encode(SALT)},
        "cipher": "xchacha20-poly1305",
        "nonce": STANDARD.encode(NONCE),
        "sealed_key": STANDARD.encode(sealed),
    })
    .to_string()
}

fn encrypt(content: &[u8], data: &[u8], passphrase: &str) -> Vec<u8> {
    let params = Params::new(MEMORY_KIB, 1, 1, Some(32)).unwrap();
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), &SALT, &mut key)
        .unwrap();
    let payload = Payload {
        msg: content,
        aad: data,
    };
    let cipher = XChaCha20Poly1305::new(&Key::from(key));
    cipher.encrypt(&XNonce::from(NONCE), payload).unwrap()
}

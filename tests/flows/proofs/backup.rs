//! A backup as `codex-router backup` makes it, by its documented format, with a key that takes no time: it is opened thousands of times.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use sha2::{Digest, Sha256};

/// Closes the content with the passphrase.
pub fn seal(content: &str, passphrase: &str) -> Vec<u8> {
    const MEMORY_KIB: u32 = 8;
    const TAG_BYTES: u64 = 16;
    let (salt, nonce) = ([7; 16], [7; 24]);
    let length = content.len() as u64 + TAG_BYTES;
    let mut file = [
        &b"codexrtr"[..],
        &1_u16.to_le_bytes(),
        &[1, 1],
        &MEMORY_KIB.to_le_bytes(),
        &1_u32.to_le_bytes(),
        &1_u32.to_le_bytes(),
        &salt,
        &nonce,
        &length.to_le_bytes(),
    ]
    .concat();
    let params = Params::new(MEMORY_KIB, 1, 1, Some(32)).unwrap();
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), &salt, &mut key)
        .unwrap();
    let payload = Payload {
        msg: content.as_bytes(),
        aad: &file,
    };
    let cipher = XChaCha20Poly1305::new(&Key::from(key));
    let sealed = cipher.encrypt(&XNonce::from(nonce), payload).unwrap();
    file.extend(sealed);
    let checksum = Sha256::digest(&file);
    file.extend(checksum);
    file
}

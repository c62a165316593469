//! Short hashes that tell two things apart.

use sha2::{Digest as _, Sha256};

/// The first 16 hexadecimal digits of the text's SHA-256.
pub(crate) fn short(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

//! One crypto provider for everything: ring, for TLS and for tokens.
//!
//! Invariant: tokens know one algorithm, EdDSA (Ed25519); every other one, `none` included, has no
//! code behind it here. Both libraries panic at first use, not at start, when nothing is installed.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result, new_error};
use jsonwebtoken::signature::{Error, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey};
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};

/// Installs ring for rustls and for tokens: the first thing in `main` and in tests. Calling it
/// again changes nothing.
pub fn install_providers() {
    #[expect(clippy::let_underscore_must_use, reason = "only this one is ever installed")]
    let _ = rustls::crypto::ring::default_provider().install_default();
    #[expect(clippy::let_underscore_must_use, reason = "only this one is ever installed")]
    let _ = PROVIDER.install_default();
}

static PROVIDER: CryptoProvider =
    CryptoProvider { signer_factory: signer, verifier_factory: verifier, key_utils: NO_KEY_UTILS };

/// JSON web keys are not used; asking for one is refused and not a panic.
const NO_KEY_UTILS: KeyUtils = KeyUtils {
    rsa_pub_components_from_private_key: |_| unsupported(),
    rsa_pub_components_from_public_key: |_| unsupported(),
    ec_pub_components_from_private_key: |_, _| unsupported(),
    ed_pub_components_from_private_key: |_, _| unsupported(),
    compute_digest: |_, _| unsupported(),
};

fn unsupported<T>() -> Result<T> {
    Err(new_error(ErrorKind::UnsupportedAlgorithm))
}

struct RingSigner(Ed25519KeyPair);

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    if *algorithm != Algorithm::EdDSA || key.family() != AlgorithmFamily::Ed {
        return unsupported();
    }
    let pair = Ed25519KeyPair::from_seed_unchecked(key.as_bytes())
        .map_err(|_| new_error(ErrorKind::InvalidEddsaKey))?;
    Ok(Box::new(RingSigner(pair)))
}

impl Signer<Vec<u8>> for RingSigner {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, Error> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

impl JwtSigner for RingSigner {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

struct RingVerifier(Vec<u8>);

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    if *algorithm != Algorithm::EdDSA || key.family() != AlgorithmFamily::Ed {
        return unsupported();
    }
    Ok(Box::new(RingVerifier(key.try_get_as_bytes()?.to_vec())))
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(message, signature)
            .map_err(|_| Error::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

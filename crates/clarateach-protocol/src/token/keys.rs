//! Keys: one pair signs, any number of public keys (a JWK set, RFC 7517) verify.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::Signer;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{MAX_TOKEN_BYTES, TokenError, ed25519};

/// Why keys can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text is no JWK set.
    #[error("keys are not a JWK set: {0}")]
    NotJwks(#[from] serde_json::Error),
    /// A key in the set is no Ed25519 public key.
    #[error("key {kid:?} is not an Ed25519 public key (kty OKP, crv Ed25519, 32 bytes)")]
    NotEd25519 {
        /// Which one.
        kid: String,
    },
    /// There is no key.
    #[error("the JWK set has no key")]
    Empty,
}

/// The platform's private key.
pub struct SigningKey {
    pair: ed25519_dalek::SigningKey,
    /// The header of every token, encoded.
    header: String,
    public: PublicKey,
}

impl SigningKey {
    /// The key pair of a 32-byte seed (RFC 8032, section 5.1.5).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        ed25519::install();
        let pair = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = PublicKey::new(pair.verifying_key().to_bytes());
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(public.kid.clone());
        Self {
            pair,
            header: encoded(&header),
            public,
        }
    }

    /// The public half, as verifiers take it.
    #[must_use]
    pub fn verifying_keys(&self) -> VerifyingKeys {
        VerifyingKeys {
            keys: vec![self.public.clone()],
        }
    }

    /// A token in the compact serialisation (RFC 7515, section 7.1).
    pub(super) fn sign(&self, claims: &impl Serialize) -> String {
        let mut token = format!("{}.{}", self.header, encoded(claims));
        let signature = self.pair.sign(token.as_bytes()).to_bytes();
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }
}

fn encoded(part: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).expect("headers and claims serialise"))
}

/// Shows which key, never the key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public.kid)
    }
}

#[derive(Clone)]
struct PublicKey {
    kid: String,
    x: [u8; 32],
    decoding: DecodingKey,
}

impl PublicKey {
    fn new(x: [u8; 32]) -> Self {
        let encoded = URL_SAFE_NO_PAD.encode(x);
        // The thumbprint's input has exactly this member order (RFC 8037, appendix A.3).
        let thumbprint = Sha256::digest(format!(
            r#"{{"crv":"Ed25519","kty":"OKP","x":"{encoded}"}}"#
        ));
        Self {
            kid: URL_SAFE_NO_PAD.encode(thumbprint),
            x,
            decoding: DecodingKey::from_ed_der(&x),
        }
    }
}

/// The public keys that tokens are checked against.
#[derive(Clone)]
pub struct VerifyingKeys {
    keys: Vec<PublicKey>,
}

#[derive(Serialize, Deserialize)]
struct JwkSet {
    keys: Vec<Jwk>,
}

#[derive(Serialize, Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    x: String,
    kid: String,
    alg: String,
    #[serde(rename = "use")]
    usage: String,
}

/// The whole of a header that we take.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StrictHeader {
    alg: String,
    typ: String,
    kid: String,
}

impl VerifyingKeys {
    /// Reads a JWK set.
    ///
    /// # Errors
    /// When it isn't one, is empty, or has a key that isn't Ed25519.
    pub fn from_jwks(json: &str) -> Result<Self, KeyError> {
        ed25519::install();
        let set: JwkSet = serde_json::from_str(json)?;
        let keys = set
            .keys
            .into_iter()
            .map(read_key)
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(KeyError::Empty);
        }
        Ok(Self { keys })
    }

    /// The JWK set as JSON.
    #[must_use]
    pub fn to_jwks(&self) -> String {
        let keys = self.keys.iter().map(|key| Jwk {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            x: URL_SAFE_NO_PAD.encode(key.x),
            kid: key.kid.clone(),
            alg: "EdDSA".to_owned(),
            usage: "sig".to_owned(),
        });
        serde_json::to_string(&JwkSet {
            keys: keys.collect(),
        })
        .expect("strings serialise")
    }

    pub(super) fn verify<T: DeserializeOwned>(&self, token: &str) -> Result<T, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        let header = read_header(token).ok_or(TokenError::Invalid)?;
        let key = self
            .keys
            .iter()
            .find(|key| key.kid == header.kid)
            .ok_or(TokenError::Invalid)?;
        // Only the signature here: issuer, audience and times are claims with types of their own.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        jsonwebtoken::decode(token, &key.decoding, &validation)
            .map(|data| data.claims)
            .map_err(|_| TokenError::Invalid)
    }
}

fn read_key(jwk: Jwk) -> Result<PublicKey, KeyError> {
    let bytes = URL_SAFE_NO_PAD
        .decode(&jwk.x)
        .ok()
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    match bytes {
        Some(x) if jwk.kty == "OKP" && jwk.crv == "Ed25519" => Ok(PublicKey::new(x)),
        _ => Err(KeyError::NotEd25519 { kid: jwk.kid }),
    }
}

fn read_header(token: &str) -> Option<StrictHeader> {
    let encoded = token.split('.').next()?;
    let json = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    let header: StrictHeader = serde_json::from_slice(&json).ok()?;
    (header.alg == "EdDSA" && header.typ == "JWT").then_some(header)
}

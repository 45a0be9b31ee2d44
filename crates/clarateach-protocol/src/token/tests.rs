//! Forged, foreign, stale and odd tokens, each beside a right one that differs in that one thing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const NOW: u64 = 1_800_000_000;

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

fn claims() -> SeatClaims {
    SeatClaims {
        sub: "as-1".to_owned(),
        role: Role::Learner,
        mode: Mode::Control,
        seat: SeatKey {
            workshop: "ws-abcdefgh".parse().unwrap(),
            seat: SeatNumber::new(3).unwrap(),
        },
        generation: Generation(2),
        issued_at: NOW,
        expires_at: NOW + 3600,
    }
}

fn right_json() -> Value {
    json!({"iss": "clarateach", "aud": "seat", "sub": "as-1", "role": "learner", "mode": "control",
           "workshop": "ws-abcdefgh", "seat": 3, "generation": 2, "iat": NOW, "exp": NOW + 3600})
}

fn verify(token: &str) -> Result<SeatClaims, TokenError> {
    SeatClaims::verify(token, &key().verifying_keys(), NOW + 1)
}

/// A token with any header and claims, rightly signed by the platform's key.
fn signed(header: &Value, claims: &Value) -> String {
    use ed25519_dalek::Signer;
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn right_header() -> Value {
    let jwks: Value = serde_json::from_str(&key().verifying_keys().to_jwks()).unwrap();
    json!({"alg": "EdDSA", "typ": "JWT", "kid": jwks["keys"][0]["kid"]})
}

#[test]
fn a_right_token_is_taken_however_it_was_made() {
    assert_eq!(verify(&claims().sign(&key())).unwrap(), claims());
    assert_eq!(
        verify(&signed(&right_header(), &right_json())).unwrap(),
        claims()
    );
}

#[test]
fn public_keys_survive_their_file() {
    let keys = VerifyingKeys::from_jwks(&key().verifying_keys().to_jwks()).unwrap();
    assert!(SeatClaims::verify(&claims().sign(&key()), &keys, NOW).is_ok());
}

#[test]
fn odd_claims_are_refused() {
    for claim in [
        "iss",
        "aud",
        "sub",
        "role",
        "mode",
        "workshop",
        "seat",
        "generation",
        "iat",
        "exp",
    ] {
        let mut without = right_json();
        without.as_object_mut().unwrap().remove(claim);
        assert_eq!(
            verify(&signed(&right_header(), &without)),
            Err(TokenError::Invalid),
            "without {claim}"
        );
    }
    for (claim, value) in [
        ("aud", json!("workspace")),
        ("aud", json!(["seat"])),
        ("iss", json!("someone")),
        ("role", json!("admin")),
        ("seat", json!("3")),
        ("seat", json!(0)),
        ("seat", json!(3.0)),
        ("workshop", json!("ws-ABCDEFGH")),
        ("exp", json!("1900000000")),
        ("exp", json!(1.9e9)),
        ("exp", json!(-1)),
        ("exp", json!(null)),
        ("exp", json!(NOW + 13 * 3600)),
        ("iat", json!(NOW + 3000)),
        ("extra", json!(true)),
    ] {
        let mut odd = right_json();
        odd[claim] = value.clone();
        assert_eq!(
            verify(&signed(&right_header(), &odd)),
            Err(TokenError::Invalid),
            "{claim} = {value}"
        );
    }
}

#[test]
fn an_expired_token_says_so() {
    let token = claims().sign(&key());
    let keys = key().verifying_keys();
    assert!(SeatClaims::verify(&token, &keys, NOW + 3599).is_ok());
    assert_eq!(
        SeatClaims::verify(&token, &keys, NOW + 3600),
        Err(TokenError::Expired)
    );
}

#[test]
fn odd_headers_are_refused() {
    for (member, value) in [
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("eddsa")),
        ("typ", json!("at+jwt")),
        ("kid", json!("../../keys")),
        ("jku", json!("http://127.0.0.1/keys")),
        ("jwk", json!({})),
        ("crit", json!(["exp"])),
    ] {
        let mut odd = right_header();
        odd[member] = value.clone();
        assert_eq!(
            verify(&signed(&odd, &right_json())),
            Err(TokenError::Invalid),
            "{member} = {value}"
        );
    }
}

#[test]
fn foreign_keys_and_broken_signatures_are_refused() {
    let foreign = claims().sign(&SigningKey::from_seed(&[8; 32]));
    assert_eq!(verify(&foreign), Err(TokenError::Invalid));
    let right = claims().sign(&key());
    let (message, _) = right.rsplit_once('.').unwrap();
    for token in [
        message.to_owned(),
        format!("{message}."),
        format!("{right}."),
        format!(" {right}"),
        format!("{right}A"),
    ] {
        assert_eq!(verify(&token), Err(TokenError::Invalid), "{token}");
    }
}

#[test]
fn the_two_audiences_do_not_open_each_other() {
    let workspace = WorkspaceClaims {
        seat: claims().seat,
        generation: Generation(2),
        scope: vec![Scope::Terminal],
        mode: Mode::View,
        issued_at: NOW,
        expires_at: NOW + WORKSPACE_TOKEN_SECONDS,
    };
    let keys = key().verifying_keys();
    let token = workspace.sign(&key());
    assert_eq!(WorkspaceClaims::verify(&token, &keys, NOW), Ok(workspace));
    assert_eq!(verify(&token), Err(TokenError::Invalid));
    assert_eq!(
        WorkspaceClaims::verify(&claims().sign(&key()), &keys, NOW),
        Err(TokenError::Invalid)
    );
}

proptest! {
    #[test]
    fn any_text_as_a_token_is_refused_without_a_panic(text in "[ -~]{0,80}(\\.[A-Za-z0-9_-]{0,60}){0,3}") {
        prop_assert!(verify(&text).is_err());
    }

    #[test]
    fn one_changed_character_breaks_a_token(at in 0usize..300) {
        let token = claims().sign(&key());
        let at = at % token.len();
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        // The last character's lowest bits are padding: base64 decoders refuse them when set.
        prop_assert!(verify(&changed).is_err() || changed == token);
    }
}

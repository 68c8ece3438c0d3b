//! What a JSON Web Token says about itself (RFC 7519). Its signature is the server's business.

use base64::Engine;
use jiff::Timestamp;
use serde_json::Value;

use super::forms::URL_SAFE;

/// What a token says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Whose it is: `system:serviceaccount:shop:ci`.
    pub subject: String,
    /// Who made it.
    pub issuer: String,
    /// For whom it was made; empty for old tokens of ServiceAccounts.
    pub audiences: Vec<String>,
    /// Until when it is valid; `None` for ever.
    pub expires: Option<Timestamp>,
    /// From when it is valid.
    pub valid_from: Option<Timestamp>,
    /// The object in whose absence it is void: `secret/ci-token-1`.
    pub bound_to: Option<String>,
}

impl Claims {
    /// Reads a token; `None` for what is none.
    pub fn of(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || signature.is_empty() {
            return None;
        }
        let part = |text: &str| serde_json::from_slice::<Value>(&URL_SAFE.decode(text).ok()?).ok();
        part(header)?.get("alg")?;
        let claims = part(payload)?;
        claims.as_object()?;
        let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
        // NumericDate may have a fraction.
        #[allow(clippy::cast_possible_truncation, reason = "a date")]
        let time = |name: &str| Timestamp::from_second(claims[name].as_f64()? as i64).ok();
        // One, or a list.
        let one = std::slice::from_ref(&claims["aud"]);
        let audiences = claims["aud"].as_array().map_or(one, Vec::as_slice).iter();
        let audiences = audiences.filter_map(Value::as_str).map(str::to_owned).collect();
        Some(Self {
            subject: text("sub"),
            issuer: text("iss"),
            audiences,
            expires: time("exp"),
            valid_from: time("nbf").or_else(|| time("iat")),
            bound_to: bound_to(&claims),
        })
    }

    /// Returns the subject for people.
    pub fn who(&self) -> &str {
        if self.subject.is_empty() { "an unnamed subject" } else { &self.subject }
    }
}

/// The private claims of Kubernetes (`pkg/serviceaccount/claims.go` and `legacy.go` in kubernetes/kubernetes).
fn bound_to(claims: &Value) -> Option<String> {
    let named = |kind: &str| {
        let name = claims["kubernetes.io"][kind]["name"].as_str()?;
        Some(format!("{kind}/{name}"))
    };
    let old =
        || claims["kubernetes.io/serviceaccount/secret.name"].as_str().map(|name| format!("secret/{name}"));
    named("secret").or_else(|| named("pod")).or_else(|| named("node")).or_else(old)
}

#[cfg(test)]
pub(super) mod tests {
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    /// A token with these claims, and a signature that nobody checks.
    pub(in crate::credentials) fn jwt(claims: &Value) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2lnbmF0dXJl", part(&json!({"alg": "RS256", "kid": "k"})), part(claims))
    }

    #[test]
    fn a_bound_token_tells_all() {
        let claims = Claims::of(&jwt(&json!({
            "aud": ["https://kubernetes.default.svc.cluster.local"], "exp": 1_795_600_000, "iat": 1_795_500_000,
            "iss": "https://kubernetes.default.svc.cluster.local", "nbf": 1_795_500_000,
            "kubernetes.io": {"namespace": "shop", "secret": {"name": "ci-token-1", "uid": "u"},
                "serviceaccount": {"name": "ci", "uid": "v"}},
            "sub": "system:serviceaccount:shop:ci"})))
        .unwrap();
        assert_eq!(claims.who(), "system:serviceaccount:shop:ci");
        assert_eq!(claims.bound_to.as_deref(), Some("secret/ci-token-1"));
        assert_eq!(claims.expires.unwrap().to_string(), "2026-11-25T09:46:40Z");
        assert_eq!(claims.audiences, ["https://kubernetes.default.svc.cluster.local"]);
    }

    #[test]
    fn an_old_token_of_a_service_account_is_bound_to_its_secret() {
        let claims = Claims::of(&jwt(&json!({"iss": "kubernetes/serviceaccount",
            "kubernetes.io/serviceaccount/secret.name": "ci-token", "sub": "system:serviceaccount:shop:ci"})))
        .unwrap();
        assert_eq!((claims.bound_to.as_deref(), claims.expires), (Some("secret/ci-token"), None));
    }

    #[test]
    fn what_is_no_token_has_no_claims() {
        for text in ["", "a.b.c", "a.b", "....", "07401b.f395accd246ae52d", &format!("{}.x", jwt(&json!({})))]
        {
            assert_eq!(Claims::of(text), None, "{text}");
        }
        let odd = Claims::of(&jwt(&json!({"exp": 1e300, "aud": 7, "sub": [1]}))).unwrap();
        assert_eq!((odd.expires, odd.who()), (None, "an unnamed subject"));
    }
}

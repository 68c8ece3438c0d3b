//! Why a server rejects a credential, from what the credential says about itself. One sentence each.

use jiff::Timestamp;

use super::{Certificate, Claims};

/// Who a credential says that we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A token that can be read.
    Token(Claims),
    /// A token that says nothing about itself.
    Opaque,
    /// A client certificate.
    Certificate(Certificate),
    /// A name and a password.
    Password,
    /// What a program or a plugin of kubectl brings.
    Program(String),
    /// There is none; why not, if that is known.
    Nobody(Option<String>),
}

impl Identity {
    /// Says what it is: "the token of system:serviceaccount:shop:ci".
    pub fn sentence(&self) -> String {
        match self {
            Self::Token(claims) => format!("the token of {}", claims.who()),
            Self::Opaque => "a token that says nothing about itself (it is no JWT)".into(),
            Self::Certificate(certificate) => format!("the client certificate of {}", certificate.subject),
            Self::Password => "a name and a password".into(),
            Self::Program(name) => format!("what the program {name} brings"),
            Self::Nobody(None) => "no credential".into(),
            Self::Nobody(Some(why)) => format!("no credential ({why})"),
        }
    }

    /// Returns until when it is valid by itself; `None` for ever, or if it does not say.
    pub fn expires(&self) -> Option<Timestamp> {
        match self {
            Self::Token(claims) => claims.expires,
            Self::Certificate(certificate) => Some(certificate.expires),
            Self::Opaque | Self::Password | Self::Program(_) | Self::Nobody(_) => None,
        }
    }
}

/// Explains a 401 (Unauthorized), of which the server never says why.
pub fn rejected(identity: &Identity, now: Timestamp) -> String {
    let what = identity.sentence();
    match identity {
        Identity::Token(claims) => rejected_token(&what, claims, now),
        Identity::Certificate(certificate) => match validity(certificate, now) {
            Some(wrong) => format!("{what} {wrong}"),
            None => format!(
                "{what} is valid until {} by itself: the CA of this cluster did not sign it",
                certificate.expires
            ),
        },
        Identity::Opaque => {
            "the token says nothing about itself (it is no JWT): it may have expired, been revoked, or be of another cluster"
                .into()
        }
        Identity::Password => "a name and a password are not taken by Kubernetes since 1.19".into(),
        Identity::Program(name) => format!("the program {name} brought a credential that is not taken"),
        Identity::Nobody(None) => "there is no credential, and the server lets nobody in without".into(),
        Identity::Nobody(Some(why)) => format!("there is no credential: {why}"),
    }
}

fn rejected_token(what: &str, claims: &Claims, now: Timestamp) -> String {
    if let Some(expires) = claims.expires.filter(|expires| *expires <= now) {
        return format!("{what} expired at {expires}, {} ago", distance(expires, now));
    }
    if let Some(from) = claims.valid_from.filter(|from| *from > now) {
        return format!(
            "{what} is valid from {from}, {} from now: one of the clocks is wrong",
            distance(now, from)
        );
    }
    let until = match claims.expires {
        Some(expires) => format!("is valid until {expires} by itself"),
        None => "never expires".into(),
    };
    // Those of others are judged by what the server was told of their issuer.
    if !claims.subject.starts_with("system:serviceaccount:") {
        return format!(
            "{what} {until}: the server takes no tokens of the issuer {} for the audience {}, or knows other keys of it",
            claims.issuer,
            claims.audiences.join(", ")
        );
    }
    // An API server takes what is made for its own issuer, unless --api-audiences says otherwise.
    if !claims.audiences.is_empty() && !claims.audiences.contains(&claims.issuer) {
        let audiences = claims.audiences.join(", ");
        return format!(
            "{what} was issued for the audience {audiences}, not for the API server ({})",
            claims.issuer
        );
    }
    let revoked = match &claims.bound_to {
        Some(bound) => format!("{bound} that it is bound to, or its ServiceAccount, was deleted"),
        None => "its ServiceAccount was deleted".into(),
    };
    format!(
        "{what} {until}: it was revoked ({revoked}), or it is of another cluster (issuer {})",
        claims.issuer
    )
}

/// Says what is wrong with the dates of a certificate.
fn validity(certificate: &Certificate, now: Timestamp) -> Option<String> {
    let Certificate { expires, valid_from, .. } = certificate;
    if *expires <= now {
        return Some(format!("expired at {expires}, {} ago", distance(*expires, now)));
    }
    (*valid_from > now).then(|| {
        format!(
            "is valid from {valid_from}, {} from now: one of the clocks is wrong",
            distance(now, *valid_from)
        )
    })
}

/// What is wrong with the certificate of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// No CA that we trust signed it.
    Issuer,
    /// It is for other names: these.
    Name(Vec<String>),
    /// It is not valid at this time.
    Time,
    /// Something else, in the words of the TLS library.
    Other(String),
}

/// Explains why a server's certificate is not trusted; `name` is what it is asked for instead of the address, and
/// `authorities` are the CAs that were given, if any.
pub fn untrusted(
    server: &str,
    name: Option<&str>,
    distrust: &Distrust,
    authorities: Option<&[Certificate]>,
    now: Timestamp,
) -> String {
    let what = format!("the certificate of {server}");
    match (distrust, authorities) {
        (Distrust::Issuer, None) => {
            format!("{what} was signed by no CA that this system trusts, and no CA was given")
        }
        (Distrust::Issuer, Some(authorities)) => {
            let name = |one: &Certificate| match validity(one, now) {
                Some(wrong) => format!("{}, which {wrong}", one.subject),
                None => one.subject.clone(),
            };
            let names: Vec<String> = authorities.iter().map(name).collect();
            format!("{what} was not signed by the CA that was given ({})", names.join("; "))
        }
        (Distrust::Name(names), _) => {
            let wanted = match name {
                Some(name) => format!("{name} (tls-server-name)"),
                None => host(server).to_owned(),
            };
            format!("{what} is not for {wanted}: it is for {}", names.join(", "))
        }
        (Distrust::Time, _) => {
            format!("{what} is not valid at {now}: it expired, or the clock of this machine is wrong")
        }
        (Distrust::Other(text), _) => format!("{what} is not trusted: {text}"),
    }
}

/// Returns the host of an address.
fn host(server: &str) -> &str {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// Says how long it is between two times, in the largest unit that tells: "3 days".
pub fn distance(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.duration_since(from).as_secs();
    let (count, unit) = match seconds {
        ..120 => (seconds, "second"),
        120..7200 => (seconds / 60, "minute"),
        7200..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn now() -> Timestamp {
        time("2026-11-25T12:00:00Z")
    }

    fn claims() -> Claims {
        Claims {
            subject: "system:serviceaccount:shop:ci-deployer".into(),
            issuer: ISSUER.into(),
            audiences: vec![ISSUER.into()],
            expires: Some(time("2027-02-23T12:00:00Z")),
            valid_from: Some(time("2026-11-20T12:00:00Z")),
            bound_to: Some("secret/ci-deployer-token-1".into()),
        }
    }

    fn ca() -> Certificate {
        Certificate {
            subject: "CN=kubernetes".into(),
            valid_from: time("2020-01-01T00:00:00Z"),
            expires: time("2030-01-01T00:00:00Z"),
        }
    }

    #[track_caller]
    fn says(identity: &Identity, sentence: &str) {
        assert_eq!(rejected(identity, now()), sentence);
    }

    #[test]
    fn an_expired_token() {
        let claims = Claims { expires: Some(time("2026-11-22T11:00:00Z")), ..claims() };
        says(
            &Identity::Token(claims),
            "the token of system:serviceaccount:shop:ci-deployer expired at 2026-11-22T11:00:00Z, 3 days ago",
        );
    }

    #[test]
    fn a_token_from_the_future() {
        let claims = Claims { valid_from: Some(time("2026-11-25T12:05:00Z")), ..claims() };
        says(
            &Identity::Token(claims),
            "the token of system:serviceaccount:shop:ci-deployer is valid from 2026-11-25T12:05:00Z, 5 minutes from now: one of the clocks is wrong",
        );
    }

    #[test]
    fn a_token_for_another_audience() {
        let claims = Claims { audiences: vec!["vault".into()], ..claims() };
        says(
            &Identity::Token(claims),
            "the token of system:serviceaccount:shop:ci-deployer was issued for the audience vault, not for the API server (https://kubernetes.default.svc.cluster.local)",
        );
    }

    #[test]
    fn a_token_of_another_issuer() {
        let claims = Claims {
            subject: "jane".into(),
            issuer: "https://idp".into(),
            audiences: vec!["shop".into()],
            bound_to: None,
            ..claims()
        };
        says(
            &Identity::Token(claims),
            "the token of jane is valid until 2027-02-23T12:00:00Z by itself: the server takes no tokens of the issuer https://idp for the audience shop, or knows other keys of it",
        );
        let why = Identity::Nobody(Some("context shop: there is no user me".into()));
        says(&why, "there is no credential: context shop: there is no user me");
        assert_eq!(why.sentence(), "no credential (context shop: there is no user me)");
    }

    #[test]
    fn a_revoked_token() {
        says(
            &Identity::Token(claims()),
            "the token of system:serviceaccount:shop:ci-deployer is valid until 2027-02-23T12:00:00Z by itself: it was revoked (secret/ci-deployer-token-1 that it is bound to, or its ServiceAccount, was deleted), or it is of another cluster (issuer https://kubernetes.default.svc.cluster.local)",
        );
        let endless = Claims { expires: None, bound_to: None, audiences: vec![], ..claims() };
        says(
            &Identity::Token(endless),
            "the token of system:serviceaccount:shop:ci-deployer never expires: it was revoked (its ServiceAccount was deleted), or it is of another cluster (issuer https://kubernetes.default.svc.cluster.local)",
        );
    }

    #[test]
    fn a_client_certificate() {
        let own = Certificate { subject: "CN=alice,O=dev".into(), ..ca() };
        says(
            &Identity::Certificate(own.clone()),
            "the client certificate of CN=alice,O=dev is valid until 2030-01-01T00:00:00Z by itself: the CA of this cluster did not sign it",
        );
        let old = Certificate { expires: time("2026-11-25T11:00:00Z"), ..own };
        says(
            &Identity::Certificate(old),
            "the client certificate of CN=alice,O=dev expired at 2026-11-25T11:00:00Z, 60 minutes ago",
        );
    }

    #[test]
    fn what_says_nothing_about_itself() {
        says(
            &Identity::Opaque,
            "the token says nothing about itself (it is no JWT): it may have expired, been revoked, or be of another cluster",
        );
        says(&Identity::Nobody(None), "there is no credential, and the server lets nobody in without");
    }

    #[test]
    fn a_server_that_is_not_trusted() {
        let says = |distrust: Distrust, authorities: Option<&[Certificate]>, sentence: &str| {
            assert_eq!(untrusted("https://10.0.0.1:6443/k8s", None, &distrust, authorities, now()), sentence);
        };
        says(
            Distrust::Issuer,
            None,
            "the certificate of https://10.0.0.1:6443/k8s was signed by no CA that this system trusts, and no CA was given",
        );
        says(
            Distrust::Issuer,
            Some(&[ca()]),
            "the certificate of https://10.0.0.1:6443/k8s was not signed by the CA that was given (CN=kubernetes)",
        );
        let old = Certificate { expires: time("2026-11-01T12:00:00Z"), ..ca() };
        says(
            Distrust::Issuer,
            Some(&[old]),
            "the certificate of https://10.0.0.1:6443/k8s was not signed by the CA that was given (CN=kubernetes, which expired at 2026-11-01T12:00:00Z, 24 days ago)",
        );
        let name = Distrust::Name(vec!["kubernetes".into()]);
        assert_eq!(
            untrusted("https://10.0.0.1:6443", Some("api.example.org"), &name, None, now()),
            "the certificate of https://10.0.0.1:6443 is not for api.example.org (tls-server-name): it is for kubernetes"
        );
        says(
            Distrust::Name(vec!["kubernetes".into(), "10.96.0.1".into()]),
            None,
            "the certificate of https://10.0.0.1:6443/k8s is not for 10.0.0.1: it is for kubernetes, 10.96.0.1",
        );
    }

    #[test]
    fn hosts_are_found_in_addresses() {
        for (server, wanted) in [("https://a.b:1/c", "a.b"), ("https://[::1]:6443", "::1"), ("a", "a")] {
            assert_eq!(host(server), wanted);
        }
    }
}

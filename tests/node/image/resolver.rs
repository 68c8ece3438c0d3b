//! A name server that knows one name: the node has none.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::shop::Shop;

pub struct Resolver {
    /// Where it listens, on port 53.
    pub address: String,
    answered: Arc<AtomicUsize>,
}

impl Resolver {
    /// Answers the address of the API server's Service to whoever asks for this name, for as long as the test runs.
    pub fn start(name: &'static str, shop: &Shop) -> Self {
        let node = shop.kubectl(&[
            "get",
            "nodes",
            "-o",
            r#"jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}"#,
        ]);
        let ip = ["get", "service", "kubernetes", "-n", "default", "-o", "jsonpath={.spec.clusterIP}"];
        let ip: Ipv4Addr = shop.kubectl(&ip).parse().unwrap();
        let socket = UdpSocket::bind((node.as_str(), 53)).expect("listen on port 53 of the node");
        let answered: Arc<AtomicUsize> = Arc::default();
        let count = Arc::clone(&answered);
        std::thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, asker)) = socket.recv_from(&mut query) {
                if let Some((answer, found)) = answer(&query[..length], name, ip) {
                    count.fetch_add(usize::from(found), Ordering::Relaxed);
                    socket.send_to(&answer, asker).unwrap_or_default();
                }
            }
        });
        Self { address: node, answered }
    }

    /// How often it gave the address.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }
}

/// An answer by RFC 1035, and whether the address is in it. None for what is not a query with one question.
fn answer(query: &[u8], name: &str, ip: Ipv4Addr) -> Option<(Vec<u8>, bool)> {
    let (header, question) = query.split_at_checked(12)?;
    let labels: Vec<u8> = name
        .split('.')
        .flat_map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat())
        .collect();
    // The name ends with an empty label; type and class follow.
    let known = question.starts_with(&[&labels[..], &[0]].concat());
    let end = question.iter().position(|byte| *byte == 0)? + 5;
    let question = question.get(..end)?;
    let is_address = question[end - 4..] == [0, 1, 0, 1];
    let found = known && is_address;
    // A response that is allowed to recurse; code 3 is "no such name". An IPv6 address there is none.
    let code = if known { 0 } else { 3 };
    let mut answer =
        [&header[..2], &[0x81, 0x80 | code, 0, 1, 0, u8::from(found), 0, 0, 0, 0], question].concat();
    if found {
        // The name of the question, type A, class IN, 60 seconds, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(ip.octets());
    }
    Some((answer, found))
}

//! Proxies, from the kubeconfig and from the environment.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::{Folder, text};

/// A proxy on loopback that connects to one address whatever it is asked for, by CONNECT or SOCKS 5. It counts.
fn proxy(to: String) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::SeqCst);
            let to = to.clone();
            std::thread::spawn(move || pass(client, &to));
        }
    });
    (port, count)
}

fn pass(mut client: TcpStream, to: &str) -> Option<()> {
    let mut byte = [0];
    client.read_exact(&mut byte).ok()?;
    if byte[0] == 5 {
        let mut bytes = [0; 300];
        client.read_exact(&mut byte).ok()?;
        client.read_exact(&mut bytes[..usize::from(byte[0])]).ok()?;
        client.write_all(&[5, 0]).ok()?;
        client.read_exact(&mut bytes[..5]).ok()?;
        assert_eq!(bytes[3], 3, "the proxy resolves the name");
        let length = usize::from(bytes[4]) + 2;
        client.read_exact(&mut bytes[..length]).ok()?;
        client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
    } else {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            client.read_exact(&mut byte).ok()?;
            head.push(byte[0]);
        }
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    }
    let server = TcpStream::connect(to).ok()?;
    let (mut from, mut into) = (client.try_clone().ok()?, server.try_clone().ok()?);
    std::thread::spawn(move || {
        let _ended = std::io::copy(&mut from, &mut into);
        into.shutdown(Shutdown::Write)
    });
    let (mut from, mut into) = (server, client);
    let _ended = std::io::copy(&mut from, &mut into);
    into.shutdown(Shutdown::Both).ok()
}

#[test]
fn proxies_are_taken_as_kubectl_takes_them() {
    let folder = Folder::new();
    let server = folder.base["clusters"][0]["cluster"]["server"].as_str().unwrap().to_owned();
    let address = server.strip_prefix("https://").unwrap().to_owned();
    let port = address.rsplit(':').next().unwrap().to_owned();
    // A name that only the proxy knows the way to.
    let named = format!("https://kubernetes.default.svc:{port}");
    let (own, count) = proxy(address);
    let http = format!("http://127.0.0.1:{own}");
    let socks = format!("socks5://127.0.0.1:{own}");
    let bare = format!("127.0.0.1:{own}");
    let through = |what: &str, kubeconfig: &Path, more: &[(&str, &str)]| {
        count.store(0, Ordering::SeqCst);
        folder.takes(what, text(kubeconfig), more);
        assert!(count.load(Ordering::SeqCst) >= 2, "{what}: not both went through the proxy");
    };
    let plain = folder.write("named", &json!({"server": named}), &json!({}), &json!({}));
    let with =
        |url: &str| folder.write("with", &json!({"server": named, "proxy-url": url}), &json!({}), &json!({}));
    through("proxy-url", &with(&http), &[]);
    through("proxy-url with NO_PROXY, which is not for it", &with(&http), &[("NO_PROXY", "*")]);
    through("proxy-url of SOCKS", &with(&socks), &[]);
    through("HTTPS_PROXY", &plain, &[("HTTPS_PROXY", &http)]);
    through("https_proxy of SOCKS", &plain, &[("https_proxy", &socks)]);
    through("HTTPS_PROXY without a scheme", &plain, &[("HTTPS_PROXY", &bare)]);
    through("NO_PROXY of the proxy itself", &plain, &[("HTTPS_PROXY", &http), ("NO_PROXY", "127.0.0.1")]);
    count.store(0, Ordering::SeqCst);
    let direct = folder.cluster(&json!({}));
    folder.takes("this machine needs none", text(&direct), &[("HTTPS_PROXY", &http)]);
    let mine = format!("https://localhost.example:{port}");
    let out = folder.write("out", &json!({"server": mine}), &json!({}), &json!({}));
    let (tool, kubectl) = folder.both(text(&out), &[("HTTPS_PROXY", &http), ("NO_PROXY", ".example")]);
    assert_ne!((tool.code, kubectl.code), (Some(0), Some(0)));
    assert_eq!(count.load(Ordering::SeqCst), 0, "NO_PROXY of the server");
}

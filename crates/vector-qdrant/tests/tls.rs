//! What goes over the wire before a server has shown who it is: a listener that is no server looks.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use mastra_core::ErrorKind;
use mastra_qdrant::QdrantVectors;
use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::mpsc,
    time::Duration,
};

const KEY: &str = "a-key-that-nobody-may-see";

/// A port whose listener answers every connection with nonsense, and hands over what it was sent.
fn listener() -> (u16, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, received) = mpsc::channel();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut heard = vec![0; 16 * 1024];
            let length = stream.read(&mut heard).unwrap_or(0);
            heard.truncate(length);
            // No handshake goes on behind this.
            let _ = stream.write_all(b"this is no server\r\n");
            if send.send(heard).is_err() {
                break;
            }
        }
    });
    (port, received)
}

#[tokio::test]
async fn an_https_url_speaks_tls_before_anything_else() {
    for scheme in ["https", "qdrants"] {
        let (port, received) = listener();
        let builder = QdrantVectors::builder(&format!("{scheme}://localhost:{port}?api_key={KEY}")).unwrap().retries(0);
        let error = builder.timeout(Duration::from_secs(5)).connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(!format!("{error} {error:?}").contains(KEY));
        let heard = received.recv().unwrap();
        // A record of the handshake, of TLS 1.x, whose message is a ClientHello.
        assert!(matches!(heard.as_slice(), [0x16, 3, _, _, _, 1, ..]), "{:?}", heard.get(..8));
        for heard in std::iter::once(heard).chain(received.try_iter()) {
            assert!(!heard.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "the key is sent in clear");
        }
    }
}

#[tokio::test]
async fn a_key_is_not_sent_unencrypted_to_another_machine() {
    // An address for documentation, which nobody has.
    for url in ["http://192.0.2.1:6334", "qdrant://qdrant.example", "http://[2001:db8::1]:6334"] {
        let error = QdrantVectors::builder(url).unwrap().api_key(KEY).connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{url}: {error}");
        assert!(error.to_string().contains("https") && !format!("{error:?}").contains(KEY), "{error}");
    }
    let error = QdrantVectors::builder("http://192.0.2.1:6334?plain_api_key=yes").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    // Allowed, the call is made and finds nobody.
    let builder = QdrantVectors::builder(&format!("http://qdrant.invalid?api_key={KEY}&plain_api_key=true")).unwrap();
    let error = builder.retries(0).timeout(Duration::from_secs(1)).connect().await.unwrap_err();
    assert_ne!(error.kind(), ErrorKind::InvalidInput, "{error}");
}

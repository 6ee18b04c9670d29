//! Starting and stopping.

use api_proxy::mock_upstream::{Gate, MockUpstream, Reply, Script};
use serde_json::json;
use tokio::net::TcpStream;

use crate::caller::{claude, provider, read, to, with};

#[actix_web::test]
async fn a_stopped_provider_is_gone_and_its_script_can_live_on() {
    let provider = provider().await;
    let (addr, script) = (provider.addr(), provider.script());
    assert_eq!(to(&provider).messages(json!({})).await.status, 200);
    provider.stop().await;
    assert!(TcpStream::connect(addr).await.is_err());
    let again = MockUpstream::start_with(addr, script.clone()).await.unwrap();
    assert_eq!(to(&again).messages(json!({})).await.status, 200);
    assert_eq!(script.count(), 2);
    assert!(MockUpstream::start(addr).await.is_err(), "the port is taken");
}

#[actix_web::test]
async fn a_dropped_provider_ends_its_streams() {
    let provider = provider().await;
    provider.script().push(Reply::pieces(["Hel", "lo"]).hang_after(1));
    let body = with(claude(), json!({"stream": true}));
    let response = to(&provider).request("/v1/messages", &body).send().await.unwrap();
    drop(provider);
    assert!(read(response).await.broken);
}

#[test]
fn a_script_works_from_any_thread() {
    fn travels<T: Send + Sync + Clone>() {}
    travels::<Script>();
    travels::<Gate>();
}

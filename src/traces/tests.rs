use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use super::{parent, state};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn headers(sent: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in sent {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    headers
}

#[test]
fn two_parents_are_none() {
    assert!(parent(&headers(&[("traceparent", PARENT)])).is_some());
    assert!(parent(&headers(&[("traceparent", PARENT), ("traceparent", PARENT)])).is_none());
    assert!(parent(&headers(&[])).is_none());
}

#[test]
fn a_valid_state_is_passed_on_as_it_is() {
    let told = |sent: &[(&'static str, &str)]| state(&headers(sent)).map(String::from);
    assert_eq!(told(&[("tracestate", "a=1,b@c=2")]).as_deref(), Some("a=1,b@c=2"));
    assert_eq!(told(&[("tracestate", "a=1"), ("tracestate", "b=2")]).as_deref(), Some("a=1,b=2"));
    let long = format!("a={}", "x".repeat(2_000));
    for wrong in ["", "no equals sign", "UPPER=1", &long] {
        assert_eq!(told(&[("tracestate", wrong)]), None, "{wrong}");
    }
}

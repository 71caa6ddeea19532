use forge_relay_core::{Event, Problem, Receipt, Rules, message, request};

use super::*;
use crate::http::openapi::example;

#[tokio::test]
async fn health_and_readiness_differ_while_draining() {
    let relay = Setup::new().start();
    assert_eq!(
        relay.get("/healthz").await.json(),
        json!({ "status": "alive" })
    );
    assert_eq!(
        relay.get("/readyz").await.json(),
        json!({ "status": "ready" })
    );
    relay.ready.start_draining();
    let answer = relay.get("/readyz").await;
    answer.refuses(503, "draining");
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    assert_eq!(relay.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn metrics_count_errors_by_their_code_and_name_nobody() {
    let relay = Setup::new().start();
    relay.publish("/events", event_text()).await;
    relay.publish("/events", "{").await;
    relay.get("/nothing").await;
    let answer = relay.get("/metrics").await;
    assert_eq!(answer.header("content-type"), crate::metrics::CONTENT_TYPE);
    assert!(
        answer
            .text
            .contains("errors_by_type_total{type=\"bad_json\"} 1\n"),
        "{}",
        answer.text
    );
    assert!(
        answer
            .text
            .contains("errors_by_type_total{type=\"not_found\"} 1\n")
    );
    assert!(!answer.text.contains("abc-123") && !answer.text.contains("default"));
    assert!(answer.text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn the_docs_page_needs_nothing_from_elsewhere_and_runs_no_inline_script() {
    let relay = Setup::new().start();
    let page = relay.get("/docs").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("script-src 'self';") && policy.contains("default-src 'none'"),
        "{policy}"
    );
    assert!(
        !page.text.contains("://") && !page.text.contains("<script>"),
        "{}",
        page.text
    );
    let links = page
        .text
        .split('"')
        .filter(|part| part.starts_with("docs/"));
    let mut found = 0;
    for link in links {
        let file = relay.get(&format!("/{link}")).await;
        assert_eq!(file.status, 200, "{link}");
        assert!(
            !file.text.is_empty() && !file.header("content-type").is_empty(),
            "{link}"
        );
        found += 1;
    }
    assert_eq!(found, 4);
}

#[tokio::test]
async fn the_document_is_served_as_it_is_generated() {
    let relay = Setup::new().start();
    let answer = relay.get("/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    let files = openapi::generated_files();
    let (_, generated) = files
        .iter()
        .find(|(path, _)| path == "openapi.json")
        .unwrap();
    assert_eq!(&answer.text, generated);
}

#[test]
fn every_reference_in_the_documents_leads_somewhere() {
    fn walk(document: &Value, at: &Value, seen: &mut usize) {
        match at {
            Value::Array(items) => items.iter().for_each(|item| walk(document, item, seen)),
            Value::Object(object) => {
                if let Some(Value::String(reference)) = object.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(
                        document.pointer(pointer).is_some(),
                        "{reference} leads nowhere"
                    );
                    *seen += 1;
                }
                object
                    .values()
                    .for_each(|value| walk(document, value, seen));
            }
            _ => {}
        }
    }
    for (path, text) in openapi::generated_files() {
        let document: Value = serde_json::from_str(&text).unwrap();
        let mut seen = 0;
        walk(&document, &document, &mut seen);
        assert!(
            seen > 0 || path.starts_with("schemas/"),
            "{path} refers to nothing"
        );
    }
}

#[test]
fn the_examples_are_true() {
    let text = |name: &str| example(name).to_string();
    Event::parse(text("Event").as_bytes(), &Rules::default(), NOW).unwrap();
    Event::parse_batch(text("EventBatch").as_bytes(), &Rules::default(), NOW).unwrap();
    request::TokenRequest::parse(text("TokenRequest").as_bytes(), 300).unwrap();
    request::SocketAuthRequest::parse(text("SocketAuthRequest").as_bytes()).unwrap();
    message::Handshake::parse(Some(&text("Handshake"))).unwrap();
    message::Refresh::parse(&text("Refresh")).unwrap();
    serde_json::from_value::<Receipt>(example("Receipt")).unwrap();
    serde_json::from_value::<forge_relay_core::Receipts>(example("Receipts")).unwrap();
    serde_json::from_value::<request::Minted>(example("Minted")).unwrap();
    serde_json::from_value::<request::SocketAuthAnswer>(example("SocketAuthAnswer")).unwrap();
    serde_json::from_value::<message::Ready>(example("Ready")).unwrap();
    serde_json::from_value::<message::Resync>(example("Resync")).unwrap();
    serde_json::from_value::<message::Expiring>(example("Expiring")).unwrap();
    serde_json::from_value::<message::RefreshAnswer>(example("RefreshAnswer")).unwrap();
    serde_json::from_value::<message::Bye>(example("Bye")).unwrap();
    serde_json::from_value::<message::ConnectError>(example("ConnectError")).unwrap();
    let document = openapi::document();
    for operations in document["paths"].as_object().unwrap().values() {
        for operation in operations.as_object().unwrap().values() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let examples = &response["content"]["application/problem+json"]["examples"];
                for (code, example) in examples.as_object().into_iter().flatten() {
                    let problem: Problem =
                        serde_json::from_value(example["value"].clone()).unwrap();
                    assert_eq!(problem.code.as_str(), code);
                    assert_eq!(problem.status.to_string(), *status);
                }
            }
        }
    }
}

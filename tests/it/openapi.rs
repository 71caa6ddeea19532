//! The OpenAPI document is true: an independent checker finds no undocumented status and no server error.

use tokio::process::Command;

use crate::harness::{Relay, python};

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,response_headers_conformance";

#[tokio::test]
async fn a_live_relay_answers_as_its_document_says() {
    let relay = Relay::with("mint_tokens = true");
    let output = Command::new(python::program("schemathesis"))
        .args(["run", &format!("{}/openapi.json", relay.url())])
        .args([
            "--header",
            &format!("Authorization: Bearer {}", relay.app.secret),
        ])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "40",
            "--seed",
            "1",
        ])
        .args(["--checks", CHECKS])
        .args(["--no-color", "--generation-database", "none"])
        .current_dir(std::env::temp_dir())
        .output()
        .await
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{report}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // The checker may not have been asleep.
    assert!(report.contains("POST /events"), "{report}");
}

#[tokio::test]
async fn the_document_is_the_committed_one() {
    let relay = Relay::start();
    let served = relay.http.get("/openapi.json").await.expect(200).json();
    let committed = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../openapi/openapi.json"
    ))
    .expect("`cargo xtask generate` wrote openapi/openapi.json");
    let committed: serde_json::Value = serde_json::from_slice(&committed).unwrap();
    assert_eq!(served, committed);
}

use std::sync::OnceLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};
use utoipa::openapi::path::PathsBuilder;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApiBuilder, ServerBuilder};

use super::Route;
use super::example::REQUEST_ID;
use super::files::pretty;
use crate::http::{docs, events, health, metrics, session_events, socket_auth, tokens};

const SCHEMAS: &str = "/components/schemas";

/// `GET /openapi.json`.
pub(in crate::http) async fn serve() -> Response {
    // Made at the first request, and the same until the process ends.
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| pretty(document()).into()).clone();
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}

fn describe() -> Route {
    Route::get("/openapi.json", "getOpenApi", "operations")
        .says(
            "This document",
            "The API as OpenAPI 3.1, the one that this relay runs.",
        )
        .answers_object(200, "An OpenAPI document.")
}

/// The OpenAPI 3.1 document. utoipa writes the paths; the schemas go in as they come from the types.
pub(crate) fn document() -> Value {
    let routes = [
        events::describe_one(),
        events::describe_batch(),
        session_events::describe(),
        session_events::describe_preflight(),
        tokens::describe(),
        socket_auth::describe(),
        health::describe_alive(),
        health::describe_ready(),
        metrics::describe(),
        describe(),
        docs::describe_page(),
        docs::describe_asset(),
    ];
    let paths = routes
        .into_iter()
        .fold(PathsBuilder::new(), |paths, route| route.add_to(paths));
    let document = OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Forge Relay")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(include_str!("description.md")))
                .license(Some(
                    LicenseBuilder::new()
                        .name("MIT OR Apache-2.0")
                        .identifier(Some("MIT OR Apache-2.0"))
                        .build(),
                )),
        )
        .servers(Some([ServerBuilder::new()
            .url("/")
            .description(Some("The relay that serves this document"))
            .build()]))
        .tags(Some([
            tag("publish", "What an app's backend sends."),
            tag(
                "subscribe",
                "What clients ask. A Socket.IO connection itself is described in `openapi/asyncapi.json`.",
            ),
            tag("operations", "What operators and their machines ask."),
        ]))
        .paths(paths)
        .build();
    let mut document = serde_json::to_value(document).unwrap_or_default();
    document["components"] = components();
    document
}

fn tag(name: &str, says: &str) -> utoipa::openapi::Tag {
    TagBuilder::new().name(name).description(Some(says)).build()
}

fn components() -> Value {
    json!({
        "schemas": schemas(),
        "securitySchemes": {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "One of the app's secrets, as it is configured. An app can turn this off.",
            },
            "token": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "A token of the session.",
            },
            "webhookId": {
                "type": "apiKey", "in": "header", "name": "webhook-id",
                "description": "The request's own id, without a full stop. With the two others: a Standard Webhooks signature.",
            },
            "webhookTimestamp": {
                "type": "apiKey", "in": "header", "name": "webhook-timestamp",
                "description": "When it was signed, in Unix seconds; at most 300 s from the relay's clock.",
            },
            "webhookSignature": {
                "type": "apiKey", "in": "header", "name": "webhook-signature",
                "description": "`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; several, separated by spaces, while a secret is replaced.",
            },
        },
        "parameters": {
            "RelayApp": {
                "name": "relay-app", "in": "header", "required": false,
                "description": "The app's id. May be left out where the relay serves one app.",
                "schema": { "type": "string" },
            },
        },
        "headers": {
            "RequestId": header("The request's id, as in the relay's log.", json!({ "type": "string", "format": "uuid" }), json!(REQUEST_ID)),
            "RetryAfter": header("When to try again, in seconds.", json!({ "type": "integer", "minimum": 0 }), json!(2)),
            "Allow": header("The methods that this address has.", json!({ "type": "string" }), json!("POST")),
            "Challenge": header("How to authenticate.", json!({ "type": "string" }), json!("Bearer realm=\"forge-relay\"")),
        },
    })
}

fn header(says: &str, schema: Value, example: Value) -> Value {
    json!({ "description": says, "required": true, "schema": schema, "example": example })
}

/// Every schema of the contract, and those of this crate's own answers.
fn schemas() -> Map<String, Value> {
    let mut schemas = forge_relay_core::schema::definitions(SCHEMAS);
    let mut generator = schemars::generate::SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = SCHEMAS.into())
        .into_generator();
    generator.subschema_for::<health::Health>();
    schemas.extend(generator.take_definitions(true));
    schemas
}

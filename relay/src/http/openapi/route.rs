//! How a route describes itself: what it takes, what it answers, and every code that it refuses with.

use std::collections::BTreeMap;

use forge_relay_core::{Code, FieldCode, Problem, Violation};
use serde_json::Value;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Ref, RefOr, Required};

use super::example::REQUEST_ID;
use crate::http::problem::PROBLEM_JSON;

/// One method of one path.
pub(in crate::http) struct Route {
    method: HttpMethod,
    path: &'static str,
    operation: OperationBuilder,
    refuses: Vec<Code>,
}

/// What a request may meet on every route, before the route is asked. The accept loop and the HTTP parser answer some of
/// them.
const ANYWHERE: [Code; 6] = [
    Code::BadRequest,
    Code::HttpsRequired,
    Code::MethodNotAllowed,
    Code::HeadersTooLarge,
    Code::TooManyConnections,
    Code::ServerError,
];

impl Route {
    pub(in crate::http) fn get(path: &'static str, id: &str, tag: &str) -> Self {
        Self::new(HttpMethod::Get, path, id, tag)
    }

    pub(in crate::http) fn post(path: &'static str, id: &str, tag: &str) -> Self {
        Self::new(HttpMethod::Post, path, id, tag)
    }

    pub(in crate::http) fn options(path: &'static str, id: &str, tag: &str) -> Self {
        Self::new(HttpMethod::Options, path, id, tag)
    }

    fn new(method: HttpMethod, path: &'static str, id: &str, tag: &str) -> Self {
        let operation = OperationBuilder::new().operation_id(Some(id)).tag(tag);
        Self {
            method,
            path,
            operation,
            refuses: ANYWHERE.to_vec(),
        }
    }

    pub(in crate::http) fn says(mut self, summary: &str, description: &str) -> Self {
        self.operation = self
            .operation
            .summary(Some(summary))
            .description(Some(description));
        self
    }

    /// For publishers: signed, or with the secret.
    pub(in crate::http) fn publishers_only(mut self) -> Self {
        const NO_SCOPES: [&str; 0] = [];
        let signature = ["webhookId", "webhookTimestamp", "webhookSignature"]
            .into_iter()
            .fold(SecurityRequirement::default(), |all, name| {
                all.add(name, NO_SCOPES)
            });
        self.operation = self
            .operation
            .securities(Some([
                signature,
                SecurityRequirement::new("bearer", NO_SCOPES),
            ]))
            .parameter_ref(Ref::new("#/components/parameters/RelayApp"));
        self.refuses(&[
            Code::Unauthenticated,
            Code::SignatureInvalid,
            Code::SignatureExpired,
            Code::AppRequired,
            Code::AppUnknown,
            Code::BearerDisabled,
        ])
    }

    /// For whoever may read: a publisher with the secret, a subscriber with a token.
    pub(in crate::http) fn reads_with_a_bearer(mut self) -> Self {
        const NO_SCOPES: [&str; 0] = [];
        self.operation = self
            .operation
            .securities(Some([
                SecurityRequirement::new("bearer", NO_SCOPES),
                SecurityRequirement::new("token", NO_SCOPES),
            ]))
            .parameter_ref(Ref::new("#/components/parameters/RelayApp"));
        self.refuses(&[
            Code::Unauthenticated,
            Code::AppRequired,
            Code::AppUnknown,
            Code::BearerDisabled,
        ])
    }

    /// Takes a JSON body of this schema.
    pub(in crate::http) fn takes(mut self, schema: &str, example: Value) -> Self {
        let content = ContentBuilder::new()
            .schema(Some(schema_ref(schema)))
            .example(Some(example));
        self.operation = self.operation.request_body(Some(
            RequestBodyBuilder::new()
                .required(Some(Required::True))
                .content("application/json", content.build())
                .build(),
        ));
        self.refuses(&[
            Code::TooLarge,
            Code::RequestTimeout,
            Code::UnsupportedMediaType,
            Code::BadJson,
            Code::Invalid,
            Code::RateLimited,
        ])
    }

    /// One session, named in the path.
    pub(in crate::http) fn of_a_session(mut self) -> Self {
        self.operation = self.operation.parameter(
            ParameterBuilder::new()
                .name("sessionId")
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some("The session."))
                .schema(Some(schema_ref("SessionId"))),
        );
        self
    }

    /// May have this in its query.
    pub(in crate::http) fn query_parameter(self, name: &str, says: &str, schema: Value) -> Self {
        self.optional_parameter(ParameterIn::Query, name, says, schema)
    }

    /// May have this among its headers.
    pub(in crate::http) fn header_parameter(self, name: &str, says: &str, schema: Value) -> Self {
        self.optional_parameter(ParameterIn::Header, name, says, schema)
    }

    fn optional_parameter(
        mut self,
        place: ParameterIn,
        name: &str,
        says: &str,
        schema: Value,
    ) -> Self {
        let schema: Option<RefOr<Schema>> = serde_json::from_value(schema).ok();
        self.operation = self.operation.parameter(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(place)
                .required(Required::False)
                .description(Some(says))
                .schema(schema),
        );
        self
    }

    pub(in crate::http) fn path_parameter(
        mut self,
        name: &str,
        says: &str,
        values: &[&str],
    ) -> Self {
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(values.iter().copied()));
        self.operation = self.operation.parameter(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some(says))
                .schema(Some(schema)),
        );
        self
    }

    /// Answers JSON of this schema.
    pub(in crate::http) fn answers(
        self,
        status: u16,
        says: &str,
        schema: &str,
        example: Value,
    ) -> Self {
        let content = ContentBuilder::new()
            .schema(Some(schema_ref(schema)))
            .example(Some(example));
        self.answers_with(status, says, &[("application/json", content.build())])
    }

    /// Answers a JSON object of a kind that is described elsewhere.
    pub(in crate::http) fn answers_object(self, status: u16, says: &str) -> Self {
        let object = ObjectBuilder::new().schema_type(Type::Object);
        let content = ContentBuilder::new().schema(Some(object)).build();
        self.answers_with(status, says, &[("application/json", content)])
    }

    /// Answers text of one of these types.
    pub(in crate::http) fn answers_text(self, status: u16, says: &str, types: &[&str]) -> Self {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let content = ContentBuilder::new().schema(Some(text)).build();
        let contents: Vec<_> = types.iter().map(|kind| (*kind, content.clone())).collect();
        self.answers_with(status, says, &contents)
    }

    /// Answers 200 with JSON of this schema, or with a stream of server-sent events.
    pub(in crate::http) fn answers_or_streams(
        self,
        says: &str,
        schema: &str,
        page: Value,
        stream: &str,
    ) -> Self {
        let json = ContentBuilder::new()
            .schema(Some(schema_ref(schema)))
            .example(Some(page));
        let text = ContentBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .example(Some(stream.into()));
        self.answers_with(
            200,
            says,
            &[
                ("application/json", json.build()),
                ("text/event-stream", text.build()),
            ],
        )
    }

    /// Answers without a body.
    pub(in crate::http) fn answers_empty(self, status: u16, says: &str) -> Self {
        self.answers_with(status, says, &[])
    }

    fn answers_with(
        mut self,
        status: u16,
        says: &str,
        contents: &[(&str, utoipa::openapi::content::Content)],
    ) -> Self {
        let mut response = ResponseBuilder::new()
            .description(says)
            .header_ref("x-request-id", Ref::new("#/components/headers/RequestId"));
        for (kind, content) in contents {
            response = response.content(*kind, content.clone());
        }
        self.operation = self
            .operation
            .response(status.to_string(), response.build());
        self
    }

    /// Refuses with these codes too.
    pub(in crate::http) fn refuses(mut self, codes: &[Code]) -> Self {
        self.refuses.extend_from_slice(codes);
        self
    }

    /// Refuses with these codes, each with this status instead of its own.
    pub(in crate::http) fn refuses_as(mut self, status: u16, codes: &[Code]) -> Self {
        let response = problem(status, codes);
        self.operation = self.operation.response(status.to_string(), response);
        self
    }

    pub(super) fn add_to(self, paths: PathsBuilder) -> PathsBuilder {
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for code in self.refuses {
            let codes = by_status
                .entry(code.http_status().unwrap_or(500))
                .or_default();
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        let operation = by_status
            .into_iter()
            .fold(self.operation, |operation, (status, codes)| {
                operation.response(status.to_string(), problem(status, &codes))
            });
        paths.path(self.path, PathItem::new(self.method, operation))
    }
}

fn schema_ref(name: &str) -> Ref {
    Ref::new(format!("#/components/schemas/{name}"))
}

/// A problem answer, with an example for each of its codes.
fn problem(status: u16, codes: &[Code]) -> utoipa::openapi::Response {
    let mut content = ContentBuilder::new().schema(Some(schema_ref("Problem")));
    let mut says = Vec::new();
    for code in codes {
        says.push(format!("`{code}`: {}", code.title()));
        let example = ExampleBuilder::new()
            .summary(code.title())
            .value(serde_json::to_value(problem_example(status, *code)).ok());
        content = content.examples_from_iter([(code.as_str(), example)]);
    }
    let mut response = ResponseBuilder::new()
        .description(says.join(". "))
        .header_ref("x-request-id", Ref::new("#/components/headers/RequestId"))
        .content(PROBLEM_JSON, content.build());
    let headers: &[(&str, &str)] = match status {
        401 => &[("WWW-Authenticate", "Challenge")],
        405 => &[("Allow", "Allow")],
        429 | 503 => &[("Retry-After", "RetryAfter")],
        _ => &[],
    };
    for (name, component) in headers {
        response =
            response.header_ref(*name, Ref::new(format!("#/components/headers/{component}")));
    }
    response.build()
}

fn problem_example(status: u16, code: Code) -> Problem {
    let wrong_fields = match code {
        Code::Invalid => {
            vec![Violation::new(FieldCode::Missing, "sessionId is required").at("/sessionId")]
        }
        Code::NonceConflict => {
            vec![
                Violation::new(
                    FieldCode::NonceConflict,
                    "this nonce was used with another event",
                )
                .at("/nonce"),
            ]
        }
        _ => Vec::new(),
    };
    let problem = Problem::new(code, "Here the relay says what to do.", REQUEST_ID);
    Problem {
        status,
        ..problem.with_errors(wrong_fields)
    }
}

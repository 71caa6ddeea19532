//! JSON Schemas (2020-12) of the whole contract, from the types themselves.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value};

use crate::message::{
    Bye, ConnectError, ConnectErrorData, Expiring, Handshake, Ready, Refresh, RefreshAnswer,
    Refused, Resync,
};
use crate::request::{Minted, SocketAuthAnswer, SocketAuthRequest, TokenRequest};
use crate::{
    Claims, Code, Cursor, Envelope, Event, EventPage, FieldError, MAX_BATCH, Problem, Receipt,
    Receipts, ResyncReason,
};

/// The body of `POST /events/batch`, which is `Vec<Event>` in Rust.
struct EventBatch;

impl JsonSchema for EventBatch {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EventBatch".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let event = generator.subschema_for::<Event>();
        schemars::json_schema!({ "type": "array", "description": "Events that are published together, or not at all", "items": event, "minItems": 1, "maxItems": MAX_BATCH })
    }
}

/// Calls a macro with every type of the contract: the one list of them.
macro_rules! every_type {
    ($with:ident) => {
        $with!(
            Event,
            EventBatch,
            Receipt,
            Receipts,
            Envelope<'static>,
            EventPage<'static>,
            Cursor,
            Problem,
            FieldError,
            Code,
            ResyncReason,
            Claims,
            TokenRequest,
            Minted,
            SocketAuthRequest,
            SocketAuthAnswer,
            Handshake,
            Ready,
            Resync,
            Expiring,
            Refresh,
            RefreshAnswer,
            Refused,
            Bye,
            ConnectError,
            ConnectErrorData
        )
    };
}

/// Every type of the contract by its name, each with all that it refers to in its own `$defs`.
///
/// ```
/// let schemas = forge_relay_core::schema::all();
/// assert!(schemas.iter().any(|(name, _)| *name == "Event"));
/// ```
pub fn all() -> Vec<(&'static str, Schema)> {
    macro_rules! roots {
        ($($type:ty),*) => {
            vec![$({
                let name = type_name(stringify!($type));
                (name, SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<$type>())
            }),*]
        };
    }
    every_type!(roots)
}

/// Every type of the contract, and all that they refer to, as definitions that point to each other under `path`
/// (`/components/schemas` in OpenAPI and AsyncAPI).
///
/// ```
/// let definitions = forge_relay_core::schema::definitions("/components/schemas");
/// assert_eq!(definitions["Event"]["properties"]["nonce"]["$ref"], "#/components/schemas/Nonce");
/// ```
pub fn definitions(path: &'static str) -> Map<String, Value> {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = path.into());
    let mut generator = settings.into_generator();
    macro_rules! add {
        ($($type:ty),*) => { $( generator.subschema_for::<$type>(); )* };
    }
    every_type!(add);
    generator.take_definitions(true)
}

/// The type's name without its lifetime.
fn type_name(name: &'static str) -> &'static str {
    name.split('<').next().unwrap_or(name).trim()
}

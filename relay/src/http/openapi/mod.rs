//! The API as documents: OpenAPI for the routes, AsyncAPI for what is said over Socket.IO, and JSON Schemas of both.
//!
//! Nothing is described twice. Types and their rules are sdk-core's, each route describes itself beside its handler,
//! and the codes that a status stands for are those of [`Code`](forge_relay_core::Code).

mod asyncapi;
mod document;
mod example;
mod files;
mod route;

pub(crate) use asyncapi::asyncapi;
pub(crate) use document::document;
pub(super) use document::serve;
pub(super) use example::example;
pub use files::generated_files;
pub(super) use route::Route;

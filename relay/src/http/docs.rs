//! `GET /docs`: the API, to read and to try, from files inside the binary; nothing is loaded from elsewhere.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use forge_relay_core::Code;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};

use super::openapi::Route;
use super::problem::Rejection;

/// Everything from this origin only, nothing inline, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Links are relative, so that the page works below a proxy's path prefix.
const PAGE: &str = include_str!("docs/index.html");
const START: &str = include_str!("docs/start.js");

pub(super) fn describe_page() -> Route {
    Route::get("/docs", "getDocs", "operations")
        .says(
            "These pages",
            "The API, to read and to try. Nothing is loaded from elsewhere.",
        )
        .answers_text(200, "A web page.", &["text/html"])
}

pub(super) fn describe_asset() -> Route {
    Route::get("/docs/{file}", "getDocsFile", "operations")
        .says(
            "A file of these pages",
            "Scripts, styles and the icon that `/docs` uses.",
        )
        .path_parameter("file", "The file's name.", &FILES)
        .answers_text(
            200,
            "The file.",
            &["text/javascript", "text/css", "image/png"],
        )
        .refuses(&[Code::NotFound])
}

const FILES: [&str; 4] = [
    "start.js",
    "swagger-ui.css",
    "swagger-ui-bundle.js",
    "favicon-32x32.png",
];

pub(super) async fn page() -> Response {
    html(PAGE)
}

/// One of the page's files. Of what Swagger UI ships, only what the page uses is served.
pub(super) async fn asset(Path(name): Path<String>) -> Result<Response, Rejection> {
    let found = match name.as_str() {
        "start.js" => Some((Body::from(START), "text/javascript; charset=utf-8")),
        "swagger-ui.css" => swagger(&name).map(|body| (body, "text/css; charset=utf-8")),
        "swagger-ui-bundle.js" => {
            swagger(&name).map(|body| (body, "text/javascript; charset=utf-8"))
        }
        "favicon-32x32.png" => swagger(&name).map(|body| (body, "image/png")),
        _ => None,
    };
    let (body, content_type) = found
        .ok_or_else(|| Rejection::new(Code::NotFound, "the documentation starts at `/docs`"))?;
    Ok((
        [
            (CONTENT_TYPE, content_type),
            (CACHE_CONTROL, "public, max-age=3600"),
        ],
        body,
    )
        .into_response())
}

fn swagger(name: &str) -> Option<Body> {
    let config = Arc::new(utoipa_swagger_ui::Config::from("openapi.json"));
    let file = utoipa_swagger_ui::serve(name, config).ok()??;
    Some(match file.bytes {
        std::borrow::Cow::Borrowed(bytes) => Body::from(bytes),
        std::borrow::Cow::Owned(bytes) => Body::from(bytes),
    })
}

fn html(text: &'static str) -> Response {
    const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
    const HEADERS: [(HeaderName, HeaderValue); 2] = [
        (CONTENT_TYPE, HTML),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    (HEADERS, text).into_response()
}

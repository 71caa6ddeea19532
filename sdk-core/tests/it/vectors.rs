//! Reading vectors/*.json, which the tests of every face read.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A vector file, as the types of the test that asks.
pub(crate) fn read<T: DeserializeOwned>(name: &str) -> T {
    let path = format!("{}/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the vector file is there");
    serde_json::from_str(&text).expect("the vector file has the shape that its test reads")
}

/// Text that stands for `%FILL%`, so that a large case does not make a large file.
#[derive(Deserialize)]
pub(crate) struct Fill {
    text: String,
    times: usize,
}

pub(crate) fn filled(text: &str, fill: Option<&Fill>) -> String {
    match fill {
        Some(fill) => text.replace("%FILL%", &fill.text.repeat(fill.times)),
        None => text.to_owned(),
    }
}

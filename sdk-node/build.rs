//! Tells the linker that Node itself brings its interface.

fn main() {
    napi_build::setup();
}

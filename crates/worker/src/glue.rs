//! What `glue.js` offers.

use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

use crate::call::{Copy, Feed, Leave};

#[wasm_bindgen(module = "/src/glue.js")]
extern "C" {
    #[wasm_bindgen(catch)]
    pub(crate) async fn read(env: &JsValue, names: &str) -> Result<JsValue, JsValue>;
    pub(crate) fn random() -> Vec<u8>;
    pub(crate) fn arm(milliseconds: f64, closure: &Closure<dyn FnMut()>) -> JsValue;
    pub(crate) fn disarm(timer: &JsValue);
    pub(crate) fn log(line: &str);
    pub(crate) async fn turn();
    pub(crate) fn post(url: &str, head: &str, bytes: Uint8Array, milliseconds: u32) -> js_sys::Promise;

    #[derive(Debug)]
    pub(crate) type Call;
    #[wasm_bindgen(constructor)]
    pub(crate) fn new(request: web_sys::Request, leave: Leave) -> Call;
    #[wasm_bindgen(method)]
    pub(crate) fn head(this: &Call) -> String;
    #[wasm_bindgen(method, js_name = hasBody)]
    pub(crate) fn has_body(this: &Call) -> bool;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn whole(this: &Call) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn piece(this: &Call) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn open(
        this: &Call,
        url: &str,
        method: &str,
        head: &str,
        bytes: Option<Uint8Array>,
        streamed: bool,
        copy: Option<Copy>,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method)]
    pub(crate) fn pump(this: &Call, feed: Feed);
    #[wasm_bindgen(method)]
    pub(crate) fn cancel(this: &Call);
    #[wasm_bindgen(method, catch)]
    pub(crate) fn reply(
        this: &Call,
        status: u16,
        head: &str,
        bytes: Option<Uint8Array>,
    ) -> Result<web_sys::Response, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) fn through(this: &Call, status: u16, head: &str) -> Result<web_sys::Response, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) fn stream(this: &Call, status: u16, head: &str) -> Result<web_sys::Response, JsValue>;
    #[wasm_bindgen(method)]
    pub(crate) fn write(this: &Call, bytes: &[u8]);
    #[wasm_bindgen(method)]
    pub(crate) fn end(this: &Call, abort: bool);
}

/// What a JavaScript exception says.
pub(crate) fn message(error: &JsValue) -> String {
    let text = error.dyn_ref::<js_sys::Error>().map(|e| String::from(e.message()));
    text.or_else(|| error.as_string()).unwrap_or_else(|| "an exception without a message".to_owned())
}

//! `xtask-bindgen MODULE.wasm OUT_DIR`: the bindings of the Worker, as `worker-build` would make them, but with a
//! wasm-bindgen that the lock file pins and nothing downloads.
#![allow(clippy::print_stderr, reason = "a command line program prints")]

use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, out] = arguments.as_slice() else {
        eprintln!("usage: xtask-bindgen MODULE.wasm OUT_DIR");
        return ExitCode::from(2);
    };
    let mut bindgen = Bindgen::new();
    // The last two let the entry start anew after a panic.
    bindgen
        .input_path(module)
        .out_name("index")
        .typescript(false)
        .remove_name_section(true)
        .reset_state_function(true)
        .force_enable_abort_handler(true);
    let done = bindgen.module(true).and_then(|bindgen| bindgen.generate(out));
    if let Err(error) = done {
        eprintln!("xtask-bindgen: {error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

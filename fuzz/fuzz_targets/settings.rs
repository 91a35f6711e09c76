//! Settings: what an operator writes is a catalog or a list of problems, each with its place; a catalog answers every
//! name.
#![no_main]

use apex_core::catalog::{Catalog, Host};
use apex_core::dialect::Dialect;
use apex_core::models;
use apex_core::price;
use apex_core::settings::Settings;
use libfuzzer_sys::fuzz_target;

// JSON, as the Worker takes it; behind a line of `---`, names of models.
fuzz_target!(|input: &str| {
    let (written, names) = input.split_once("\n---\n").unwrap_or((input, "m"));
    let _ = price::custom(names);
    let Ok(settings) = serde_json::from_str::<Settings>(written) else { return };
    for host in [(true, true), (false, true), (false, false)] {
        let (loopback, native) = host;
        let catalog = match Catalog::build(&settings, Host { loopback, native }) {
            Ok(catalog) => catalog,
            Err(problems) => {
                assert!(!problems.is_empty(), "no catalog, and no problem");
                problems
                    .iter()
                    .for_each(|problem| assert!(!problem.path.is_empty() && !problem.what.is_empty(), "{problem:?}"));
                continue;
            }
        };
        for dialect in Dialect::ALL {
            let list = models::list(&catalog, dialect);
            assert!(serde_json::from_slice::<&serde_json::value::RawValue>(&list).is_ok());
            for name in names.lines().take(8) {
                let _ = models::find(name, &catalog, dialect);
            }
        }
        for name in names.lines().take(8) {
            if let Ok(lines) = models::explain(name, &catalog) {
                assert!(!lines.is_empty());
            }
        }
    }
});

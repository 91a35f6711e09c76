//! One source of values for figment, under the name problems call it by.

use figment::value::{Dict, Map, Value};
use figment::{Error, Metadata, Profile, Provider};

/// The values of a file, a variable or a flag.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    name: String,
    values: Dict,
}

impl Layer {
    pub(super) fn new(name: impl Into<String>, values: Dict) -> Self {
        Self { name: name.into(), values }
    }

    /// One value at `path`.
    pub(super) fn single(name: impl Into<String>, path: &[String], value: impl Into<Value>) -> Self {
        let mut path = path.iter().rev();
        let mut dict = Dict::new();
        if let Some(last) = path.next() {
            dict.insert(last.clone(), value.into());
        }
        for key in path {
            dict = Dict::from([(key.clone(), Value::from(dict))]);
        }
        Self::new(name, dict)
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

//! JSON text in the order it was written: providers send `id` before `choices`, and a sorted map would not.

use serde_json::Value;

/// A finished piece of JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Json(String);

impl Json {
    pub(crate) fn null() -> Self {
        Self("null".into())
    }

    /// Text that is JSON already; kept byte for byte.
    pub(crate) fn raw(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn object(members: &[(&str, Self)]) -> Self {
        let members: Vec<String> =
            members.iter().map(|(name, value)| format!("{}:{}", Self::from(*name).0, value.0)).collect();
        Self(format!("{{{}}}", members.join(",")))
    }

    pub(crate) fn array(items: impl IntoIterator<Item = Self>) -> Self {
        let items: Vec<String> = items.into_iter().map(|item| item.0).collect();
        Self(format!("[{}]", items.join(",")))
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self(Value::from(text).to_string())
    }
}

impl From<&String> for Json {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self(value.to_string())
    }
}

impl From<u64> for Json {
    fn from(value: u64) -> Self {
        Self(value.to_string())
    }
}

impl From<usize> for Json {
    fn from(value: usize) -> Self {
        Self(value.to_string())
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        Self(value.to_string())
    }
}

impl<T: Into<Self>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or_else(Self::null, Into::into)
    }
}

/// `obj! { "id": id, "object": "list" }`: an object whose members keep this order.
macro_rules! obj {
    ($($name:literal : $value:expr),* $(,)?) => {
        $crate::json::Json::object(&[$(($name, $crate::json::Json::from($value))),*])
    };
}
pub(crate) use obj;

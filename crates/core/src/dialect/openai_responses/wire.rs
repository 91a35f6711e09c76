//! Names and small forms of the wire: <https://platform.openai.com/docs/api-reference/responses/create>.

use crate::json::{Ext, Kind, Members, Obj, RawValue, kind, one_line};

/// Ids of replies start so.
pub(super) const ID_PREFIX: &str = "resp_";
/// Between a namespace and a tool's own name, where a dialect knows no namespaces.
pub(super) const NAMESPACE: &str = "__";
/// Longest tool name, and longest call id.
pub(super) const NAME_LIMIT: usize = 64;
/// The `include` that asks for encrypted reasoning.
pub(super) const ENCRYPTED: &str = "reasoning.encrypted_content";

/// What nobody took. A member that is `null` is an absent one.
pub(super) fn rest(members: Members<'_>) -> Ext<'_> {
    members.into_rest().into_iter().filter(|(_, v)| kind(v) != Kind::Null).collect()
}

/// Keeps what nobody took of a nested object under dotted names (`reasoning.context`).
pub(super) fn rest_under<'a>(parent: &str, members: Members<'a>, ext: &mut Ext<'a>) {
    ext.extend(rest(members).into_iter().map(|(k, v)| (format!("{parent}.{k}").into(), v)));
}

/// Writes the caller's own value, or a default in its place.
pub(super) fn or(o: &mut Obj<'_>, key: &str, value: Option<&RawValue>, default: &str) {
    o.raw(key, &one_line(value.map_or(default, RawValue::get)));
}

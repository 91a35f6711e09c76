//! What a request cost.

/// Cost of one exchange. Unknown is not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cost {
    /// Nothing was asked of a provider.
    NotApplicable,
    /// Millionths of a US dollar.
    Known { micros: u64 },
    /// No price is known for the model, or no usage for the reply.
    #[default]
    Unknown,
}

impl Cost {
    /// Millionths of a US dollar, if known.
    pub const fn micros(self) -> Option<u64> {
        match self {
            Self::Known { micros } => Some(micros),
            Self::NotApplicable | Self::Unknown => None,
        }
    }
}

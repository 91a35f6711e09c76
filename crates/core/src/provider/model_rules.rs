//! What single models of a provider refuse or want: the first rule whose pattern fits holds. Sections as in the rows of
//! quirks.

use super::quirks::ModelRule;

/// What reasoning models refuse unless their effort is none (section 2).
const SAMPLING: &[&str] = &["temperature", "top_p", "presence_penalty", "frequency_penalty"];

/// Its o-series refuses them, and `stop` (section 2).
const SAMPLING_AND_STOP: &[&str] = &["stop", "temperature", "top_p", "presence_penalty", "frequency_penalty"];

/// What models that do not think refuse.
const EFFORT: &[&str] = &["reasoning_effort"];

const GPT_4: ModelRule = ModelRule { glob: "gpt-4*", refuses: EFFORT, ..ModelRule::PLAIN };
const GPT_5: ModelRule = ModelRule { glob: "gpt-5*", refuses_reasoning: SAMPLING, ..ModelRule::PLAIN };
const GPT_5_CHAT: ModelRule = ModelRule { glob: "gpt-5*-chat*", refuses: EFFORT, ..ModelRule::PLAIN };
const O1: ModelRule = ModelRule { glob: "o1*", refuses: SAMPLING, ..ModelRule::PLAIN };
const O3: ModelRule = ModelRule { glob: "o3*", refuses: SAMPLING_AND_STOP, ..ModelRule::PLAIN };
const O4: ModelRule = ModelRule { glob: "o4*", refuses: SAMPLING_AND_STOP, ..ModelRule::PLAIN };

/// Section 2, and the notes on `stop` and `reasoning_effort` in the list of Chat's members.
pub(super) const OPENAI_MODELS: &[ModelRule] = &[
    GPT_5_CHAT,
    GPT_5,
    O1,
    O3,
    O4,
    GPT_4,
    ModelRule { glob: "gpt-3.5*", refuses: EFFORT, ..ModelRule::PLAIN },
    ModelRule { glob: "chatgpt-*", refuses: EFFORT, ..ModelRule::PLAIN },
];

/// OpenAI's reasoning models are no others behind somebody else's address.
pub(super) const COMPATIBLE_MODELS: &[ModelRule] = &[ModelRule { glob: "gpt-5*-chat*", ..ModelRule::PLAIN }, GPT_5];

/// OpenAI's, and those of other vendors: "Responses refuses `reasoning.effort` for them" (section 5). A deployment may have
/// any name; those of the catalogue begin so.
pub(super) const AZURE_MODELS: &[ModelRule] = &[
    ModelRule { glob: "DeepSeek*", refuses: EFFORT, ..ModelRule::PLAIN },
    ModelRule { glob: "deepseek*", refuses: EFFORT, ..ModelRule::PLAIN },
    ModelRule { glob: "grok*", refuses: EFFORT, ..ModelRule::PLAIN },
    ModelRule { glob: "Mistral*", refuses: EFFORT, ..ModelRule::PLAIN },
    ModelRule { glob: "mistral*", refuses: EFFORT, ..ModelRule::PLAIN },
    ModelRule { glob: "Llama*", refuses: EFFORT, ..ModelRule::PLAIN },
    ModelRule { glob: "Meta-Llama*", refuses: EFFORT, ..ModelRule::PLAIN },
    GPT_5_CHAT,
    GPT_5,
    O1,
    O3,
    O4,
    GPT_4,
    ModelRule { glob: "gpt-35*", refuses: EFFORT, ..ModelRule::PLAIN },
];

/// What xAI's reasoning models refuse (section 9).
const GROK_SAMPLING: &[&str] = &["presence_penalty", "frequency_penalty", "stop"];

pub(super) const GROK_MODELS: &[ModelRule] = &[
    ModelRule { glob: "grok-2*", refuses: EFFORT, ..ModelRule::PLAIN },
    ModelRule { glob: "grok-3-mini*", refuses: GROK_SAMPLING, ..ModelRule::PLAIN },
    ModelRule { glob: "grok-3*", refuses: EFFORT, ..ModelRule::PLAIN },
    ModelRule { glob: "grok-*", refuses: GROK_SAMPLING, ..ModelRule::PLAIN },
];

/// Efforts are none and default for qwen3, low to high besides for qwen3.8, low to high for gpt-oss; `reasoning_format`
/// is not for gpt-oss, and elsewhere `raw` would put thoughts into the text (section 7,
/// <https://console.groq.com/docs/reasoning>).
pub(super) const GROQ_MODELS: &[ModelRule] = &[
    ModelRule {
        glob: "openai/gpt-oss*",
        efforts: Some([None, Some("low"), Some("low"), Some("medium"), Some("high"), Some("high"), Some("high")]),
        ..ModelRule::PLAIN
    },
    ModelRule { glob: "qwen/qwen3.8*", adds: &[("reasoning_format", "\"parsed\"")], ..ModelRule::PLAIN },
    ModelRule {
        glob: "qwen/qwen3*",
        efforts: Some([
            Some("none"),
            Some("default"),
            Some("default"),
            Some("default"),
            Some("default"),
            Some("default"),
            Some("default"),
        ]),
        adds: &[("reasoning_format", "\"parsed\"")],
        ..ModelRule::PLAIN
    },
    ModelRule { glob: "llama*", refuses: EFFORT, ..ModelRule::PLAIN },
    ModelRule { glob: "meta-llama/*", refuses: EFFORT, ..ModelRule::PLAIN },
    ModelRule { glob: "moonshotai/kimi-k2-instruct*", refuses: EFFORT, ..ModelRule::PLAIN },
    ModelRule { glob: "gemma*", refuses: EFFORT, ..ModelRule::PLAIN },
];

//! The model name as a script: words between `-`, `:` and `/` that choose a behaviour.

use std::time::Duration;

/// What the words of a model name ask for. Words that mean nothing here are part of the name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// Replaces the whole answer.
    pub(crate) fault: Option<Fault>,
    /// Wait before the head.
    pub(crate) slow: Option<Duration>,
    pub(crate) text: Text,
    /// No `/strict/` rules for this model.
    pub(crate) lax: bool,
    pub(crate) ending: Ending,
    /// `reasoning_content` in the Chat dialect.
    pub(crate) reasoner: bool,
    pub(crate) damage: Option<Damage>,
    pub(crate) framing: Vec<Framing>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    BadHttp,
    ContextLength,
    EchoAuth,
    Empty,
    Err200,
    Garbage,
    Hang,
    Html502,
    Quota,
    Redirect,
    Status(u16),
}

/// What the text of the answer is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Text {
    #[default]
    Echo,
    /// So many kilobytes.
    Big(usize),
    /// So many numbered words, all HTTP chunks in one write when streamed.
    Burst(usize),
    /// So many numbered words, each sent when it is asked for when streamed.
    Gated(usize),
    /// So many numbered words, with a pause before each when streamed.
    Paced(usize, Duration),
}

/// How the answer ends when no stop sequence and no tool call ends it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ending {
    Length,
    #[default]
    Natural,
    Refusal,
}

/// What happens to a good answer on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    Cut(usize),
    ErrMid,
    Rst(usize),
    Silent,
    Truncate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// SSE comments between the events.
    Comments,
    Crlf,
    Gzip,
    /// No length and no chunks: the body ends with the connection.
    UntilClose,
    /// One chunk every so many bytes.
    Split(usize),
}

impl Tokens {
    pub(crate) fn of(model: &str) -> Self {
        let mut tokens = Self::default();
        let words: Vec<&str> = model.split(['-', ':', '/']).collect();
        let mut words = words.as_slice();
        while let [word, rest @ ..] = words {
            let used = tokens.take(word, rest);
            words = rest.get(used..).unwrap_or_default();
        }
        tokens
    }

    /// Takes one word; answers how many of the following ones belonged to it.
    fn take(&mut self, word: &str, rest: &[&str]) -> usize {
        let number = |at: usize| rest.get(at).and_then(|word| word.parse::<usize>().ok());
        let millis = |at: usize| number(at).and_then(|n| u64::try_from(n).ok()).map(Duration::from_millis);
        let next_is = |text: &str| rest.first() == Some(&text);
        match (word, number(0)) {
            ("slow", Some(_)) => self.slow = millis(0),
            ("cut", Some(n)) => self.damage = Some(Damage::Cut(n)),
            ("rst", Some(n)) => self.damage = Some(Damage::Rst(n)),
            ("big", Some(n)) => self.text = Text::Big(n),
            ("burst", Some(n)) => self.text = Text::Burst(n),
            ("gated", Some(n)) => self.text = Text::Gated(n),
            ("bytes", Some(n)) => self.framing.push(Framing::Split(n)),
            ("stream", Some(n)) => {
                self.text = Text::Paced(n, millis(1).unwrap_or_default());
                return if millis(1).is_some() { 2 } else { 1 };
            }
            ("err", _) if next_is("mid") => {
                self.damage = Some(Damage::ErrMid);
                return 1;
            }
            ("echo", _) if next_is("auth") => {
                self.fault = Some(Fault::EchoAuth);
                return 1;
            }
            ("silent", _) => self.damage = Some(Damage::Silent),
            ("truncate", _) => self.damage = Some(Damage::Truncate),
            ("lax", _) => self.lax = true,
            ("length", _) => self.ending = Ending::Length,
            ("refusal", _) => self.ending = Ending::Refusal,
            ("reasoner", _) => self.reasoner = true,
            ("gzip", _) => self.framing.push(Framing::Gzip),
            ("crlf", _) => self.framing.push(Framing::Crlf),
            ("comments", _) => self.framing.push(Framing::Comments),
            ("close", _) => self.framing.push(Framing::UntilClose),
            _ => {
                if let Some(fault) = fault(word) {
                    self.fault = Some(fault);
                }
                return 0;
            }
        }
        usize::from(matches!(word, "slow" | "cut" | "rst" | "big" | "burst" | "bytes" | "gated") && number(0).is_some())
    }
}

fn fault(word: &str) -> Option<Fault> {
    Some(match word {
        "400" | "401" | "402" | "403" | "404" | "409" | "413" | "422" | "429" | "500" | "502" | "503" | "504"
        | "529" => Fault::Status(word.parse().ok()?),
        "badhttp" => Fault::BadHttp,
        "context" => Fault::ContextLength,
        "empty" => Fault::Empty,
        "err200" => Fault::Err200,
        "garbage" => Fault::Garbage,
        "hang" => Fault::Hang,
        "html502" => Fault::Html502,
        "quota" => Fault::Quota,
        "redirect" => Fault::Redirect,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_names_mean_nothing() {
        for name in ["gpt-5.5", "claude-sonnet-4-6", "claude-3-5-haiku-20241022", "gpt-4o-mini", "mixtral-8x7b-32768"] {
            assert_eq!(Tokens::of(name), Tokens::default(), "{name}");
        }
    }

    #[test]
    fn words_take_their_numbers() {
        assert_eq!(Tokens::of("x-cut-429").damage, Some(Damage::Cut(429)));
        assert_eq!(Tokens::of("x-cut-429").fault, None);
        assert_eq!(Tokens::of("gpt-5.5-429").fault, Some(Fault::Status(429)));
        assert_eq!(Tokens::of("scripted:stream-20-5").text, Text::Paced(20, Duration::from_millis(5)));
        let both = Tokens::of("gpt-5.5-slow-50-err-mid");
        assert_eq!((both.slow, both.damage), (Some(Duration::from_millis(50)), Some(Damage::ErrMid)));
    }
}

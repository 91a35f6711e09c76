//! The metrics that come from records.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use apex_core::cost::Cost;
use apex_core::money::Money;
use apex_core::price::is_plausible;
use apex_core::record::{Mode, Outcome, Record};
use apex_core::semconv::{self, label, metric};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::names::{self, Named};

pub(super) type Labels = Vec<(&'static str, Cow<'static, str>)>;
type Counts = Family<Labels, Counter>;
type Histograms = Family<Labels, Histogram, Buckets>;

/// Upper bounds of a histogram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

/// One of each.
pub(super) struct Families {
    requests: Counts,
    request_duration: Histograms,
    inference: Operations,
    embeddings: Operations,
    first_chunk: Histograms,
    tokens: Counts,
    cost: Costs,
    cost_unknown: Counts,
    overhead: Histogram,
    upstream_first_byte: Histograms,
    attempts: Counts,
    refusals: Counts,
    fields_dropped: Counts,
}

impl Families {
    pub(super) fn register(to: &mut Registry) -> Self {
        let histograms = |buckets| Histograms::new_with_constructor(Buckets(buckets));
        let families = Self {
            requests: Counts::default(),
            request_duration: histograms(DURATION),
            inference: Operations::new(),
            embeddings: Operations::new(),
            first_chunk: histograms(DURATION),
            tokens: Counts::default(),
            cost: Costs::default(),
            cost_unknown: Counts::default(),
            overhead: Histogram::new(OVERHEAD.iter().copied()),
            upstream_first_byte: histograms(FIRST_BYTE),
            attempts: Counts::default(),
            refusals: Counts::default(),
            fields_dropped: Counts::default(),
        };
        let seconds = || Unit::Seconds;
        to.register("gateway_requests", "Requests that ended, and how", families.requests.clone());
        let help = "From the head of a request to the end of its answer";
        to.register_with_unit(metric::REQUEST_DURATION, help, seconds(), families.request_duration.clone());
        families.inference.register(to, metric::INFERENCE_DURATION, metric::INFERENCE_INPUT_TOKENS);
        let help = "Output tokens of a reply, reasoning included";
        to.register(metric::INFERENCE_OUTPUT_TOKENS, help, families.inference.output_tokens.clone());
        families.embeddings.register(to, metric::EMBEDDINGS_DURATION, metric::EMBEDDINGS_INPUT_TOKENS);
        let help = "From sending to the upstream to the first event of a stream that says something";
        to.register_with_unit(metric::TIME_TO_FIRST_CHUNK, help, seconds(), families.first_chunk.clone());
        let help =
            "Tokens by kind; input is what was neither read from nor written to a cache, output includes reasoning";
        to.register("gateway_tokens", help, families.tokens.clone());
        to.register_collector(Box::new(families.cost.clone()));
        to.register("gateway_cost_unknown", "Replies whose cost is not known, and why", families.cost_unknown.clone());
        let help = "From the head of a request to sending it on: the gateway's own time, the client's body included";
        to.register_with_unit("gateway_overhead", help, seconds(), families.overhead.clone());
        let help = "From sending to the upstream to the head of its reply";
        to.register_with_unit("gateway_upstream_first_byte", help, seconds(), families.upstream_first_byte.clone());
        to.register("gateway_attempts", "Requests sent to upstreams, and what went wrong", families.attempts.clone());
        to.register("gateway_refusals", "Requests the gateway refused, by code", families.refusals.clone());
        let help = "Members of requests that a translation dropped, approximated or patched";
        to.register("gateway_fields_dropped", help, families.fields_dropped.clone());
        families
    }

    pub(super) fn count(&self, record: &Record, named: &Named) {
        let provider = || (label::PROVIDER, Cow::from(named.provider.clone()));
        let model = || (label::MODEL, Cow::from(named.model.clone()));
        let status = || (label::STATUS, Cow::from(names::status(record.status)));
        let labels = vec![provider(), model(), status(), (label::OUTCOME, record.outcome.as_str().into())];
        self.requests.get_or_create_owned(&labels).inc();
        let labels = vec![
            (label::METHOD, names::method(&record.method).into()),
            (label::ROUTE, names::route(record).into()),
            status(),
        ];
        self.request_duration.get_or_create_owned(&labels).observe(record.duration.as_secs_f64());
        if record.outcome == Outcome::Refused
            && let Some(code) = &record.error
        {
            self.refusals.get_or_create_owned(&vec![(label::ERROR, code.clone().into())]).inc();
        }
        for attempt in &record.attempts {
            let error = attempt.error.unwrap_or("none");
            self.attempts.get_or_create_owned(&vec![provider(), (label::ERROR, error.into())]).inc();
        }
        let (Some(first), Some(last)) = (record.attempts.first(), record.attempts.last()) else { return };
        self.overhead.observe(first.started.as_secs_f64());
        if let Some(head) = last.head {
            let took = head.saturating_sub(last.started);
            self.upstream_first_byte.get_or_create_owned(&vec![provider()]).observe(took.as_secs_f64());
        }
        if record.mode == Mode::Gateway {
            self.operation(record, first.started, &[provider(), model()]);
        }
    }

    /// What the conventions call a client operation: what was asked of a model.
    fn operation(&self, record: &Record, sent: Duration, asked: &[(&'static str, Cow<'static, str>)]) {
        let operation = semconv::operation(&record.path);
        let mut labels = asked.to_vec();
        labels.push((label::OPERATION, operation.into()));
        if let Some(content) = record.first_content {
            self.first_chunk.get_or_create_owned(&labels).observe(content.saturating_sub(sent).as_secs_f64());
        }
        if let Some(error) = error_type(record) {
            labels.push((label::ERROR, error));
        }
        let operations = if operation == semconv::EMBEDDINGS { &self.embeddings } else { &self.inference };
        let took = record.duration.saturating_sub(sent);
        operations.duration.get_or_create_owned(&labels).observe(took.as_secs_f64());
        let usage = &record.usage;
        // One wrong word of an upstream must not make the sums useless.
        if is_plausible(usage) {
            let input = (!usage.is_unknown()).then(|| usage.input_total());
            for (histogram, count) in [(&operations.input_tokens, input), (&operations.output_tokens, usage.output)] {
                if let Some(count) = count.filter(|n| *n > 0) {
                    histogram.get_or_create_owned(&labels).observe(float(count));
                }
            }
            let kinds = [
                ("input", usage.input_uncached),
                ("cache_read", usage.cache_read),
                ("cache_write", usage.cache_write),
                ("output", usage.output),
                ("reasoning", usage.reasoning),
            ];
            for (kind, count) in kinds {
                if let Some(count) = count.filter(|n| *n > 0) {
                    let labels = [asked, &[(label::TOKEN_TYPE, kind.into())]].concat();
                    self.tokens.get_or_create_owned(&labels).inc_by(count);
                }
            }
        }
        match record.cost {
            Cost::NotApplicable => {}
            Cost::Known { amount, .. } => self.cost.add(asked.to_vec(), amount),
            Cost::Unknown(why) => {
                let labels = [asked, &[(label::REASON, why.as_str().into())]].concat();
                self.cost_unknown.get_or_create_owned(&labels).inc();
            }
        }
        if let Some(adjustments) = &record.adjustments {
            let count =
                adjustments.split(',').map(|one| one.strip_prefix('+').and_then(|n| n.parse().ok()).unwrap_or(1));
            self.fields_dropped.get_or_create_owned(&asked.iter().take(1).cloned().collect()).inc_by(count.sum());
        }
    }
}

/// What the conventions measure of one kind of operation.
struct Operations {
    duration: Histograms,
    input_tokens: Histograms,
    output_tokens: Histograms,
}

impl Operations {
    fn new() -> Self {
        let histograms = |buckets| Histograms::new_with_constructor(Buckets(buckets));
        Self { duration: histograms(DURATION), input_tokens: histograms(TOKENS), output_tokens: histograms(TOKENS) }
    }

    fn register(&self, to: &mut Registry, duration: &str, input_tokens: &str) {
        let help = "From sending to the upstream to the end of its reply";
        to.register_with_unit(duration, help, Unit::Seconds, self.duration.clone());
        to.register(input_tokens, "Input tokens of a request, cached ones included", self.input_tokens.clone());
    }
}

/// How an operation failed: a status, or one of the few words for an outcome. None if it did not.
fn error_type(record: &Record) -> Option<Cow<'static, str>> {
    let status = record.upstream_status.filter(|status| *status >= 400);
    match (record.outcome, status) {
        (Outcome::Completed | Outcome::Relayed, _) => None,
        (Outcome::UpstreamError, Some(status)) => Some(names::status(status).into()),
        (outcome, _) => Some(outcome.as_str().into()),
    }
}

/// Sums of money, exact until they are shown.
#[derive(Clone, Debug, Default)]
struct Costs(Arc<Mutex<BTreeMap<Labels, Money>>>);

impl Costs {
    fn add(&self, labels: Labels, amount: Money) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = sums.entry(labels).or_default();
        *sum = sum.plus(amount);
    }
}

impl Collector for Costs {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let help = "What replies cost, in US dollars, where it is known";
        let mut metric = encoder.encode_descriptor("gateway_cost_usd", help, None, MetricType::Counter)?;
        for (labels, sum) in &*sums {
            ConstCounter::new(sum.dollars()).encode(metric.encode_family(labels)?)?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "plausible counts are far below 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}

/// As the conventions recommend them, and two more: replies of minutes are not rare.
const DURATION: &[f64] =
    &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68];
const FIRST_BYTE: &[f64] =
    &[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0];
const TOKENS: &[f64] =
    &[1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 4_194_304.0];
/// The gateway's own time is microseconds, unless a body comes slowly.
const OVERHEAD: &[f64] =
    &[0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 1.0, 10.0];

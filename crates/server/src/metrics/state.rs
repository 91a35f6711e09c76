//! The metrics that are read when somebody asks.

use std::sync::atomic::Ordering;

use apex_core::semconv::label;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::Metrics;
use super::family::Labels;
use crate::platform::Shared;
use crate::report::Counts;

/// What was read.
#[derive(Debug)]
pub(super) struct State(Vec<Reading>);

#[derive(Debug)]
struct Reading {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    values: Vec<(Labels, f64)>,
}

impl State {
    pub(super) fn read(metrics: &Metrics, shared: &Shared) -> Self {
        let one = |name, help, kind, value| Reading { name, help, kind, values: vec![(Vec::new(), value)] };
        let gauge = |name, help, value: u64| one(name, help, MetricType::Gauge, float(value));
        let (gauges, upstream) = (&shared.gauge, &shared.upstream);
        let open = upstream.open.load(Ordering::Relaxed);
        let idle = upstream.idle.load(Ordering::Relaxed).min(open);
        let connections = [("idle", idle), ("used", open - idle)];
        let connections = connections.map(|(state, n)| (vec![(label::STATE, state.into())], float(n)));
        let version = vec![("version", env!("CARGO_PKG_VERSION").into())];
        let mut readings = vec![
            gauge("gateway_open_requests", "Requests under way", gauges.requests.load(Ordering::Relaxed)),
            gauge("gateway_open_streams", "Streams on their way to clients", gauges.streams.load(Ordering::Relaxed)),
            gauge("gateway_buffered_bytes", "Request bodies held in memory", gauges.buffered()),
            Reading {
                name: "gateway_upstream_connections",
                help: "Connections to upstreams; those of HTTP/2 count as used",
                kind: MetricType::Gauge,
                values: connections.to_vec(),
            },
            gauge("gateway_report_queue", "Records that no sink has seen yet", shared.reports.depth()),
            gauge(
                "gateway_config_version",
                "Configurations taken since the start, the first one included",
                metrics.version.load(Ordering::Relaxed),
            ),
            one(
                "gateway_config_refused",
                "Configurations that had problems and were not taken",
                MetricType::Counter,
                float(metrics.refused.load(Ordering::Relaxed)),
            ),
            Reading {
                name: "gateway_build_info",
                help: "The version that runs",
                kind: MetricType::Gauge,
                values: vec![(version, 1.0)],
            },
            one("process_start_time_seconds", "Seconds since the epoch", MetricType::Gauge, metrics.started),
        ];
        readings.extend(sinks(shared));
        Self(readings)
    }
}

/// The ledger of each sink that is switched on.
fn sinks(shared: &Shared) -> [Reading; 4] {
    let ledgers = || shared.reports.ledgers().iter().filter(|ledger| ledger.is_on());
    let reading = |name, help, kind, value: fn(Counts) -> u64| Reading {
        name,
        help,
        kind,
        values: ledgers().map(|l| (vec![(label::SINK, l.name().into())], float(value(l.counts())))).collect(),
    };
    let counter = MetricType::Counter;
    [
        reading("gateway_records_produced", "Records for a sink", counter, |counts| counts.produced),
        reading("gateway_records_delivered", "Records a sink has taken", MetricType::Counter, |counts| {
            counts.delivered
        }),
        reading("gateway_records_lost", "Records a sink will never have", MetricType::Counter, |counts| counts.dropped),
        reading("gateway_records_queued", "Records that wait for a sink", MetricType::Gauge, |counts| counts.queued),
    ]
}

impl Collector for State {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for reading in &self.0 {
            let mut metric = encoder.encode_descriptor(reading.name, reading.help, None, reading.kind)?;
            for (labels, value) in &reading.values {
                let metric = metric.encode_family(labels)?;
                if matches!(reading.kind, MetricType::Counter) {
                    ConstCounter::new(*value).encode(metric)?;
                } else {
                    ConstGauge::new(*value).encode(metric)?;
                }
            }
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a graph needs no more than 16 digits")]
fn float(count: u64) -> f64 {
    count as f64
}

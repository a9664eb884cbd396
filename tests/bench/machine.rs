//! Where and when something was measured: figures without it mean nothing.

use std::fmt;
use std::fs;

use serde_json::{Value, json};

/// The machine, as far as it matters.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    date: String,
    cpu: String,
    cores: usize,
    memory_gib: u64,
    kernel: String,
}

impl Machine {
    /// This machine, today. What the system does not tell is "unknown" or 0.
    pub(crate) fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
        };
        let kib = field(&read("/proc/meminfo"), "MemTotal")
            .and_then(|value| value.split(' ').next().and_then(|kib| kib.parse::<u64>().ok()));
        Self {
            date: jiff::Zoned::now().date().to_string(),
            cpu: field(&read("/proc/cpuinfo"), "model name")
                .unwrap_or_else(|| "unknown CPU".into()),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: kib.unwrap_or(0).div_ceil(1 << 20),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }

    /// The same for scripts.
    pub(crate) fn json(&self) -> Value {
        json!({"date": self.date, "cpu": self.cpu, "cores": self.cores, "memory_gib": self.memory_gib, "kernel": self.kernel})
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}; {}, {} cores, {} GiB, Linux {}",
            self.date, self.cpu, self.cores, self.memory_gib, self.kernel
        )
    }
}

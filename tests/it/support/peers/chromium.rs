//! Chromium without a window, driven by its own protocol
//! (chromedevtools.github.io/devtools-protocol) through two pipes: what it shows and sends is what
//! a person's browser would.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Server;

/// No answer takes longer than this, on a busy machine either.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running browser with one page.
pub(crate) struct Chromium {
    server: Server,
    orders: File,
    said: Receiver<Value>,
    last: u64,
    session: Option<String>,
    _dir: tempfile::TempDir,
}

impl Chromium {
    pub(crate) fn start() -> Option<Self> {
        let Some(program) =
            ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(super::program)
        else {
            return super::require("Chromium", "not installed (package chromium)");
        };
        let dir = super::open_directory();
        let made = Command::new("mkfifo")
            .args(["orders", "said"])
            .current_dir(dir.path())
            .status()
            .expect("mkfifo is everywhere");
        assert!(made.success());
        // The shell gives it the pipes under the numbers that it expects, and becomes it.
        let mut command = Command::new("sh");
        command
            .args(["-c", "exec \"$0\" \"$@\" 3<orders 4>said"])
            .arg(program)
            .current_dir(dir.path())
            .env("HOME", dir.path());
        command.args([
            "--headless=new",
            "--remote-debugging-pipe",
            "--user-data-dir=profile",
            "--no-first-run",
            "--disable-gpu",
        ]);
        command.args([
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ]);
        if super::is_root() {
            command.arg("--no-sandbox");
        }
        let server = Server::spawn(command.arg("about:blank"), dir.path().join("log"));
        let orders = OpenOptions::new()
            .write(true)
            .open(dir.path().join("orders"))
            .expect("the shell reads it");
        let answers = File::open(dir.path().join("said")).expect("the shell writes it");
        let (tell, said) = channel();
        std::thread::spawn(move || {
            // Until the browser, or the test, has ended.
            for message in BufReader::new(answers).split(0).map_while(Result::ok) {
                let Ok(message) = serde_json::from_slice(&message) else { return };
                if tell.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self { server, orders, said, last: 0, session: None, _dir: dir };
        let target =
            browser.order("Target.createTarget", json!({ "url": "about:blank" }))["targetId"]
                .clone();
        let attached =
            browser.order("Target.attachToTarget", json!({ "targetId": target, "flatten": true }));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        browser.order("Page.enable", json!({}));
        Some(browser)
    }

    #[track_caller]
    fn hear(&self) -> Value {
        self.said.recv_timeout(PATIENCE).unwrap_or_else(|error| {
            panic!("the browser says nothing: {error}\n{}", self.server.log())
        })
    }

    /// Gives an order and returns its result. What happens meanwhile is not kept.
    #[track_caller]
    fn order(&mut self, method: &str, parameters: Value) -> Value {
        self.begin(method, parameters);
        loop {
            let message = self.hear();
            if message["id"] == self.last {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    fn begin(&mut self, method: &str, parameters: Value) {
        self.last += 1;
        let mut order = json!({ "id": self.last, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            order["sessionId"] = json!(session);
        }
        self.orders.write_all(format!("{order}\0").as_bytes()).expect("the browser runs");
    }

    /// Waits until a page has been loaded with everything on it.
    #[track_caller]
    fn loaded(&self) {
        while self.hear()["method"] != "Page.loadEventFired" {}
    }

    /// Goes to a page.
    #[track_caller]
    pub(crate) fn open(&mut self, url: &str) {
        self.begin("Page.navigate", json!({ "url": url }));
        self.loaded();
    }

    /// What an expression in the page comes to.
    #[track_caller]
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let result = self
            .order("Runtime.evaluate", json!({ "expression": expression, "returnByValue": true }));
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Whether scripts of pages run; orders are carried out all the same.
    pub(crate) fn lets_scripts_run(&mut self, run: bool) {
        self.order("Emulation.setScriptExecutionDisabled", json!({ "value": !run }));
    }

    /// Presses the mouse's button over the only element of this kind, and waits for the page that
    /// follows. When it was pressed.
    #[track_caller]
    pub(crate) fn press(&mut self, element: &str) -> (Instant, jiff::Timestamp) {
        let boxed = format!(
            "(() => {{ const all = document.querySelectorAll({element:?}); const r = all[0].getBoundingClientRect();\
             return {{ count: all.length, x: r.x + r.width / 2, y: r.y + r.height / 2 }} }})()"
        );
        let place = self.value(&boxed);
        assert_eq!(place["count"], 1, "{place}");
        let event = |kind: &str| json!({ "type": kind, "x": place["x"], "y": place["y"], "button": "left", "clickCount": 1 });
        self.order("Input.dispatchMouseEvent", event("mousePressed"));
        let pressed = (Instant::now(), jiff::Timestamp::now());
        self.begin("Input.dispatchMouseEvent", event("mouseReleased"));
        self.loaded();
        pressed
    }
}

//! What operators do by hand with providers, and what providers say about people, against local
//! services with the replies that the providers document.

mod learning;
mod polling;
mod polling_faults;
mod polling_places;
mod presets;
mod provider;
mod sandbox;
mod sync;

use crate::support::{Workspace, workspace};

/// The key that must never be seen.
const KEY: &str = "sk_hunter2_9f8e7d";

/// A workspace with one provider called `api` at `url`, an empty suppression file, and a list of
/// these addresses.
fn at(kind: &str, url: &str, more: &str, addresses: &[&str]) -> Workspace {
    let work = workspace();
    let credentials = match kind {
        "ses" => {
            "region = \"eu-west-1\"\naccess_key_id = \"AKIAEXAMPLE\"\nsecret_access_key = { file = \"key\" }"
        }
        "mailgun" => "domain = \"mg.acme.example\"\napi_key = { file = \"key\" }",
        _ => "api_key = { file = \"key\" }",
    };
    work.config(&format!(
        "[message]\nfile = \"message.md\"\nfrom = \"Acme <news@acme.example>\"\nkind = \"transactional\"\n\n\
         [suppression]\nfiles = [\"stop.csv\"]\n\n\
         [providers.api]\nkind = \"{kind}\"\n{credentials}\nbase_url = \"{url}\"\nin_flight = 1\n\
         timeouts = {{ read = \"2s\", total = \"3s\" }}\nretry = {{ for = \"2s\", base = \"20ms\", max = \"200ms\" }}\n{more}\n"
    ));
    let list: String = addresses.iter().map(|address| format!("{address}\n")).collect();
    work.secret("key", KEY)
        .message("Hello", "Body.")
        .file("stop.csv", "email,reason,source\n")
        .file("list.csv", format!("email\n{list}"));
    work
}

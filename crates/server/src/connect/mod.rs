//! `apex-ai-proxy connect`: the settings that point a client at this gateway, printed or written.
//!
//! What each client needs is data (`clients.rs`); `merge.rs` puts it into files that hold other settings, too.

mod clients;
mod merge;

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use crate::config::Environment;
use clients::{CLIENTS, Client, File};

/// Which client, and how the gateway is reached.
#[derive(Args, Debug)]
pub(crate) struct Connect {
    /// The client; without one, all of them are listed
    client: Option<String>,
    /// Where the gateway is reached, without /v1
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8787")]
    url: String,
    /// Model to set [default: one that fits the client]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Environment variable that holds the gateway token
    #[arg(long, value_name = "NAME", default_value = "GATEWAY_TOKEN")]
    token_env: String,
    /// Write the settings into the client's files, with a copy of what was there
    #[arg(long)]
    write: bool,
    /// Show what --write would change
    #[arg(long, conflicts_with = "write")]
    dry_run: bool,
}

/// Does what was asked, and tells it on `out`.
pub(crate) fn connect(asked: &Connect, environment: &Environment) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    let Some(name) = &asked.client else {
        for client in CLIENTS {
            writeln!(out, "{:<14} {}", client.name, client.what)?;
        }
        return Ok(());
    };
    let client = CLIENTS.iter().find(|c| c.name == name).ok_or_else(|| {
        let names: Vec<_> = CLIENTS.iter().map(|c| c.name).collect();
        format!("unknown client `{name}`; known: {}", names.join(", "))
    })?;
    if !plain(&asked.url) || !plain(&asked.token_env) || !asked.model.as_deref().is_none_or(plain) {
        return Err(
            "quotes, backslashes, white space and control characters cannot stand in --url, --model or --token-env"
                .into(),
        );
    }
    if !(asked.write || asked.dry_run) {
        out.write_all(shown(client, asked).as_bytes())?;
        return Ok(());
    }
    let home = environment.get("HOME").or_else(|| environment.get("USERPROFILE"));
    let home = home.map(PathBuf::from).ok_or("HOME is not set: nobody knows where the client's files are")?;
    if client.files.is_empty() {
        return Err(
            format!("{name} keeps no settings that can be written; `connect {name}` prints what to enter").into()
        );
    }
    for file in client.files {
        let path = home.join(file.path);
        let said = if asked.write { write(&path, file, client, asked)? } else { changes(&path, file, client, asked)? };
        out.write_all(said.as_bytes())?;
    }
    out.write_all(rest(client, asked).as_bytes())?;
    Ok(())
}

/// Values go into JSON, TOML, YAML and shell lines alike: nothing in them may end a string.
fn plain(value: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '"' | '\'' | '\\' | '`' | '$');
    !value.is_empty() && !value.contains(odd)
}

/// A template with its places filled.
fn filled(template: &str, client: &Client, asked: &Connect) -> String {
    let model = asked.model.as_deref().unwrap_or(client.model);
    let url = asked.url.trim_end_matches('/').trim_end_matches("/v1");
    template.replace("{url}", url).replace("{model}", model).replace("{token_env}", &asked.token_env)
}

/// Everything a person needs to set the client up by hand.
fn shown(client: &Client, asked: &Connect) -> String {
    let mut out = format!("{}: {}\n", client.name, client.what);
    for file in client.files {
        // Writing to a string does not fail.
        let _ = write!(out, "\n~/{}:\n\n{}", file.path, indented(&filled(file.settings, client, asked)));
    }
    out + &rest(client, asked)
}

/// What is no file: variables, and sentences.
fn rest(client: &Client, asked: &Connect) -> String {
    let mut out = String::new();
    if !client.env.is_empty() {
        out.push_str("\nIn the shell:\n\n");
        out.push_str(&indented(&filled(client.env, client, asked)));
    }
    if !client.note.is_empty() {
        let _ = write!(out, "\n{}\n", filled(client.note, client, asked));
    }
    out
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") }).collect()
}

/// The file's text now, and with the settings in it.
fn merged(
    path: &Path,
    file: &File,
    client: &Client,
    asked: &Connect,
) -> Result<(Option<String>, String), Box<dyn Error>> {
    let now = match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(format!("{}: {error}", path.display()).into()),
    };
    let settings = filled(file.settings, client, asked);
    let then = merge::merge(file.form, now.as_deref().unwrap_or(""), &settings)
        .map_err(|why| format!("{}: {why}; nothing was changed", path.display()))?;
    Ok((now, then))
}

fn write(path: &Path, file: &File, client: &Client, asked: &Connect) -> Result<String, Box<dyn Error>> {
    let (now, then) = merged(path, file, client, asked)?;
    if now.as_deref() == Some(then.as_str()) {
        return Ok(format!("{}: nothing to change\n", path.display()));
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut said = String::new();
    if now.is_some() {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let backup = beside(path, &format!("bak-{seconds}"));
        fs::copy(path, &backup)?;
        let _ = writeln!(said, "{}: kept as it was", backup.display());
    }
    // A file that is half written would be worse than none.
    let fresh = beside(path, "apex-new");
    fs::write(&fresh, then)?;
    fs::rename(&fresh, path)?;
    let _ = writeln!(said, "{}: written", path.display());
    Ok(said)
}

/// `path` with another ending behind its own.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

/// The lines that would go and come.
fn changes(path: &Path, file: &File, client: &Client, asked: &Connect) -> Result<String, Box<dyn Error>> {
    let (now, then) = merged(path, file, client, asked)?;
    let now = now.unwrap_or_default();
    let mut out = format!("{}:\n", path.display());
    // What both begin and end with is left out; settings are short.
    let (old, new): (Vec<_>, Vec<_>) = (now.lines().collect(), then.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let after = old.iter().skip(same).rev().zip(new.iter().skip(same).rev()).take_while(|(a, b)| a == b).count();
    for (sign, lines) in [("-", &old), ("+", &new)] {
        for line in lines.iter().take(lines.len() - after).skip(same) {
            let _ = writeln!(out, "{sign} {line}");
        }
    }
    if old == new {
        out.push_str("  nothing to change\n");
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(client: &str) -> Connect {
        Connect {
            client: Some(client.to_owned()),
            url: "http://127.0.0.1:8787/v1/".to_owned(),
            model: None,
            token_env: "GATEWAY_TOKEN".to_owned(),
            write: false,
            dry_run: false,
        }
    }

    #[test]
    fn every_client_is_filled_in() {
        for client in CLIENTS {
            let text = shown(client, &asked(client.name));
            assert!(text.contains("http://127.0.0.1:8787"), "{text}");
            assert!(!text.contains("8787/v1/v1") && !text.contains("{url}") && !text.contains("{model}"), "{text}");
            for file in client.files {
                let settings = filled(file.settings, client, &asked(client.name));
                let once = merge::merge(file.form, "", &settings).unwrap();
                assert_eq!(merge::merge(file.form, &once, &settings).unwrap(), once, "{}", client.name);
            }
        }
    }

    /// `docs/connect.md` is what the command prints; `APEX_GOLDEN=write` writes it anew.
    #[test]
    fn the_document_is_what_is_printed() {
        let mut text = String::from(
            "# Settings of clients\n\nWhat `apex-ai-proxy connect NAME` prints for each client, as a test keeps it. What works \
             with each of them is in [clients.md](clients.md).\n",
        );
        for client in CLIENTS {
            let mut asked = asked(client.name);
            asked.url = "http://127.0.0.1:8787".to_owned();
            let printed = shown(client, &asked);
            let _ = write!(text, "\n## {}\n\n```text\n{printed}```\n", client.name);
        }
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/connect.md");
        if std::env::var("APEX_GOLDEN").is_ok_and(|v| v == "write") {
            fs::write(&file, &text).unwrap();
        }
        let has = fs::read_to_string(&file).unwrap_or_default().replace("\r\n", "\n");
        assert_eq!(has, text, "run with APEX_GOLDEN=write and read the difference");
    }

    #[test]
    fn what_was_there_is_kept_and_copied() {
        let home = std::env::temp_dir().join(format!("apex-connect-{}", std::process::id()));
        let client = CLIENTS.iter().find(|c| c.name == "codex").unwrap();
        let file = client.files.first().unwrap();
        let path = home.join(file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let before = "# mine\nmodel = \"old\"\n\n[mcp_servers.x]\ncommand = \"x\" # keep\n";
        fs::write(&path, before).unwrap();
        assert!(changes(&path, file, client, &asked("codex")).unwrap().contains("- model = \"old\""));
        assert!(write(&path, file, client, &asked("codex")).unwrap().contains("kept as it was"));
        let after = fs::read_to_string(&path).unwrap();
        for kept in
            ["# mine", "[mcp_servers.x]", "command = \"x\" # keep", "wire_api = \"responses\"", "gpt-5.5#openai"]
        {
            assert!(after.contains(kept), "{after}");
        }
        assert!(write(&path, file, client, &asked("codex")).unwrap().contains("nothing to change"));
        let copies: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|f| f.unwrap().path()).collect();
        let copy = copies.iter().find(|p| p.to_string_lossy().contains(".bak-")).unwrap();
        assert_eq!(fs::read_to_string(copy).unwrap(), before);
        fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn values_cannot_break_out() {
        for bad in ["", "a b", "a\"b", "a'b", "a\\b", "$(x)", "a\nb"] {
            assert!(!plain(bad), "{bad}");
        }
        assert!(plain("claude-sonnet-4-6#anthropic") && plain("https://gw.example:8443/x"));
    }
}

//! The configuration: defaults, then the file, then the environment, then flags. All of its problems are reported at
//! once, each with the place it came from.

mod env;
mod expand;
mod host;
mod layer;
mod prices;
mod problem;
mod read;
mod show;

pub(crate) use env::Environment;
pub(crate) use host::{Bind, Network};
pub(crate) use problem::{Problem, Problems};

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apex_core::catalog::{Catalog, Host};
use apex_core::settings::Settings;
use figment::Figment;
use figment::providers::{Format, Toml};
use figment::value::Dict;
use figment::{Profile, Provider};

use host::loopback;
use layer::Layer;
use prices::PriceFile;
use read::{Leaf, Merged};

/// Where settings may come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    /// `--config`
    pub(crate) file: Option<PathBuf>,
    /// `--listen`
    pub(crate) listen: Option<String>,
    /// `--data-dir`
    pub(crate) data_dir: Option<String>,
}

impl Sources {
    /// The configuration file: the one named, else the first that is there.
    pub(crate) fn locate(&self, environment: &Environment) -> Option<PathBuf> {
        if self.file.is_some() {
            return self.file.clone();
        }
        let here = PathBuf::from("apex.toml");
        let home = || environment.get("HOME").map(|home| Path::new(home).join(".config"));
        let user = environment.get("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home);
        let user = user.map(|dir| dir.join("apex-ai-proxy").join("apex.toml"));
        [Some(here), user].into_iter().flatten().find(|path| path.is_file())
    }
}

/// A configuration without problems.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) bind: Bind,
    pub(crate) network: Arc<Network>,
    pub(crate) file: Option<PathBuf>,
    /// Where the gateway keeps what it keeps; none if there is no place for it.
    pub(crate) data_dir: Option<PathBuf>,
    prices: Option<PathBuf>,
    leaves: Vec<Leaf>,
}

impl Loaded {
    /// Files besides the configuration itself whose change is a change of it.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.bind.files.iter().chain(&self.prices).cloned().collect()
    }
}

/// Reads everything `sources` have, or tells everything that is wrong with it. A server that runs already is judged by
/// the address it is `bound` to, whatever the configuration says now.
pub(crate) fn load(
    sources: &Sources,
    environment: &Environment,
    bound: Option<SocketAddr>,
) -> Result<Loaded, Problems> {
    let mut problems = Vec::new();
    let Written { file, in_file: written, mut merged } = Written::read(sources, environment, &mut problems);
    let (mut settings, found) = merged.settings();
    problems.extend(found);
    if written.contains_key("gateway_token") && settings.gateway_token.as_ref().is_none_or(String::is_empty) {
        let name = file.as_ref().map(|f| f.display().to_string()).unwrap_or_default();
        let problem = Problem::new("gateway_token", "is written, but resolves to nothing").from(name);
        problems.push(problem.hint("set the variable, or delete the line to run open on a loopback address"));
    }

    let beside = file.as_deref().and_then(Path::parent).unwrap_or_else(|| Path::new(""));
    let data_dir = data_dir_of(&settings, &merged, file.as_deref(), environment);
    let prices = PriceFile::read(&mut settings, beside, &mut problems);
    let bind = host::bind(&settings, beside, &mut problems);
    let network = host::network(&settings, beside, &mut problems);
    let loopback = bound.or(bind.as_ref().map(|bind| bind.address)).is_none_or(loopback);
    let catalog = match Catalog::build(&settings, Host { loopback, native: true }) {
        Ok(catalog) => Some(catalog),
        Err(found) => {
            // What was taken away above is told already.
            let new = found.into_iter().filter(|p| problems.iter().all(|known| known.path != p.path));
            let new = new.map(|p| Problem::new(p.path, p.what));
            let place = |p: Problem| match &prices {
                Some(file) => file.place(p),
                None => p,
            };
            let new: Vec<Problem> = new.map(place).collect();
            problems.extend(new);
            None
        }
    };
    for problem in &mut problems {
        if problem.origin.is_none() {
            problem.origin = merged.origin(&problem.path).filter(|origin| origin != "default");
        }
    }
    match (catalog, bind, network) {
        (Some(catalog), Some(bind), Some(network)) if problems.is_empty() => Ok(Loaded {
            settings,
            catalog: Arc::new(catalog),
            bind,
            network: Arc::new(network),
            file,
            data_dir,
            prices: prices.map(|file| file.path),
            leaves: merged.leaves(),
        }),
        _ => Err(Problems(problems)),
    }
}

/// Where the gateway keeps what it keeps, whatever else is wrong with the configuration: for who only wants to read it.
pub(crate) fn data_dir(sources: &Sources, environment: &Environment) -> Option<PathBuf> {
    let Written { file, mut merged, .. } = Written::read(sources, environment, &mut Vec::new());
    let (settings, _) = merged.settings();
    data_dir_of(&settings, &merged, file.as_deref(), environment)
}

/// A path in the file is meant from there, one from elsewhere from the working directory.
fn data_dir_of(
    settings: &Settings,
    merged: &Merged,
    file: Option<&Path>,
    environment: &Environment,
) -> Option<PathBuf> {
    let in_file = file.is_some_and(|file| merged.origin("data_dir") == Some(file.display().to_string()));
    let beside = file.filter(|_| in_file).and_then(Path::parent).unwrap_or_else(|| Path::new(""));
    host::data_dir(settings, beside, environment)
}

/// Everything that was written, in layers.
struct Written {
    file: Option<PathBuf>,
    /// What the file says.
    in_file: Dict,
    merged: Merged,
}

impl Written {
    fn read(sources: &Sources, environment: &Environment, problems: &mut Vec<Problem>) -> Self {
        let file = sources.locate(environment);
        let mut figment = Figment::new().merge(Layer::single("default", &["listen".to_owned()], DEFAULT_LISTEN));

        let mut written = Dict::new();
        if let Some(path) = &file {
            let name = path.display().to_string();
            match read_file(path) {
                Ok(dict) => written = dict,
                Err(what) => problems.push(Problem::new("configuration file", what).from(&name)),
            }
            let (expanded, found) = expand::expand(written.clone(), environment, &name);
            problems.extend(found);
            figment = figment.merge(Layer::new(name, expanded));
        }
        let known = |id: &str| {
            let providers = written.get("providers").and_then(|p| p.as_dict());
            providers.is_some_and(|p| p.contains_key(id))
        };
        for layer in environment.layers(known) {
            figment = figment.merge(layer);
        }
        if let Some(listen) = &sources.listen {
            figment = figment.merge(Layer::single("--listen", &["listen".to_owned()], listen.as_str()));
        }

        if let Some(dir) = &sources.data_dir {
            figment = figment.merge(Layer::single("--data-dir", &["data_dir".to_owned()], dir.as_str()));
        }
        Self { file, in_file: written, merged: Merged::new(figment) }
    }
}

fn read_file(path: &Path) -> Result<Dict, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    let mut data = Toml::string(&text).data().map_err(|error| without_snippet(&error.to_string()))?;
    Ok(data.remove(&Profile::Default).unwrap_or_default())
}

/// TOML's errors quote the line they are about, and that line may hold a key.
fn without_snippet(error: &str) -> String {
    let is_snippet = |line: &str| {
        let rest = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        rest.starts_with('|')
    };
    let lines: Vec<&str> = error.lines().filter(|line| !is_snippet(line) && !line.trim().is_empty()).collect();
    lines.join(": ")
}

/// The seeds' development address.
const DEFAULT_LISTEN: &str = "127.0.0.1:8787";

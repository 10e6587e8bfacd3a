//! The site: the browser's half as WASM with its JavaScript, the styles as one file, and the public files, in `target/site`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context;
use tokio::process::Command;
use wasm_bindgen_cli_support::Bindgen;

use crate::{
    Profile, programs,
    step::{Step, done, minutes, skipped},
};

/// The order of the cascade, whatever the order of the files.
const LAYERS: &str = "@layer reset, tokens, base, components, pages;\n";

/// Builds what has changed.
pub async fn build(root: &Path, profile: Profile) -> anyhow::Result<()> {
    let pkg = folder(root).join("pkg");
    fs::create_dir_all(&pkg)?;
    wasm(root, profile, &pkg).await?;
    styles(root, &pkg)?;
    public(root)
}

/// The site's folder.
pub fn folder(root: &Path) -> PathBuf {
    programs::target(root).join("site")
}

async fn wasm(root: &Path, profile: Profile, pkg: &Path) -> anyhow::Result<()> {
    let mut cargo = programs::cargo(root);
    cargo.args(["rustc", "--quiet", "--package", "usher-app", "--lib", "--crate-type", "cdylib"]);
    cargo.args(["--target", "wasm32-unknown-unknown", "--no-default-features", "--features", "hydrate"]);
    let built = match profile {
        Profile::Dev => "debug",
        Profile::Release => {
            cargo.args(["--profile", "wasm-release"]);
            "wasm-release"
        }
    };
    let step = Step {
        name: "build the browser's half",
        limit: minutes(40),
        advice: "The compiler's messages are above. When it lacks the standard library for wasm32-unknown-unknown, run ./setup.sh.",
    };
    step.run(&mut cargo).await?;

    let input = programs::target(root).join("wasm32-unknown-unknown").join(built).join("app.wasm");
    // Each profile keeps its own result, so that going from one to the other costs nothing.
    let kept = programs::target(root).join("xtask").join(built);
    let (script, module) = (kept.join("usher.js"), kept.join("usher_bg.wasm"));
    let optimiser = root.join("end2end/node_modules/.bin/wasm-opt");
    let optimise = profile == Profile::Release && optimiser.exists();
    let stamp = Stamp { file: kept.join("stamp"), text: format!("{} optimised={optimise}", identity(&input)?) };
    if stamp.holds() && script.exists() && module.exists() {
        skipped("bind the browser's half");
    } else {
        let started = Instant::now();
        Bindgen::new()
            .input_path(&input)
            .out_name("usher")
            .typescript(false)
            .web(true)?
            .generate(&kept)
            .context("wasm-bindgen failed. Is wasm-bindgen in Cargo.lock the release that xtask/Cargo.toml names?")?;
        done("bind the browser's half", started);
        if optimise {
            let step = Step {
                name: "optimise the browser's half",
                limit: minutes(10),
                advice: "Remove end2end/node_modules and run ./setup.sh to install wasm-opt again.",
            };
            step.run(Command::new(&optimiser).args(["-Oz", "--all-features"]).arg(&module).arg("-o").arg(&module))
                .await?;
        } else if profile == Profile::Release {
            println!("wasm-opt is not installed (./setup.sh does it): the browser's half stays larger than need be");
        }
        stamp.set()?;
    }
    copy_changed(&script, &pkg.join("usher.js"))?;
    copy_changed(&module, &pkg.join("usher_bg.wasm"))
}

/// All styles in one file: each states its own layer, so only files of one layer depend on their order.
fn styles(root: &Path, pkg: &Path) -> anyhow::Result<()> {
    let started = Instant::now();
    let style = root.join("style");
    let mut files: Vec<PathBuf> = ["tokens.css", "reset.css", "base.css"]
        .iter()
        .map(|name| style.join(name))
        .filter(|path| path.exists())
        .collect();
    for folder in ["components", "pages"] {
        let mut found = files_below(&style.join(folder))?;
        found.retain(|path| path.extension().is_some_and(|extension| extension == "css"));
        files.append(&mut found);
    }
    let mut all = LAYERS.to_owned();
    for file in &files {
        all.push_str(&fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?);
        all.push('\n');
    }
    let name = format!("join {} style files", files.len());
    if write_changed(&pkg.join("usher.css"), all.as_bytes())? {
        done(name, started)
    } else {
        skipped(name)
    }
    Ok(())
}

fn public(root: &Path) -> anyhow::Result<()> {
    let from = root.join("public");
    for file in files_below(&from)? {
        let to = folder(root).join(file.strip_prefix(&from)?);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        copy_changed(&file, &to)?;
    }
    Ok(())
}

/// Says from what a result was made, so that it is not made again from the same.
struct Stamp {
    file: PathBuf,
    text: String,
}

impl Stamp {
    fn holds(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|text| text == self.text)
    }

    fn set(&self) -> io::Result<()> {
        fs::write(&self.file, &self.text)
    }
}

fn identity(file: &Path) -> anyhow::Result<String> {
    let about = fs::metadata(file).with_context(|| format!("{} was not built", file.display()))?;
    let modified = about.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Ok(format!("{} {}", about.len(), modified.as_nanos()))
}

/// All files in and below a folder, by name; none when there is no such folder.
fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() { files.append(&mut files_below(&path)?) } else { files.push(path) }
    }
    files.sort();
    Ok(files)
}

/// Leaves the file and its time alone when nothing changes: browsers then keep what they have.
fn write_changed(file: &Path, bytes: &[u8]) -> io::Result<bool> {
    if fs::read(file).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    fs::write(file, bytes)?;
    Ok(true)
}

fn copy_changed(from: &Path, to: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(from).with_context(|| format!("{} can't be read", from.display()))?;
    write_changed(to, &bytes).with_context(|| format!("{} can't be written", to.display()))?;
    Ok(())
}

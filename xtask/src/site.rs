//! The site: the browser's half as WASM with its JavaScript, the styles as one file, and the public files, in `target/site`.

use std::{
    fs,
    io::{self, Write},
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

/// A module of the browser's half.
struct Module {
    /// The names of the steps.
    build: &'static str,
    bind: &'static str,
    optimise: &'static str,
    compress: &'static str,
    package: &'static str,
    /// The name of the package's library.
    library: &'static str,
    /// The name of its files.
    name: &'static str,
    features: &'static [&'static str],
}

/// The pages, and what they load only where they need it.
const MODULES: [Module; 2] = [
    Module {
        build: "build the browser's half",
        bind: "bind the browser's half",
        optimise: "optimise the browser's half",
        compress: "compress the browser's half",
        package: "usher-app",
        library: "app",
        name: "usher",
        features: &["--no-default-features", "--features", "hydrate"],
    },
    Module {
        build: "build the numbering plans",
        bind: "bind the numbering plans",
        optimise: "optimise the numbering plans",
        compress: "compress the numbering plans",
        package: "usher-phones",
        library: "phones",
        name: "phones",
        features: &[],
    },
];

/// Small before all, and no feature of WASM beyond those that Rust's compiler uses itself.
const WASM_OPT: [&str; 8] = [
    "-Oz",
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// So many bytes may the browser's half have, compressed by Brotli, in the release build.
const MOST_BYTES: u64 = 350 * 1000;

/// What the server looks for beside a file.
const COMPRESSED: [&str; 2] = ["br", "gz"];

/// Builds what has changed.
pub async fn build(root: &Path, profile: Profile) -> anyhow::Result<()> {
    let pkg = folder(root).join("pkg");
    fs::create_dir_all(&pkg)?;
    for module in MODULES {
        wasm(root, profile, &pkg, &module).await?;
    }
    styles(root, &pkg)?;
    public(root)
}

/// Refuses a release build whose browser's half has become too large.
pub fn check_size(root: &Path) -> anyhow::Result<()> {
    let file = with_ending(&folder(root).join("pkg/usher_bg.wasm"), COMPRESSED[0]);
    let size = fs::metadata(&file).with_context(|| format!("{} was not built", file.display()))?.len();
    println!("the browser's half has {size} bytes compressed; {MOST_BYTES} are allowed");
    anyhow::ensure!(
        size <= MOST_BYTES,
        "The browser's half has become too large: {size} bytes compressed, {MOST_BYTES} at most. Look for what came in lately (a crate, a long \
         generic component, a table) and keep it on the server."
    );
    Ok(())
}

/// The site's folder.
pub fn folder(root: &Path) -> PathBuf {
    programs::target(root).join("site")
}

async fn wasm(root: &Path, profile: Profile, pkg: &Path, module: &Module) -> anyhow::Result<()> {
    let mut cargo = programs::cargo(root);
    cargo.args(["rustc", "--quiet", "--package", module.package, "--lib", "--crate-type", "cdylib"]);
    cargo.args(["--target", "wasm32-unknown-unknown"]).args(module.features);
    let built = match profile {
        Profile::Dev => {
            // Three quarters of the file would be debugging information that browsers don't read.
            cargo.args(["--", "-C", "strip=debuginfo"]);
            "debug"
        }
        Profile::Release => {
            cargo.args(["--profile", "wasm-release"]);
            "wasm-release"
        }
    };
    let step = Step {
        name: module.build,
        limit: minutes(40),
        advice: "The compiler's messages are above. When it lacks the standard library for wasm32-unknown-unknown, run ./setup.sh.",
    };
    step.run(&mut cargo).await?;

    let input = programs::target(root).join("wasm32-unknown-unknown").join(built);
    let input = input.join(module.library).with_extension("wasm");
    // Each profile keeps its own result, so that going from one to the other costs nothing.
    let kept = programs::target(root).join("xtask").join(built);
    let (script_name, binary_name) = (format!("{}.js", module.name), format!("{}_bg.wasm", module.name));
    let (script, binary) = (kept.join(&script_name), kept.join(&binary_name));
    let optimiser = root.join("end2end/node_modules/.bin/wasm-opt");
    let optimise = profile == Profile::Release && optimiser.exists();
    let stamp = Stamp {
        file: kept.join(format!("{}.stamp", module.name)),
        text: format!("{} optimised={optimise}", identity(&input)?),
    };
    if stamp.holds() && script.exists() && binary.exists() {
        skipped(module.bind);
    } else {
        let started = Instant::now();
        Bindgen::new()
            .input_path(&input)
            .out_name(module.name)
            .typescript(false)
            .remove_name_section(true)
            // The numbering plans find their module beside their script.
            .omit_default_module_path(false)
            .web(true)?
            .generate(&kept)
            .context("wasm-bindgen failed. Is wasm-bindgen in Cargo.lock the release that xtask/Cargo.toml names?")?;
        done(module.bind, started);
        if optimise {
            let step = Step {
                name: module.optimise,
                limit: minutes(10),
                advice: "Remove end2end/node_modules and run ./setup.sh to install wasm-opt again.",
            };
            step.run(Command::new(&optimiser).args(WASM_OPT).arg(&binary).arg("-o").arg(&binary)).await?;
        } else if profile == Profile::Release {
            println!("wasm-opt is not installed (./setup.sh does it): {} stays larger than need be", module.name);
        }
        compress(&binary, profile, module.compress)?;
        stamp.set()?;
    }
    copy_changed(&script, &pkg.join(&script_name))?;
    copy_changed(&binary, &pkg.join(&binary_name))?;
    for ending in COMPRESSED {
        let (from, to) = (with_ending(&binary, ending), with_ending(&pkg.join(&binary_name), ending));
        match profile {
            Profile::Release => copy_changed(&from, &to)?,
            // One of another build would be served in place of this one.
            Profile::Dev => remove(&to)?,
        }
    }
    Ok(())
}

/// Compresses once and well what would else be compressed for each visitor. Not for tests, which load it over loopback.
fn compress(module: &Path, profile: Profile, step: &str) -> anyhow::Result<()> {
    if profile == Profile::Dev {
        return Ok(());
    }
    let started = Instant::now();
    let bytes = fs::read(module)?;
    let [brotli_file, gzip_file] = COMPRESSED.map(|ending| with_ending(module, ending));
    let parameters = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
    brotli::BrotliCompress(&mut bytes.as_slice(), &mut fs::File::create(brotli_file)?, &parameters)?;
    let mut gzip = flate2::write::GzEncoder::new(fs::File::create(gzip_file)?, flate2::Compression::best());
    gzip.write_all(&bytes)?;
    gzip.finish()?;
    done(step, started);
    Ok(())
}

/// `usher_bg.wasm.br`
fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn remove(file: &Path) -> anyhow::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} can't be removed", file.display()))
        }
        _ => Ok(()),
    }
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
    // Beside first: a server that is running serves the old file or the new one, never half of it.
    let beside = with_ending(file, "new");
    fs::write(&beside, bytes)?;
    fs::rename(&beside, file)?;
    Ok(true)
}

fn copy_changed(from: &Path, to: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(from).with_context(|| format!("{} can't be read", from.display()))?;
    write_changed(to, &bytes).with_context(|| format!("{} can't be written", to.display()))?;
    Ok(())
}

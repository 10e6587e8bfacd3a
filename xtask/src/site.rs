//! The site: the browser's half as WASM with its JavaScript, the styles as one file, and the public files, in `target/site`.
//!
//! The pages' program is cut into bundles (`split.rs`); each of its files is optimised and compressed like a program of its own.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context;
use tokio::process::Command;
use wasm_bindgen_cli_support::Bindgen;

use crate::{
    Profile, pack, programs, split,
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
    /// Whether it is cut into bundles.
    in_bundles: bool,
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
        in_bundles: true,
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
        in_bundles: false,
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

/// So many bytes may a page load of the browser's half, compressed by Brotli, in the release build.
const MOST_BYTES: u64 = 320 * 1000;

/// The mapping's page carries all that can be done to a row, and more than any other: it may not grow either.
const MOST_BYTES_OF: [(&str, u64); 1] = [("mapping", 420 * 1000)];

/// How the files of bundles begin that are named after what is in them.
const BUNDLE_FILES: [&str; 3] = ["split_", "chunk_", pack::PACK];

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

/// Refuses a release build of which some page loads too much.
pub fn check_size(root: &Path) -> anyhow::Result<()> {
    let pkg = folder(root).join("pkg");
    let length = |file: &Path| -> anyhow::Result<u64> {
        let file = with_ending(file, COMPRESSED[0]);
        Ok(fs::metadata(&file).with_context(|| format!("{} was not built", file.display()))?.len())
    };
    let compressed = |name: &str| length(&pkg.join(name).with_extension("wasm"));
    let manifest = fs::read_to_string(pkg.join(split::MANIFEST))?;
    let needed: split::Needed = serde_json::from_str(&manifest)?;
    let common = compressed("usher_bg")?;
    println!("the browser's half, compressed, in bytes: what a page loads of it at first");
    println!("{common:>9}  every page");
    let mut too_large = None;
    let mut all = BTreeSet::from(["usher_bg"]);
    for (bundle, files) in needed.iter().filter(|(name, _)| !name.starts_with(pack::PACK)) {
        all.extend(files.iter().map(String::as_str));
        if let Some(page) = pack::page_of(&needed, bundle) {
            let mut size = 0;
            for file in files.iter().filter(|file| !needed[page].contains(file)) {
                size += compressed(file)?;
            }
            println!("{size:>9}  later, the piece {bundle}");
            continue;
        }
        let size = common + length(&pkg.join(pack::file_of(bundle)))?;
        println!("{size:>9}  a page of the bundle {bundle} (of {} files)", files.len() + 1);
        let most = MOST_BYTES_OF.iter().find(|(name, _)| name == bundle).map_or(MOST_BYTES, |(_, most)| *most);
        if size > most {
            too_large = Some((size, bundle, most));
        }
    }
    let mut whole = 0;
    for file in &all {
        whole += compressed(file)?;
    }
    println!("{whole:>9}  all of it ({} files)", all.len());
    println!("{:>9}  later, the numbering plans of telephones, where numbers are looked at", compressed("phones_bg")?);
    println!("{MOST_BYTES:>9}  are allowed for a page");
    for (bundle, most) in MOST_BYTES_OF {
        println!("{most:>9}  are allowed for a page of the bundle {bundle}");
    }
    if let Some((size, bundle, most)) = too_large {
        anyhow::bail!(
            "The browser's half has become too large: {size} bytes compressed for {bundle}, {most} at most. Look for what came in lately (a crate, a \
             long generic component, a table) and keep it on the server, or see whether a bundle of its own serves better (app/src/bundles.rs)."
        );
    }
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
    let mut compiler = Vec::new();
    let built = match profile {
        Profile::Dev => {
            // Three quarters of the file would be debugging information that browsers don't read.
            compiler.extend(["-C", "strip=debuginfo"]);
            "debug"
        }
        Profile::Release => {
            cargo.args(["--profile", "wasm-release"]);
            "wasm-release"
        }
    };
    if module.in_bundles {
        compiler.extend(["-C", "link-args=--emit-relocs"]);
    }
    cargo.arg("--").args(compiler);
    let step = Step {
        name: module.build,
        limit: minutes(40),
        advice: "The compiler's messages are above. When it lacks the standard library for wasm32-unknown-unknown, run ./setup.sh.",
    };
    step.run(&mut cargo).await?;

    let input = programs::target(root).join("wasm32-unknown-unknown").join(built);
    let input = input.join(module.library).with_extension("wasm");
    // Each profile keeps its own result, so that going from one to the other costs nothing.
    let kept = programs::target(root).join("xtask").join(built).join(module.name);
    let optimiser = root.join("end2end/node_modules/.bin/wasm-opt");
    let optimise = profile == Profile::Release && optimiser.exists();
    let stamp = Stamp {
        file: kept.join("stamp"),
        text: format!("{} {} optimised={optimise}", identity(&input)?, identity(&std::env::current_exe()?)?),
    };
    if stamp.holds() {
        skipped(module.bind);
    } else {
        match fs::remove_dir_all(&kept) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => fs::create_dir_all(&kept)?,
        }
        bind(module, &input, &kept)?;
        let binaries: Vec<PathBuf> = files_below(&kept)?.into_iter().filter(|file| has_ending(file, "wasm")).collect();
        if optimise {
            let started = Instant::now();
            for binary in &binaries {
                optimise_one(&optimiser, binary, module.optimise).await?;
            }
            done(module.optimise, started);
        } else if profile == Profile::Release {
            println!("wasm-opt is not installed (./setup.sh does it): {} stays larger than need be", module.name);
        }
        let mut all = binaries;
        if module.in_bundles {
            pack::pack(&kept)?;
            all.extend(files_below(&kept)?.into_iter().filter(|file| has_ending(file, "pack")));
        }
        compress(&all, profile, module.compress)?;
        stamp.set()?;
    }
    let mut names = BTreeSet::new();
    for file in files_below(&kept)? {
        if file != stamp.file {
            let name = file.file_name().context("a file has a name")?.to_owned();
            copy_changed(&file, &pkg.join(&name))?;
            names.insert(name);
        }
    }
    remove_others(module, pkg, &names)
}

/// Makes of what the compiler has made what browsers load, in `kept`.
fn bind(module: &Module, input: &Path, kept: &Path) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut main = input.to_owned();
    if module.in_bundles {
        main.set_extension("main.wasm");
        split::split(input, kept, &main, &format!("{}.js", module.name))?;
    }
    Bindgen::new()
        .input_path(&main)
        .out_name(module.name)
        .typescript(false)
        .remove_name_section(true)
        // Other files refer to them.
        .keep_lld_exports(module.in_bundles)
        // The numbering plans find their module beside their script.
        .omit_default_module_path(false)
        .web(true)?
        .generate(kept)
        .context("wasm-bindgen failed. Is wasm-bindgen in Cargo.lock the release that xtask/Cargo.toml names?")?;
    done(module.bind, started);
    Ok(())
}

async fn optimise_one(optimiser: &Path, binary: &Path, name: &'static str) -> anyhow::Result<()> {
    let advice = "Remove end2end/node_modules and run ./setup.sh to install wasm-opt again.";
    let step = Step { name, limit: minutes(10), advice };
    let status = step.status(Command::new(optimiser).args(WASM_OPT).arg(binary).arg("-o").arg(binary)).await?;
    anyhow::ensure!(status.success(), "{name} failed for {} ({status}). {advice}", binary.display());
    Ok(())
}

/// Takes away what an earlier build has left: files of bundles that are no more, and compressed ones, which would be served in place of those of now.
fn remove_others(module: &Module, pkg: &Path, names: &BTreeSet<OsString>) -> anyhow::Result<()> {
    for file in files_below(pkg)? {
        let name = file.file_name().unwrap_or_default();
        let text = name.to_string_lossy();
        let is_of_module = text.starts_with(&format!("{}_bg.", module.name))
            || (module.in_bundles && BUNDLE_FILES.iter().any(|start| text.starts_with(start)));
        if is_of_module && !names.contains(name) {
            remove(&file)?;
        }
    }
    Ok(())
}

/// Compresses once and well what would else be compressed for each visitor. Not for tests, which load it over loopback.
fn compress(binaries: &[PathBuf], profile: Profile, step: &str) -> anyhow::Result<()> {
    if profile == Profile::Dev {
        return Ok(());
    }
    let started = Instant::now();
    for binary in binaries {
        let bytes = fs::read(binary)?;
        let [brotli_file, gzip_file] = COMPRESSED.map(|ending| with_ending(binary, ending));
        let parameters = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
        brotli::BrotliCompress(&mut bytes.as_slice(), &mut fs::File::create(brotli_file)?, &parameters)?;
        let mut gzip = flate2::write::GzEncoder::new(fs::File::create(gzip_file)?, flate2::Compression::best());
        gzip.write_all(&bytes)?;
        gzip.finish()?;
    }
    done(step, started);
    Ok(())
}

fn has_ending(file: &Path, ending: &str) -> bool {
    file.extension().is_some_and(|extension| extension == ending)
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

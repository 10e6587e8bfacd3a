//! Cuts the browser's half along the app's bundles (`app/src/bundles.rs`): one file with what every page needs, one for each bundle, and those that
//! several bundles share.
//!
//! Before, it takes out what is never called. Whatever has had its type erased carries all that could be done with it, and the compiler can't know what
//! never is: every view has two ways of being taken over, one that goes on at once and one that may wait in between, as large as the first. Usher loads
//! what a page needs before it takes the page over, so that it never waits.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    ops::Range,
    path::Path,
};

use anyhow::Context;

use crate::join::join;
use wasmparser::{KnownCustom, Name, Parser, Payload, RelocationType, TypeRef};

/// The parts of mangled names by which the functions are known that are never called in a browser: those that wait in between
/// (`<T as IntoAny>::into_any::hydrate_async`), those that take over what stems from templates, of which Usher has none, and the list of routes, for
/// which only the server asks.
const NEVER_CALLED: [&str; 3] =
    ["8into_any13hydrate_async", "13into_any_attr21hydrate_from_template", "21into_any_nested_route15generate_routes"];

/// The files of the script that loads the bundles, and of the list of what each needs, as Leptos' server looks for them.
pub const LOADER: &str = "__wasm_split.______________________.js";
pub const MANIFEST: &str = "__wasm_split_manifest.json";

/// For each bundle the names of the files (without ending) that it needs, its own the last.
pub type Needed = BTreeMap<String, Vec<String>>;

/// Cuts `input` into files in `folder`. What every page needs becomes `main`, for wasm-bindgen, whose result will be called `script`.
pub fn split(input: &Path, folder: &Path, main: &Path, script: &str) -> anyhow::Result<Needed> {
    let mut module = fs::read(input).with_context(|| format!("{} was not built", input.display()))?;
    let taken_out = take_out(&mut module)?;
    println!("{taken_out} functions that are never called were taken out");
    let main_script = format!("./{script}");
    let mut options = wasm_split_cli_support::Options::new(&module);
    options.output_dir = folder;
    options.main_out_path = main;
    options.main_module = &main_script;
    let loader = format!("./{LOADER}");
    options.link_name = &loader;
    let split = wasm_split_cli_support::transform(options)
        .map_err(|error| anyhow::anyhow!("{error:#}"))
        .context("The browser's half can't be cut into bundles")?;
    let needed = join_shared(folder, split.prefetch_map.into_iter().collect())?;
    for (bundle, files) in &needed {
        // The page's head names it, and by that it is known to the program.
        let own = format!("split_{bundle}");
        anyhow::ensure!(
            files.contains(&own),
            "The bundle {bundle} has no file of its own. Join it with another one in app/src/bundles.rs."
        );
        // Without the names of its functions.
        let file = folder.join(own).with_extension("wasm");
        fs::write(&file, join(&[fs::read(&file)?])?)?;
    }
    fs::write(folder.join(MANIFEST), serde_json::to_string_pretty(&needed)?)?;
    Ok(needed)
}

/// A file costs as much by itself as so many bytes: its request, its head, and that it is compressed for itself.
const COST_OF_A_FILE: usize = 3_000;

/// A file that several bundles share.
struct Shared {
    names: Vec<String>,
    size: usize,
    /// The bundles, a bit each.
    users: u64,
}

impl Shared {
    /// What is won when both are one file, in bytes; what bundles load that don't need it counts against it.
    fn gain(&self, other: &Self) -> i64 {
        let count = |users: u64| users.count_ones() as usize;
        let in_vain = self.size * count(other.users & !self.users) + other.size * count(self.users & !other.users);
        (count(self.users & other.users) * COST_OF_A_FILE) as i64 - in_vain as i64
    }
}

/// The splitter makes a file for each set of bundles that share something, which are some hundred, most of them tiny. Joins those where it pays.
fn join_shared(folder: &Path, mut needed: Needed) -> anyhow::Result<Needed> {
    let mut shared: BTreeMap<String, Shared> = BTreeMap::new();
    anyhow::ensure!(
        needed.len() <= 64,
        "There are more bundles than bits in a word. Use a wider one in xtask/src/split.rs."
    );
    for (number, files) in needed.values().enumerate() {
        for name in files.iter().filter(|name| name.starts_with("chunk_")) {
            if !shared.contains_key(name) {
                // Without the names of its functions, which nobody loads.
                let size = join(&[fs::read(folder.join(name).with_extension("wasm"))?])?.len();
                shared.insert(name.clone(), Shared { names: vec![name.clone()], size, users: 0 });
            }
            shared.entry(name.clone()).and_modify(|file| file.users |= 1 << number);
        }
    }
    let mut shared: Vec<Shared> = shared.into_values().collect();
    loop {
        let mut best = (0, 0, 0);
        for one in 0..shared.len() {
            for other in one + 1..shared.len() {
                best = best.max((shared[one].gain(&shared[other]), one, other));
            }
        }
        let (gain, one, other) = best;
        if gain <= 0 {
            break;
        }
        let Shared { names, size, users } = shared.remove(other);
        let file = &mut shared[one];
        file.names.extend(names);
        file.size += size;
        file.users |= users;
    }

    let mut stands_in: HashMap<String, String> = HashMap::new();
    for file in &mut shared {
        file.names.sort_by_key(|name| number_of(name));
        let path = |name: &str| folder.join(name).with_extension("wasm");
        let modules = file.names.iter().map(|name| fs::read(path(name))).collect::<Result<Vec<_>, _>>()?;
        let joined = join(&modules).context("Files that bundles share can't be joined")?;
        for name in &file.names {
            fs::remove_file(path(name))?;
            stands_in.insert(name.clone(), file.names[0].clone());
        }
        fs::write(path(&file.names[0]), joined)?;
    }
    for files in needed.values_mut() {
        let mut seen = BTreeSet::new();
        for name in files.iter_mut() {
            if let Some(other) = stands_in.get(name) {
                name.clone_from(other);
            }
        }
        files.retain(|name| seen.insert(name.clone()));
    }
    let loader = folder.join(LOADER);
    let script = fs::read_to_string(&loader)?;
    fs::write(&loader, with_joined(&script, &stands_in))?;
    Ok(needed)
}

fn number_of(name: &str) -> u32 {
    name.trim_start_matches(|letter: char| !letter.is_ascii_digit()).parse().unwrap_or(u32::MAX)
}

/// The script that loads files, without those that were joined to others. The splitter writes each file's loader as
///
/// ```js
/// /* the bundles that share it */
/// const __chunk_7 = makeLoad(() => {
///     ...
/// }
/// , []);
/// ```
///
/// and names after a bundle's own file the others that it needs: `, [__chunk_7, __chunk_9]));`.
fn with_joined(script: &str, stands_in: &HashMap<String, String>) -> String {
    let stand_in = |variable: &str| -> Option<String> {
        let name = variable.strip_prefix("__")?;
        stands_in.get(name).map(|other| format!("__{other}"))
    };
    let mut written = String::with_capacity(script.len());
    let mut is_left_out = false;
    for line in script.lines() {
        let declared = line.strip_prefix("const ").and_then(|rest| rest.split(' ').next());
        if let Some(variable) = declared.filter(|variable| variable.starts_with("__chunk_")) {
            is_left_out = stand_in(variable).is_some_and(|other| other != variable);
        }
        let list = line.strip_prefix(", [").and_then(|rest| rest.split_once(']'));
        match list {
            _ if line.starts_with("/* ") => {}
            _ if is_left_out => is_left_out = list.is_none(),
            Some((variables, rest)) => {
                let mut seen = BTreeSet::new();
                let mut others: Vec<String> = Vec::new();
                for variable in variables.split(", ").filter(|variable| !variable.is_empty()) {
                    let variable = stand_in(variable).unwrap_or_else(|| variable.to_owned());
                    if seen.insert(variable.clone()) {
                        others.push(variable);
                    }
                }
                written.push_str(&format!(", [{}]{rest}\n", others.join(", ")));
            }
            None => {
                written.push_str(line);
                written.push('\n');
            }
        }
    }
    written
}

/// Makes traps of the functions that are never called, and forgets what they refer to. All else stays in its place.
fn take_out(module: &mut Vec<u8>) -> anyhow::Result<usize> {
    let mut imported = 0;
    let mut bodies: Vec<Range<usize>> = Vec::new();
    let mut names: HashMap<u32, String> = HashMap::new();
    let mut code_start = 0;
    let mut relocations = None;
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imported += u32::from(matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
                }
            }
            Payload::CodeSectionStart { range, .. } => code_start = usize(range.start)?,
            Payload::CodeSectionEntry(body) => bodies.push(usize(body.range().start)?..usize(body.range().end)?),
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Name(parts) => {
                    for part in parts {
                        if let Name::Function(functions) = part? {
                            for function in functions {
                                let function = function?;
                                names.insert(function.index, function.name.to_owned());
                            }
                        }
                    }
                }
                KnownCustom::Reloc(reader) if section.name() == "reloc.CODE" => {
                    let whole = usize(section.range().start)?..usize(section.range().end)?;
                    let entries = reader.entries().into_iter_with_offsets().collect::<Result<Vec<_>, _>>()?;
                    let end = usize(section.data_range().end)?;
                    relocations = Some((whole, reader.section_index(), entries, end));
                }
                _ => {}
            },
            _ => {}
        }
    }
    let (section, section_index, entries, end) =
        relocations.context("The browser's half was built without `--emit-relocs`, so that it can't be cut")?;

    let mut taken_out: Vec<Range<usize>> = Vec::new();
    let mut found = BTreeSet::new();
    for (body, index) in bodies.iter().zip(imported..) {
        let name = names.get(&index);
        let never_called = name.and_then(|name| NEVER_CALLED.into_iter().find(|part| name.contains(part)));
        if let Some(part) = never_called.filter(|_| body.len() > 8) {
            found.insert(part);
            taken_out.push(body.clone());
        }
    }
    for part in NEVER_CALLED {
        anyhow::ensure!(
            found.contains(part),
            "No function is called {part:?} any more. When Leptos has changed its name, change it in xtask/src/split.rs, too."
        );
    }

    // A function's pointer has to be mentioned somewhere: what is pointed to from nowhere counts as something that JavaScript calls.
    let mut kept: Vec<u8> = Vec::new();
    let mut count: u32 = 0;
    let mut pointers: Vec<usize> = Vec::new();
    for (number, (start, entry)) in entries.iter().enumerate() {
        let place = code_start + entry.offset as usize;
        let body = taken_out.partition_point(|body| body.end <= place);
        let body = taken_out.get(body).filter(|body| body.contains(&place));
        let stays = match body {
            None => true,
            Some(body) => {
                let is_pointer = entry.ty == RelocationType::TableIndexSleb && place + 5 < body.end - 1;
                if is_pointer {
                    pointers.push(place);
                }
                is_pointer
            }
        };
        if stays {
            let stop = entries.get(number + 1).map_or(Ok(end), |(next, _)| usize(*next))?;
            kept.extend_from_slice(&module[usize(*start)?..stop]);
            count += 1;
        }
    }
    for body in &taken_out {
        let code = &mut module[body.clone()];
        // No locals; a trap, then nothing, to the end.
        code.fill(NOTHING);
        code[0] = 0;
        code[1] = TRAP;
        let last = code.len() - 1;
        code[last - 1] = TRAP;
        code[last] = END;
    }
    for place in pointers {
        module[place - 1] = CONSTANT;
        // Five bytes, as the splitter fills in: 0.
        module[place..place + 5].copy_from_slice(&[0x80, 0x80, 0x80, 0x80, 0]);
    }

    let mut payload = Vec::new();
    write_number(&mut payload, 10);
    payload.extend_from_slice(b"reloc.CODE");
    write_number(&mut payload, section_index);
    write_number(&mut payload, count);
    payload.append(&mut kept);
    let mut replacement = vec![];
    write_number(&mut replacement, u32::try_from(payload.len())?);
    replacement.append(&mut payload);
    // The section's range is its content: its length stands before it.
    let length_bytes = length_of_number(u32::try_from(section.len())?, &module[..section.start])?;
    module.splice(section.start - length_bytes..section.end, replacement);
    Ok(taken_out.len())
}

const TRAP: u8 = 0x00;
const NOTHING: u8 = 0x01;
const END: u8 = 0x0b;
/// `i32.const`
const CONSTANT: u8 = 0x41;

/// How many bytes the number has that ends where `before` ends. Linkers write it with five, others as short as can be.
fn length_of_number(number: u32, before: &[u8]) -> anyhow::Result<usize> {
    for length in 1..=5 {
        let written = &before[before.len() - length..];
        let read = written.iter().rev().fold(0u64, |sum, byte| sum << 7 | u64::from(byte & 0x7f));
        let continues = written.iter().rev().skip(1).all(|byte| byte & 0x80 != 0) && written[length - 1] & 0x80 == 0;
        let section_before = before[before.len() - length - 1];
        if continues && read == u64::from(number) && section_before == 0 {
            return Ok(length);
        }
    }
    anyhow::bail!("The section of relocations is not written as expected")
}

/// LEB128, as WebAssembly writes its numbers.
fn write_number(into: &mut Vec<u8>, mut number: u32) {
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            into.push(byte);
            return;
        }
        into.push(byte | 0x80);
    }
}

fn usize(offset: u64) -> anyhow::Result<usize> {
    Ok(usize::try_from(offset)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loader_knows_the_file_that_others_were_joined_to() {
        let script = "function makeLoad(fetcher, deps) {}\n/* a, b */\nconst __chunk_1 = makeLoad(() => {\n    one\n}\n, []);\n/* a, c */\nconst __chunk_2 = \
             makeLoad(() => {\n    two\n}\n, []);\nexport const __wasm_split_load_a = wrapAsyncCb(makeLoad(() => {\n    own\n}\n, [__chunk_1, \
             __chunk_2]));\n";
        let stands_in =
            ["chunk_1", "chunk_2"].into_iter().map(|name| (name.to_owned(), "chunk_1".to_owned())).collect();
        assert_eq!(
            with_joined(script, &stands_in),
            "function makeLoad(fetcher, deps) {}\nconst __chunk_1 = makeLoad(() => {\n    one\n}\n, []);\nexport const __wasm_split_load_a = \
             wrapAsyncCb(makeLoad(() => {\n    own\n}\n, [__chunk_1]));\n"
        );
    }

    #[test]
    fn files_are_joined_where_it_costs_less_than_what_is_loaded_in_vain() {
        let file = |size: usize, users: [&str; 2]| Shared {
            names: Vec::new(),
            size,
            users: users.into_iter().map(|user| 1 << (user.as_bytes()[0] - b'a')).sum(),
        };
        assert!(file(90_000, ["a", "b"]).gain(&file(90_000, ["a", "b"])) > 0);
        assert!(file(1_000, ["a", "b"]).gain(&file(1_000, ["b", "c"])) > 0);
        assert!(file(90_000, ["a", "b"]).gain(&file(1_000, ["b", "c"])) < 0);
        assert!(file(1, ["a", "b"]).gain(&file(1, ["c", "d"])) < 0);
    }

    #[test]
    fn numbers_are_written_as_webassembly_does() {
        let mut written = Vec::new();
        write_number(&mut written, 624_485);
        assert_eq!(written, [0xe5, 0x8e, 0x26]);
        let before = [0, 0xe5, 0x8e, 0x26];
        assert_eq!(length_of_number(624_485, &before).ok(), Some(3));
        let padded = [0, 0xe5, 0x8e, 0xa6, 0x80, 0];
        assert_eq!(length_of_number(624_485, &padded).ok(), Some(5));
    }
}

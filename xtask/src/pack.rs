//! Packs: for each bundle one file with all that its pages load at first. A page needs some forty files, most of them small and shared with other
//! pages; in one they are fetched at once and compressed together, which makes them a fifth smaller. Who goes on to another page loads what is
//! missing file by file, as without packs.
//!
//! A pack begins with four bytes, the length of what follows them (least byte first): JSON, the names and lengths of its files, as `[["chunk_1.wasm", 120], ...]`.
//! Then come the files. The loader's script finds the pack in the page's head, where the server names it (`app/src/bundles.rs`).

use std::{fs, path::Path};

use anyhow::Context;

use crate::split::{LOADER, MANIFEST, Needed};

/// How the name of a bundle's pack begins, in the folder and in the list of what each bundle needs.
pub const PACK: &str = "page_";
const ENDING: &str = "pack";

/// How the loader's script fetches a file.
const FETCHES: &str = "fetch(new URL(";
const TAKES: &str = "fileOf(new URL(";
/// What it does instead: looks into the page's pack first.
const READER: &str = r#"
const packed = unpacked(document.querySelector('head link[href$=".pack"]'));
async function unpacked(link) {
    if (link === null) return new Map();
    try {
        const answer = await fetch(link.href);
        if (!answer.ok) throw new Error(`${link.href}: ${answer.status}`);
        const bytes = await answer.arrayBuffer();
        const length = new DataView(bytes).getUint32(0, true);
        const files = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
        let start = 4 + length;
        return new Map(files.map(([name, size]) => [name, new Uint8Array(bytes, (start += size) - size, size)]));
    } catch (error) {
        console.error(error);
        return new Map();
    }
}
async function fileOf(url) {
    const files = await packed;
    const name = url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
    const bytes = files.get(name);
    if (bytes === undefined) return fetch(url);
    files.delete(name);
    return new Response(bytes, { headers: { "content-type": "application/wasm" } });
}
"#;

/// The file of a bundle's pack.
pub fn file_of(bundle: &str) -> String {
    format!("{PACK}{bundle}.{ENDING}")
}

/// The bundle of whose page this is a piece, which comes later (app/src/pieces.rs): it is named after it.
pub fn page_of<'n>(needed: &'n Needed, piece: &str) -> Option<&'n String> {
    needed.keys().find(|page| piece.strip_prefix(page.as_str()).is_some_and(|rest| rest.starts_with('_')))
}

/// Makes the packs, of the files in `folder` as they are, and teaches the loader to read them.
pub fn pack(folder: &Path) -> anyhow::Result<()> {
    let manifest = folder.join(MANIFEST);
    let mut needed: Needed = serde_json::from_str(&fs::read_to_string(&manifest)?)?;
    let bundles: Vec<String> = needed.keys().filter(|name| page_of(&needed, name).is_none()).cloned().collect();
    for bundle in bundles {
        let files = needed[&bundle].iter().map(|name| format!("{name}.wasm")).collect::<Vec<_>>();
        let contents = files.iter().map(|file| fs::read(folder.join(file))).collect::<Result<Vec<_>, _>>()?;
        fs::write(folder.join(file_of(&bundle)), packed(&files, &contents)?)?;
        // The server is told by it that there is a pack.
        needed.insert(format!("{PACK}{bundle}"), Vec::new());
    }
    fs::write(manifest, serde_json::to_string_pretty(&needed)?)?;
    let loader = folder.join(LOADER);
    let script = fs::read_to_string(&loader)?;
    fs::write(&loader, with_reader(&script)?)?;
    Ok(())
}

fn packed(files: &[String], contents: &[Vec<u8>]) -> anyhow::Result<Vec<u8>> {
    let list: Vec<(&String, usize)> = files.iter().zip(contents.iter().map(Vec::len)).collect();
    let list = serde_json::to_vec(&list)?;
    let mut pack = u32::try_from(list.len())?.to_le_bytes().to_vec();
    pack.extend(list);
    contents.iter().for_each(|content| pack.extend(content));
    Ok(pack)
}

/// The loader's script, which begins with what it imports.
fn with_reader(script: &str) -> anyhow::Result<String> {
    anyhow::ensure!(
        script.contains(FETCHES),
        "The loader's script fetches its files in another way than {FETCHES:?} by now. Say how in xtask/src/pack.rs."
    );
    let (imports, rest) = script.split_once(";\n").context("The loader's script imports nothing")?;
    Ok(format!("{imports};\n{READER}{}", rest.replace(FETCHES, TAKES)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

    use super::*;

    #[test]
    fn a_pack_says_what_is_in_it_and_where() {
        let files = ["chunk_1.wasm".to_owned(), "split_runs.wasm".to_owned()];
        let pack = packed(&files, &[b"one".to_vec(), b"three".to_vec()]).unwrap();
        let list = br#"[["chunk_1.wasm",3],["split_runs.wasm",5]]"#;
        assert_eq!(pack[..4], u32::try_from(list.len()).unwrap().to_le_bytes());
        assert_eq!(pack[4..4 + list.len()], list[..]);
        assert_eq!(&pack[4 + list.len()..], b"onethree");
    }

    #[test]
    fn the_loader_looks_into_the_pack_first() {
        let script = "import { initSync } from \"./usher.js\";\n\nconst src = fetch(new URL(\"./chunk_1.wasm\", import.meta.url));\n";
        let taught = with_reader(script).unwrap();
        assert!(taught.starts_with("import { initSync } from \"./usher.js\";\n\nconst packed = "));
        assert!(taught.ends_with("const src = fileOf(new URL(\"./chunk_1.wasm\", import.meta.url));\n"));
        assert!(with_reader("import a;\nload()").is_err());
    }

    #[test]
    fn a_piece_belongs_to_the_page_whose_name_it_begins_with() {
        let needed: Needed = ["mapping", "mappings", "mapping_lab"].map(|name| (name.to_owned(), Vec::new())).into();
        assert_eq!(page_of(&needed, "mapping_lab").map(String::as_str), Some("mapping"));
        assert_eq!(page_of(&needed, "mappings"), None);
    }
}

//! Makes one WASM module of several that know nothing of one another: that import the same from outside, export nothing, and fill places of one shared
//! memory and one shared table. Their functions, and what they write to memory and table, stand one after the other in the new one.

use std::convert::Infallible;

use anyhow::Context;
use wasm_encoder::{
    CodeSection, DataCountSection, DataSection, ElementSection, EntityType, FuncType, FunctionSection, ImportSection,
    Module, TypeSection,
    reencode::{Error, Reencode},
};
use wasmparser::{Data, Element, FunctionBody, Import, Parser, Payload, TypeRef};

/// What is read of a module.
#[derive(Default)]
struct Parts<'a> {
    types: Vec<wasmparser::FuncType>,
    imports: Vec<Import<'a>>,
    functions: Vec<u32>,
    elements: Vec<Element<'a>>,
    data: Vec<Data<'a>>,
    bodies: Vec<FunctionBody<'a>>,
}

impl<'a> Parts<'a> {
    fn read(module: &'a [u8]) -> anyhow::Result<Self> {
        let mut parts = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::TypeSection(types) => {
                    parts.types = types.into_iter_err_on_gc_types().collect::<Result<_, _>>()?;
                }
                Payload::ImportSection(imports) => parts.imports = imports.into_imports().collect::<Result<_, _>>()?,
                Payload::FunctionSection(functions) => parts.functions = functions.into_iter().collect::<Result<_, _>>()?,
                Payload::ElementSection(elements) => parts.elements = elements.into_iter().collect::<Result<_, _>>()?,
                Payload::DataSection(data) => parts.data = data.into_iter().collect::<Result<_, _>>()?,
                Payload::CodeSectionEntry(body) => parts.bodies.push(body),
                Payload::ExportSection(exports) if exports.count() == 0 => {}
                Payload::Version { .. }
                | Payload::CodeSectionStart { .. }
                | Payload::DataCountSection { .. }
                // Names, and features, which the optimiser is told.
                | Payload::CustomSection(_)
                | Payload::End(_) => {}
                other => anyhow::bail!("it has a section that is not expected: {other:?}"),
            }
        }
        Ok(parts)
    }
}

/// Where the things of one module stand in the new one.
#[derive(Default)]
struct Places {
    types: Vec<u32>,
    functions: Vec<u32>,
    globals: Vec<u32>,
    tables: Vec<u32>,
    memories: Vec<u32>,
    data: u32,
    elements: u32,
}

impl Reencode for Places {
    type Error = Infallible;

    fn type_index(&mut self, number: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.types[number as usize])
    }

    fn function_index(&mut self, number: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.functions[number as usize])
    }

    fn global_index(&mut self, number: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.globals[number as usize])
    }

    fn table_index(&mut self, number: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.tables[number as usize])
    }

    fn memory_index(&mut self, number: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.memories[number as usize])
    }

    fn data_index(&mut self, number: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.data + number)
    }

    fn element_index(&mut self, number: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.elements + number)
    }
}

/// How many things of each kind are imported.
#[derive(Default)]
struct Counts {
    functions: u32,
    globals: u32,
    tables: u32,
    memories: u32,
}

/// The one module.
pub fn join(modules: &[Vec<u8>]) -> anyhow::Result<Vec<u8>> {
    let parts = modules.iter().map(|module| Parts::read(module)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut types: Vec<FuncType> = Vec::new();
    let mut imports: Vec<(&str, &str, EntityType, u32)> = Vec::new();
    let mut counts = Counts::default();
    let mut places: Vec<Places> = Vec::new();
    for parts in &parts {
        let mut place = Places::default();
        for written in &parts.types {
            let written = place.func_type(written.clone())?;
            let known = types.iter().position(|known| *known == written);
            place.types.push(u32::try_from(known.unwrap_or(types.len()))?);
            if known.is_none() {
                types.push(written);
            }
        }
        for import in &parts.imports {
            let kind = place.entity_type(import.ty)?;
            let (count, list) = match import.ty {
                TypeRef::Func(_) => (&mut counts.functions, &mut place.functions),
                TypeRef::Global(_) => (&mut counts.globals, &mut place.globals),
                TypeRef::Table(_) => (&mut counts.tables, &mut place.tables),
                TypeRef::Memory(_) => (&mut counts.memories, &mut place.memories),
                TypeRef::Tag(_) | TypeRef::FuncExact(_) => {
                    anyhow::bail!("it imports {}, whose kind is not expected", import.name)
                }
            };
            let known = imports.iter().find(|(module, name, ..)| (*module, *name) == (import.module, import.name));
            match known {
                Some((.., known, number)) => {
                    anyhow::ensure!(*known == kind, "{} is imported in two ways", import.name);
                    list.push(*number);
                }
                None => {
                    list.push(*count);
                    imports.push((import.module, import.name, kind, *count));
                    *count += 1;
                }
            }
        }
        places.push(place);
    }

    let mut next = counts.functions;
    let (mut functions, mut elements) = (FunctionSection::new(), ElementSection::new());
    let (mut data, mut code) = (DataSection::new(), CodeSection::new());
    for (parts, place) in parts.into_iter().zip(&mut places) {
        place.functions.extend(next..next + u32::try_from(parts.functions.len())?);
        next += u32::try_from(parts.functions.len())?;
        (place.data, place.elements) = (data.len(), elements.len());
        for written in parts.functions {
            functions.function(place.types[written as usize]);
        }
        for element in parts.elements {
            place.parse_element(&mut elements, element)?;
        }
        for datum in parts.data {
            place.parse_data(&mut data, datum)?;
        }
        for body in parts.bodies {
            place.parse_function_body(&mut code, body).context("a function can't be read")?;
        }
    }

    let (mut type_section, mut import_section) = (TypeSection::new(), ImportSection::new());
    for written in &types {
        type_section.ty().func_type(written);
    }
    for (module, name, kind, _) in imports {
        import_section.import(module, name, kind);
    }
    let mut joined = Module::new();
    joined.section(&type_section).section(&import_section).section(&functions).section(&elements);
    joined.section(&DataCountSection { count: data.len() }).section(&code).section(&data);
    Ok(joined.finish())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

    use wasm_encoder::{ConstExpr, Elements, Function, GlobalType, MemoryType, RefType, TableType, ValType};

    use super::*;

    /// A module with one function, which calls what stands in the shared table, and a word in the shared memory.
    fn module(parameters: &[ValType], place: i32, word: &str) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([ValType::F64], []);
        types.ty().function(parameters.iter().copied(), [ValType::I32]);
        let mut imports = ImportSection::new();
        let global = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        let table =
            TableType { element_type: RefType::FUNCREF, table64: false, minimum: 9, maximum: None, shared: false };
        imports.import(
            "shared",
            "memory",
            MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None },
        );
        imports.import("shared", "table", table);
        imports.import("shared", "stack", global);
        let mut functions = FunctionSection::new();
        functions.function(1);
        let mut elements = ElementSection::new();
        elements.active(Some(0), &ConstExpr::i32_const(place), Elements::Functions([0].as_slice().into()));
        let mut code = CodeSection::new();
        let mut body = Function::new([]);
        body.instructions().f64_const(1.0.into()).i32_const(7).call_indirect(0, 0).global_get(0).end();
        code.function(&body);
        let mut data = DataSection::new();
        data.active(0, &ConstExpr::i32_const(place * 10), word.bytes());
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions).section(&elements);
        module.section(&DataCountSection { count: 1 }).section(&code).section(&data);
        module.finish()
    }

    #[test]
    fn each_keeps_its_functions_and_its_places() {
        let modules = [module(&[], 1, "one"), module(&[ValType::I64], 2, "two"), module(&[], 3, "three")];
        let joined = join(&modules).unwrap();
        wasmparser::validate(&joined).unwrap();
        let parts = Parts::read(&joined).unwrap();
        assert_eq!(parts.imports.len(), 3, "what all import is imported once");
        assert_eq!(parts.types.len(), 3, "equal types are one");
        assert_eq!(parts.functions, [1, 2, 1]);
        let words: Vec<&[u8]> = parts.data.iter().map(|data| data.data).collect();
        assert_eq!(words, [b"one".as_slice(), b"two", b"three"]);
        let filled: Vec<Vec<u32>> = parts
            .elements
            .into_iter()
            .map(|element| match element.items {
                wasmparser::ElementItems::Functions(functions) => functions.into_iter().map(Result::unwrap).collect(),
                wasmparser::ElementItems::Expressions(..) => Vec::new(),
            })
            .collect();
        assert_eq!(filled, [[0], [1], [2]], "each place holds the function of its module");
    }
}

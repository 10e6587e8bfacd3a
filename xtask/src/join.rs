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

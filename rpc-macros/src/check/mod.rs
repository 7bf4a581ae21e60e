//! The rules that a service must keep so that its calls can travel.
//!
//! Judges the model; changes it only by moving methods that broke a rule to the refused items. Rules
//! about streams and one-way calls are in `kinds`, those about types in `travel`.

mod kinds;
mod travel;

use crate::fault::Faults;
use crate::model::{ARGUMENTS_MAX, Method, Service, Travels};
use crate::types;
use std::collections::{HashMap, HashSet};
use travel::Place;

/// Checks every rule. What is left in `service.methods` can be expanded.
pub(crate) fn service(service: &mut Service, faults: &mut Faults) {
    service_name(service, faults);
    let mut names = HashSet::new();
    let mut ids = HashMap::new();
    for method in std::mem::take(&mut service.methods) {
        let before = faults.count();
        self::method(&method, faults);
        if !names.insert(method.name.clone()) {
            faults.push(
                &method.ident,
                format!("the method `{}` stands here twice", method.name),
                "give each method its own name: the name decides its id on the wire",
            );
            continue;
        }
        method_id(&service.name, &method, &mut ids, faults);
        if method.fits && faults.count() == before {
            service.methods.push(method);
        } else {
            service.refused.extend(method.repaired);
        }
    }
}

/// Spec: `call.method.id`.
fn service_name(service: &Service, faults: &mut Faults) {
    let letters =
        |part: &str| part.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    let fits = service.name.split('.').all(|part| !part.is_empty() && letters(part));
    if fits {
        return;
    }
    let what = format!("{:?} cannot be a service's name on the wire", service.name);
    let help = "a name has ASCII letters, digits and `_`, in parts that are joined by `.`";
    match &service.name_given {
        Some(given) => faults.push(given, what, help),
        None => faults.push(
            &service.ident,
            what,
            format!("{help}; give one: `#[hton::service(name = \"…\")]`"),
        ),
    }
}

fn method_id(service: &str, method: &Method, ids: &mut HashMap<u32, String>, faults: &mut Faults) {
    if method.id == 0 {
        faults.push(
            &method.ident,
            format!("the id of `{service}/{}` is 0, which stands for a call by name", method.name),
            "give the method another name",
        );
    }
    if let Some(other) = ids.insert(method.id, method.name.clone()) {
        faults.push(
            &method.ident,
            format!(
                "`{service}/{}` and `{service}/{other}` have the same id, {:#010x}",
                method.name, method.id
            ),
            "give one of them another name",
        );
    }
}

fn method(method: &Method, faults: &mut Faults) {
    if !method.name.is_ascii() {
        faults.push(
            &method.ident,
            format!("{:?} cannot be a method's name on the wire", method.name),
            "a name has ASCII letters, digits and `_`",
        );
    }
    if let Some((excess, _)) = method.values().nth(ARGUMENTS_MAX) {
        faults.push(
            &excess.ident,
            format!(
                "a method takes at most {ARGUMENTS_MAX} arguments, this one takes {}",
                method.values().count()
            ),
            "put them into a struct that derives `Serialize` and `Deserialize`",
        );
    }
    let mut names = Vec::new();
    if let Some(context) = &method.context {
        names.push(&context.ident);
    }
    for argument in &method.arguments {
        if names.contains(&&argument.ident) {
            faults.push(
                &argument.ident,
                format!("the argument `{}` stands here twice", argument.name),
                "give each argument its own name",
            );
        }
        names.push(&argument.ident);
        match &argument.travels {
            _ if types::is_context(&argument.ty) => faults.push(
                &argument.ty,
                "the context comes first",
                "move it to the front: `(&self, cx: &hton::Context, …)`",
            ),
            Travels::Value(_) => travel::check(&argument.ty, Place::Argument, faults),
            Travels::Items(_) => {}
        }
    }
    kinds::arguments(method, faults);
    kinds::answer(&method.output, faults);
    if method.oneway {
        kinds::oneway(method, faults);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attr::ServiceOptions;
    use crate::parse;
    use syn::{ItemTrait, parse_quote};

    /// The methods that are left, and what was said about the rest.
    pub(super) fn checked(item: &ItemTrait) -> (Vec<String>, Vec<String>) {
        let mut faults = Faults::default();
        let mut service = parse::service(ServiceOptions::default(), item, &mut faults)
            .expect("these traits have no faults in their heads");
        super::service(&mut service, &mut faults);
        let left = service.methods.into_iter().map(|method| method.name).collect();
        (left, faults.messages())
    }

    #[test]
    fn one_bad_method_leaves_the_others() {
        let (left, faults) = checked(&parse_quote! {
            trait Calc {
                async fn first(&self, a: &u8);
                async fn second(&self, a: u8) -> u8;
                async fn third(&self) -> &str;
            }
        });
        assert_eq!(left, ["second"]);
        assert_eq!(faults.len(), 2, "{faults:#?}");
    }

    #[test]
    fn twelve_arguments_are_taken_and_thirteen_are_not() {
        let (left, faults) = checked(&parse_quote! {
            trait Calc {
                async fn twelve(&self, cx: &Context, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8);
                async fn thirteen(&self, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8, m: u8);
            }
        });
        assert_eq!(left, ["twelve"]);
        assert!(faults[0].starts_with("a method takes at most 12 arguments, this one takes 13"));
    }

    #[test]
    fn two_names_of_one_id_are_refused_in_the_service_where_they_collide() {
        // `printf %s Chat/m18119 | sha256sum` and that of `Chat/m176293` both begin with 06497334.
        let (left, faults) = checked(&parse_quote! {
            trait Chat { async fn m18119(&self); async fn m176293(&self); }
        });
        assert_eq!(left, ["m18119"]);
        assert!(faults[0].contains("0x06497334"), "{faults:#?}");
        let (left, faults) = checked(&parse_quote! {
            trait Talk { async fn m18119(&self); async fn m176293(&self); }
        });
        assert_eq!((left.len(), faults.len()), (2, 0));
    }

    #[test]
    fn an_id_of_zero_is_refused() {
        let mut faults = Faults::default();
        let item = parse_quote! { trait Calc { async fn add(&self); } };
        let mut service = parse::service(ServiceOptions::default(), &item, &mut faults)
            .expect("the trait is a service");
        service.methods[0].id = 0;
        super::service(&mut service, &mut faults);
        assert!(service.methods.is_empty());
        assert!(faults.messages()[0].starts_with("the id of `Calc/add` is 0"));
    }

    #[test]
    fn a_raw_identifier_is_the_name_without_its_mark() {
        let (left, faults) = checked(&parse_quote! {
            trait Calc { async fn r#type(&self); async fn r#add(&self); async fn add(&self); }
        });
        assert_eq!(left, ["type", "add"]);
        assert!(faults[0].starts_with("the method `add` stands here twice"), "{faults:#?}");
    }
}

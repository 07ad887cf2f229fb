//! What `redact` says: classes and presets, fields, dictionaries, exceptions, tools, arguments.

use super::{
    Folder, SERVER, Strictness, check_in, refused_in, refused_server, server, warned_server,
};
use crate::class::{CUSTOM_CLASSES_MAX, Class, Confidence, Form};
use crate::config::{CustomClass, FoundBy, Redact};
use crate::limits;

fn redact(lines: &str) -> Redact {
    server(&format!("    redact: {lines}\n")).config.servers[0].redact.clone()
}

fn form(redact: &Redact, class: Class) -> Option<Form> {
    redact.choice.form(class)
}

fn least(redact: &Redact, class: Class) -> Confidence {
    let said = redact.choice.least.iter().find(|(own, _)| *own == class);
    said.map_or(Confidence::Likely, |(_, least)| *least)
}

#[track_caller]
fn refused(lines: &str, message: &str, help: &str) {
    refused_server(&format!("    redact: {lines}\n"), message, help);
}

fn keyed(folder: &Folder) -> &Folder {
    folder.write("p.key", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    folder
}

fn in_folder(folder: &Folder, lines: &str) -> Redact {
    let text = format!("{SERVER}    redact: {lines}\n");
    let checked = check_in(folder, &text, Strictness::Normal);
    checked.unwrap_or_else(|why| panic!("{why}")).config.servers[0].redact.clone()
}

#[test]
fn class_counts_more_than_country_and_country_more_than_preset_in_any_order() {
    let keys = [
        "pii-default: mask",
        "\"country:us\": label",
        "us_ssn: { form: drop, confidence: certain }",
        "pii-strict: { confidence: possible }",
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let typed = order.map(|at| keys[at]).join(", ");
        let redact = redact(&format!("{{ classes: {{ {typed} }} }}"));
        assert_eq!(form(&redact, Class::UsSsn), Some(Form::Drop));
        assert_eq!(form(&redact, Class::UsItin), Some(Form::Label));
        assert_eq!(form(&redact, Class::DeTaxId), Some(Form::Mask));
        assert_eq!(form(&redact, Class::Password), None);
        assert_eq!(least(&redact, Class::UsSsn), Confidence::Certain);
        assert_eq!(least(&redact, Class::UsItin), Confidence::Possible);
    }
}

#[test]
fn presets_bring_their_form_and_confidence() {
    let list = redact("[hipaa, pci, \"country:de\", secrets]");
    assert_eq!(form(&list, Class::UsSsn), Some(Form::Label));
    assert_eq!(form(&list, Class::Card), Some(Form::Label), "no part of it may stay");
    assert_eq!(form(&list, Class::DeTaxId), Some(Form::Mask));
    assert_eq!(form(&list, Class::FrNir), None);
    let strict = redact("[pii-strict]");
    assert_eq!(least(&strict, Class::Email), Confidence::Possible);
    let narrow = redact("{ classes: { pci: drop, pii-default: mask } }");
    assert_eq!(form(&narrow, Class::Card), Some(Form::Drop));
    assert_eq!(form(&narrow, Class::Iban), Some(Form::Mask));
    let all = redact("{ confidence: certain }");
    assert_eq!(all.choice.forms.len(), Class::BUILTIN.len());
    assert!(Class::BUILTIN.into_iter().all(|class| least(&all, class) == Confidence::Certain));
    let own = redact("{ confidence: certain, classes: { email: mask, pii-strict: mask } }");
    assert_eq!(least(&own, Class::Email), Confidence::Possible);
}

#[test]
fn what_is_off_is_not_looked_for() {
    let redact = redact("{ classes: { pii-default: mask, ip: off, \"country:us\": off } }");
    assert_eq!((form(&redact, Class::Ip), form(&redact, Class::UsSsn)), (None, None));
    assert_eq!(form(&redact, Class::Email), Some(Form::Mask));
    assert!(!redact.reveal.iter().any(|(class, _)| *class == Class::Ip));
    refused(
        "{ classes: { email: mask, ip: «off» } }",
        "`ip` is not looked for anyway",
        "remove it",
    );
}

#[test]
fn names_of_groups_are_checked() {
    refused("[«pii-defualt»]", "`pii-defualt` is not a class or preset", "`pii-default`?");
    refused("[«\"country:dee\"»]", "not a class or preset", "`country:de`?");
    refused("{ classes: { «hippa»: mask } }", "not a class or preset", "`hipaa`?");
    refused("[hipaa, «hipaa»]", "stands twice", "remove");
    refused("{ classes: { «email»: {} } }", "nothing is said of `email`", "`mask`");
    refused("{ classes: { email: «masked» } }", "is not accepted here", "`mask`?");
    refused("{ confidence: «sure» }", "is not accepted here", "possible");
}

#[test]
fn keep_is_bounded_and_belongs_to_masks_of_numbers() {
    let redact = redact(
        "{ classes: { card: { keep: 2 }, pii-default: { form: mask, keep: 3 }, us_ssn: { form: label } } }",
    );
    let kept = |class| redact.choice.keep.iter().find(|(own, _)| *own == class).map(|(_, k)| *k);
    assert_eq!(kept(Class::Card), Some(2));
    assert_eq!(kept(Class::Iban), Some(3));
    assert_eq!((kept(Class::UsSsn), kept(Class::Email)), (None, None));
    let class = |class: &str, keys: &str| format!("{{ classes: {{ {class}: {{ {keys} }} }} }}");
    refused(&class("card", "keep: «5»"), "at most 4", "0 to 4");
    refused(&class("us_ssn", "keep: «9»"), "at most 8", "0 to 8");
    refused(&class("email", "keep: «2»"), "keep no symbols at the end", "remove");
    refused(&class("secrets", "keep: «2»"), "keep no symbols at the end", "remove");
    refused(&class("card", "form: label, keep: «2»"), "the form is `label`", "form: mask");
    let custom = |keys: &str| format!("{{ custom: [ {{ name: a, pattern: x, {keys} }} ] }}");
    refused(&custom("keep: «2»"), "the form is `label`", "form: mask");
    refused(&custom("form: mask, keep: «99»"), "at most 8", "0 to 8");
    const { assert!(limits::KEEP_SYMBOLS_MAX == 8) };
}

#[test]
fn fields_name_a_class_or_make_one() {
    let redact = redact(
        "{ fields: [ { path: /customer/ssn, class: us_ssn }, { path: \"**.card*\", name: card_field, form: drop }, { path: pan, name: card_field, form: drop } ] }",
    );
    let classes: Vec<Class> = redact.fields.iter().map(|(_, class)| *class).collect();
    assert_eq!(classes, [Class::UsSsn, Class::Custom(0), Class::Custom(0)]);
    assert_eq!(CustomClass::class_name(&redact.custom, Class::Custom(0)), "card_field");
    assert!(matches!(redact.custom[0].found, FoundBy::Fields));
    assert_eq!(form(&redact, Class::Custom(0)), Some(Form::Drop));
    let (_, scopes) = redact.reveal.iter().find(|(class, _)| *class == Class::Custom(0)).unwrap();
    assert_eq!(&*scopes[0], "pii:card_field.read");
}

#[test]
fn fields_without_sense_are_refused() {
    let field = |keys: &str| format!("{{ fields: [ {{ {keys} }} ] }}");
    refused("{ «fields»: [] }", "a list of 1 to", "remove the key");
    refused("{ fields: [ { «path»: /a } ] }", "either `class` or `name`", "`name: remark`");
    refused(&field("path: /a, class: «us_snn»"), "is not a class", "`us_ssn`?");
    refused(&field("path: /a, class: ip, form: «drop»"), "no effect beside `class`", "`name`");
    refused(&field("path: «//a», name: b"), "a name of the path is empty", "`/customer/ssn`");
    refused(&field("path: «a.», name: b"), "a name of the path is empty", "`/customer/ssn`");
    refused(&field("path: /a, name: «email»"), "is taken", "built-in");
    refused(&field("path: /a, name: «B»"), "is not a name", "lower-case");
    refused(
        "{ classes: { email: mask }, fields: [ { path: /a, class: «ip» } ] }",
        "`ip` is not looked for",
        "add `ip`",
    );
}

#[test]
fn fields_that_share_a_name_share_its_form() {
    refused(
        "{ fields: [ { path: a, name: n, form: drop }, { «path»: b, name: n, form: mask } ] }",
        "`n` has the form `drop` in another rule",
        "same `form`",
    );
}

#[test]
fn dictionaries_are_read_and_read_again() {
    let folder = Folder::new();
    let path = folder.write("names.txt", "\u{feff}# customers\nJane Roe\nAcme\n");
    let lines = "{ dictionaries: [ { name: customer, file: names.txt, ignore_case: true } ] }";
    let text = format!("{SERVER}    redact: {lines}\n");
    let checked = check_in(&folder, &text, Strictness::Normal).unwrap();
    let redact = &checked.config.servers[0].redact;
    let FoundBy::Words(words) = &redact.custom[0].found else { panic!("no dictionary") };
    assert_eq!(words.len(), 2);
    assert_eq!(form(redact, Class::Custom(0)), Some(Form::Label));
    assert!(checked.config.files.contains(&path));
    assert_eq!(checked.files.now(), checked.files);
    folder.write("names.txt", "Jane Roe\n");
    assert_ne!(checked.files.now(), checked.files);
    let again = check_in(&folder, &text, Strictness::Normal).unwrap();
    assert_ne!(again.config.hash, checked.config.hash);
}

#[test]
fn large_dictionary_is_followed_for_changes_up_to_its_bound() {
    let folder = Folder::new();
    let line = format!("{}\n", "a".repeat(limits::DICTIONARY_ENTRY_BYTES_MAX));
    let large = line.repeat(limits::PINS_FILE_BYTES_MAX / line.len() + 1);
    folder.write("names.txt", &large);
    let text =
        format!("{SERVER}    redact: {{ dictionaries: [ {{ name: c, file: names.txt }} ] }}\n");
    let checked = check_in(&folder, &text, Strictness::Normal).unwrap();
    assert_eq!(checked.files.now(), checked.files);
    let sparse = "#".repeat(limits::DICTIONARY_BYTES_MAX + 1);
    folder.write("names.txt", &sparse);
    let why = check_in(&folder, &text, Strictness::Normal).unwrap_err();
    assert!(why.to_string().contains("larger than"), "{why}");
}

#[test]
fn dictionaries_without_sense_are_refused() {
    let folder = Folder::new();
    folder.write("empty.txt", "# nothing\n");
    folder.write("one.txt", "Jane Roe\n\nx\n");
    folder.write("bytes.txt", "Jane\n");
    std::fs::write(folder.path().join("bytes.txt"), b"J\xe4ne\n").unwrap();
    let refused = |keys: &str, message: &str, help: &str| {
        let text = format!("{SERVER}    redact: {{ dictionaries: [ {{ {keys} }} ] }}\n");
        refused_in(&folder, &text, message, help);
    };
    refused("name: a, file: «late.txt»", "does not exist", "relative");
    refused("name: a, file: «empty.txt»", "holds no word", "on each line");
    refused("name: a, file: «one.txt»", "line 3: one letter", "on each line");
    refused("name: a, file: «bytes.txt»", "not UTF-8", "UTF-8");
    folder.write("good.txt", "Jane Roe\n");
    refused("name: «us_ssn», file: good.txt", "is taken", "built-in");
}

#[test]
fn classes_of_ones_own_are_bounded_together() {
    let patterns: String = (0..CUSTOM_CLASSES_MAX)
        .map(|i| format!("        - {{ name: a{i}, pattern: x }}\n"))
        .collect();
    refused_server(
        &format!(
            "    «redact»:\n      custom:\n{patterns}      fields: [ {{ path: a, name: b }} ]\n"
        ),
        "make more than 48 classes",
        "share a `name`",
    );
}

#[test]
fn values_left_alone_are_checked() {
    let redact = redact(
        "{ allow: [ { class: email, values: [\"support@example.com\", \"*@example.com\"], tools: [\"crm_*\"] }, { values: [203.0.113.7] } ] }",
    );
    assert_eq!(redact.allow[0].class, Some(Class::Email));
    assert_eq!(redact.allow[0].tools.as_deref().unwrap().len(), 1);
    assert_eq!((redact.allow[1].class, redact.allow[1].tools.is_none()), (None, true));
    let allow = |keys: &str| format!("{{ allow: [ {{ {keys} }} ] }}");
    refused("{ «allow»: [] }", "a list of 1 to 64", "remove the key");
    refused(&allow("class: «emial», values: [a]"), "is not a class", "`email`?");
    refused(&allow("class: email, values: [«\"*\"»]"), "leaves every value alone", "`off`");
    refused(&allow("class: email, «values»: []"), "a list of 1 to 256", "name the values");
    refused(&allow("values: [«\" a\"»]"), "no value looks like this", "as it stands");
    refused(&allow("values: [a], «tools»: []"), "a list of 1 to", "`crm_*`");
    refused(&allow("values: [a], tools: [«\"\"»]"), "matches no name", "`crm.*`");
    refused(
        "{ classes: { email: mask }, allow: [ { class: «ip», values: [a] } ] }",
        "`ip` is not looked for",
        "remove the rule",
    );
}

#[test]
fn rules_for_fields_and_exceptions_have_bounds() {
    let says = |lines: &str, message: &str| {
        let text = format!("{SERVER}    redact: {lines}\n");
        let why = check_in(&Folder::new(), &text, Strictness::Normal).unwrap_err();
        assert!(why.list[0].message.contains(message), "{why}");
    };
    let rules = vec!["{ values: [a] }"; limits::ALLOW_RULES_MAX + 1].join(", ");
    says(&format!("{{ allow: [ {rules} ] }}"), "a list of 1 to 64 rules");
    let values = vec!["a"; limits::ALLOW_VALUES_MAX + 1].join(", ");
    says(&format!("{{ allow: [ {{ values: [ {values} ] }} ] }}"), "a list of 1 to 256 values");
    let fields = vec!["{ path: a, class: ip }"; limits::FIELD_RULES_MAX + 1].join(", ");
    says(&format!("{{ fields: [ {fields} ] }}"), "a list of 1 to 256 rules");
    let path = vec!["a"; limits::FIELD_NAMES_MAX + 1].join("/");
    says(&format!("{{ fields: [ {{ path: {path}, name: b }} ] }}"), "more than 31 names");
}

#[test]
fn tools_have_profiles_without_a_policy() {
    let redact = redact(
        "{ profiles: { strict: { classes: { pii-default: label }, reveal: false } }, tools: [ { names: [\"export_*\"], profile: strict } ] }",
    );
    assert_eq!(&*redact.tools[0].profile, "strict");
    let strict = redact.profile("strict").unwrap();
    assert_eq!(strict.choice.form(Class::Email), Some(Form::Label));
    assert_eq!(strict.choice.form(Class::ApiKey), Some(Form::Mask), "as for all calls");
    let tools = |tools: &str| {
        format!("{{ profiles: {{ strict: {{ reveal: false }} }}, tools: [ {tools} ] }}")
    };
    refused(&tools("{ names: [a], profile: «strikt» }"), "no such profile", "`strict`?");
    refused(
        "\n      profiles: { s: { reveal: false } }\n      tools: [ { names: [\"a*\"], profile: s }, { names: [«ab»], profile: s } ]",
        "an earlier rule for `a*`",
        "move it before",
    );
    self::refused(
        "{ profiles: { strict: { reveal: false } }, «tools»: [] }",
        "a list of 1 to",
        "names",
    );
}

#[test]
fn profile_that_no_tool_and_no_policy_has_is_refused() {
    refused(
        "{ «profiles»: { a: { reveal: false }, b: { reveal: false } }, tools: [ { names: [c], profile: a } ] }",
        "no policies govern this server",
        "or remove it",
    );
}

#[test]
fn arguments_have_forms_of_their_own() {
    assert!(redact("{ arguments: off }").arguments.is_none());
    let redact = redact(
        "{ custom: [ { name: employee, pattern: x } ], arguments: { secrets: block, api_key: report, email: mask, employee: label } }",
    );
    let arguments = redact.arguments.unwrap();
    assert_eq!(arguments.form(Class::Password), Some(Form::Block));
    assert_eq!(arguments.form(Class::ApiKey), Some(Form::Report));
    assert_eq!(arguments.form(Class::Email), Some(Form::Mask));
    assert_eq!(arguments.form(Class::Custom(0)), Some(Form::Label));
    assert_eq!(arguments.form(Class::Ip), None);
    refused("{ «arguments»: {} }", "nothing is looked for in arguments", "`off`");
    refused("{ arguments: { «secret_s»: block } }", "not a class or preset", "did you mean");
    refused("{ arguments: { secrets: «drop» } }", "is not accepted here", "block");
}

#[test]
fn pseudonyms_have_a_key_exactly_where_a_class_needs_one() {
    let folder = Folder::new();
    let key = "pseudonyms: { key: { file: p.key } }";
    let of = |tenant: &str| {
        let key = format!("pseudonyms: {{ key: {{ file: p.key }}{tenant} }}");
        let lines = format!("{{ classes: {{ email: pseudonym }}, {key} }}");
        in_folder(keyed(&folder), &lines).pseudonyms.unwrap().tenant
    };
    assert_eq!((&*of(""), &*of(", tenant: acme")), ("notes", "acme"));
    refused_server(
        "    «redact»: { classes: { email: pseudonym } }\n",
        "there is no key to make them with",
        "openssl rand",
    );
    let text = |lines: &str| format!("{SERVER}    redact: {{ {lines}, {key} }}\n");
    refused_in(
        keyed(&folder),
        &text("classes: { email: mask }").replace("pseudonyms:", "«pseudonyms»:"),
        "no class has the form `pseudonym`",
        "remove it",
    );
    folder.write("p.key", "short");
    refused_in(
        &folder,
        &text("classes: { email: pseudonym }").replace("key: {", "«key»: {"),
        "not 32 bytes",
        "openssl",
    );
}

#[test]
fn report_is_warned_about_under_every_name() {
    warned_server(
        "    redact: { classes: { secrets: { form: «report» } } }\n",
        "shows every `secrets`",
        "`mask`",
    );
    warned_server(
        "    redact: { classes: { \"country:us\": «report» } }\n",
        "shows every `country:us`",
        "`mask`",
    );
}

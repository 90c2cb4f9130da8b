use super::*;

const STARTER: &str = include_str!("../../../../policies/projections.toml");

/// The choke point: a file with this text under `[Patient]` is refused, and the words say what to do.
fn check(text: &str, error: &str, hint: &str) {
    match Projections::load(text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(found) => assert_eq!((found.to_string().as_str(), found.hint()), (error, hint), "{text}"),
    }
}

fn check_path(path: &str, error: &str, hint: &str) {
    let text = format!("[Patient]\ndefault = [\"id\"]\ncontact = [\n  \"telecom\",\n  {path:?},\n]\n");
    check(&text, &format!("line 5, path `{path}` of [Patient] contact: {error}"), hint);
}

#[test]
fn the_starter_loads_and_tells_its_groups() {
    let starter = Projections::load(STARTER).unwrap_or_else(|error| panic!("{error}; {}", error.hint()));
    let groups = starter.groups();
    let (_, patient) = groups.iter().find(|(of_type, _)| *of_type == ResourceType::PATIENT).expect("listed");
    for name in ["contact", "identifiers", "department"] {
        assert!(patient.contains(&name.to_owned()), "{name}");
    }
    assert!(groups.iter().all(|(_, names)| !names.contains(&"default".to_owned())));
    assert_eq!(starter.text(), STARTER);
}

#[test]
fn a_path_that_r4_does_not_have_is_refused_with_what_is_near() {
    check_path("adress", "`Patient` has no element `adress` in R4", "did you mean `address`?");
    check_path("birthdate", "`Patient` has no element `birthdate` in R4", "did you mean `birthDate`?");
    check_path("deceased", "`Patient` has no element `deceased` in R4", "did you mean `deceased[x]`?");
    check_path("name.familly", "`HumanName` has no element `familly` in R4", "did you mean `family`?");
    check_path(
        "zzzzzz",
        "`Patient` has no element `zzzzzz` in R4",
        "see http://hl7.org/fhir/R4/ for what `Patient` has",
    );
    check_path("contact.names", "`Patient.contact` has no element `names` in R4", "did you mean `name`?");
    check_path(
        "",
        "the path is empty, or a part of it is",
        "write the names of elements with a dot between them, as `name.family`",
    );
    check_path(
        "name..family",
        "the path is empty, or a part of it is",
        "write the names of elements with a dot between them, as `name.family`",
    );
    check_path("birthDate.value", "`birthDate` has nothing inside that could be named", "end the path at `birthDate`");
    check_path(
        "deceased[x].value",
        "`deceased[x]` can be of several types, so nothing inside it can be named",
        "name one of its types, as `deceasedBoolean.value`",
    );
    check_path(
        "_name",
        "`Patient` has no element `_name` in R4",
        "only simple elements have a `_name`; write `name.extension`",
    );
    check_path("_birthDate.extension", "`Patient` has no element `_birthDate` in R4", "did you mean `birthDate`?");
    check_path("resourceType", "`resourceType` is always shown", "leave it out");
    check_path(
        "contained",
        "`contained` holds a resource of its own",
        "leave it out: the policy judges the resource around it, and nothing judged the one inside",
    );
    check_path(
        "contained.birthDate",
        "`contained` holds a resource of its own",
        "leave it out: the policy judges the resource around it, and nothing judged the one inside",
    );
}

#[test]
fn a_file_of_another_shape_is_refused() {
    check(
        "[Pateint]\ndefault = [\"id\"]",
        "[Pateint]: `Pateint` is not a resource type of R4",
        "did you mean `Patient`?",
    );
    check(
        "[Resource]\ndefault = [\"id\"]",
        "[Resource]: `Resource` is not a resource type of R4",
        "type names are those of R4, such as `Patient`",
    );
    check(
        "[Patient]\ncontact = [\"telecom\"]",
        "[Patient]: the group `default` is missing",
        "add `default = [\"id\"]`, or more: every reader of this type sees it",
    );
    check(
        "[Patient]\ndefault = [\"id\"]\nContact = [\"telecom\"]",
        "[Patient]: `Contact` is not a name for a group",
        "a lower-case letter, then at most 39 more of a-z, 0-9, `-` and `_`",
    );
    for (text, line) in [
        ("[Patient]\ndefault = \"id\"", 2),
        ("[Patient]\n\ndefault = [1]", 3),
        ("default = [\"id\"]", 1),
        ("[Patient]\ndefault = [\"id\"]\ndefault = [\"name\"]", 3),
    ] {
        let error = Projections::load(text).expect_err(text);
        assert_eq!(error.to_string(), format!("line {line}: not a projections file"), "{text}");
        assert!(error.hint().starts_with("write `[Type]`"), "{}", error.hint());
    }
    let many: Vec<String> = (0..64).map(|n| format!("g{n} = [\"name\"]")).collect();
    let text = format!("[Patient]\ndefault = [\"id\"]\n{}", many.join("\n"));
    check(&text, "[Patient]: more than 63 groups", "merge some of them");
}

#[test]
fn groups_add_up_and_strangers_add_nothing() {
    let text = "[Patient]\ndefault = [\"id\"]\na = [\"gender\"]\nb = [\"active\", \"name.given\"]\nc = [\"name\"]";
    let projections = Projections::load(text).expect("loads");
    let of = |groups: &[&str]| {
        let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        projections.compile(ResourceType::PATIENT, &groups)
    };
    let shows = |groups: &[&str], name: &str| {
        let projection = of(groups);
        projection.rule(projection.root(), name.as_bytes()).is_some()
    };
    for (groups, expect) in [
        (&[][..], [true, false, false, false]),
        (&["a"], [true, true, false, false]),
        (&["b"], [true, false, true, true]),
        (&["a", "b", "default"], [true, true, true, true]),
        (&["zzz", "A", ""], [true, false, false, false]),
    ] {
        assert_eq!(["id", "gender", "active", "name"].map(|name| shows(groups, name)), expect, "{groups:?}");
    }
    assert!(Arc::ptr_eq(&of(&["a", "b"]), &of(&["b", "zzz", "a", "a"])), "compiled once");
    let given = |projection: &Projection| match projection.rule(projection.root(), b"name").map(|rule| rule.shows) {
        Some(Shows::Inside(inside)) => {
            ["given", "family"].map(|name| projection.rule(inside, name.as_bytes()).is_some())
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(given(&of(&["b"])), [true, false]);
    assert_eq!(given(&of(&["b", "c"])), [true, true], "the whole wins over a part");
}

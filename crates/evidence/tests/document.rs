//! `docs/evidence-format.md` says what the code does: the same fields, the same words, and an example that was
//! computed by another implementation.

#[cfg(test)]
mod document {
    use evidence::{Checkpoint, Effect, Head, Leaf, Record, Verifier, leaf_hash, root};
    use lexicon::{Interaction, Kind, Narrowing, Reason, ResourceType, Station};

    fn text() -> String {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/evidence-format.md");
        std::fs::read_to_string(path).expect("the document")
    }

    /// The fenced block with that info string.
    fn block(name: &str) -> String {
        let text = text();
        let (_, rest) = text.split_once(&format!("```{name}\n")).expect("the block");
        rest.split_once("```").expect("its end").0.to_owned()
    }

    fn bytes(name: &str) -> Vec<u8> {
        let digits: Vec<_> = block(name).chars().filter_map(|c| c.to_digit(16)).collect();
        digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
    }

    #[test]
    fn the_table_of_fields_is_the_codes() {
        let cddl = block("cddl");
        let (_, rest) = cddl.split_once("record = {\n").expect("the record");
        let (record, _) = rest.split_once("\n}").expect("its end");
        let rows = record.lines().map(|line| {
            let (field, comment) = line.split_once(';').expect("a comment");
            let (name, _) = comment.split_once(':').expect("a name");
            let (key, rule) = field.trim().trim_end_matches(',').split_once(" => ").expect("a key");
            let required = !key.starts_with("? ");
            (key.trim_start_matches("? ").to_owned(), name.trim().to_owned(), rule.to_owned(), required)
        });
        let fields = Record::fields();
        let code = fields.iter().map(|f| (f.key.to_string(), f.name.to_owned(), f.rule.to_owned(), f.required));
        assert_eq!(rows.collect::<Vec<_>>(), code.collect::<Vec<_>>());
    }

    #[test]
    fn every_rule_that_a_field_names_is_there() {
        let cddl = block("cddl");
        for field in Record::fields() {
            // Those of RFC 8610's own prelude need no rule here.
            let known = ["1", "tstr", "[+ tstr]", "uint", "int", "bool"].contains(&field.rule);
            assert!(known || cddl.contains(&format!("\n{} =", field.rule)), "{}", field.rule);
        }
    }

    fn check(rule: &str, words: impl IntoIterator<Item = &'static str>) {
        let cddl = block("cddl");
        let (_, rest) = cddl.split_once(&format!("\n{rule} =")).expect("the rule");
        let written: Vec<_> = rest.split("\n\n").next().expect("a paragraph").split('"').skip(1).step_by(2).collect();
        assert_eq!(written, words.into_iter().collect::<Vec<_>>(), "{rule}");
    }

    #[test]
    fn the_words_are_the_lexicons() {
        check("leaf", Leaf::ALL.iter().map(|word| word.code()));
        check("effect", Effect::ALL.iter().map(|word| word.code()));
        check("narrowing", Narrowing::ALL.iter().map(|word| word.code()));
        check("station", Station::ALL.iter().map(|word| word.code()));
        check("kind", [Kind::Person, Kind::Workload, Kind::Stranger].iter().map(|word| word.code()));
        check("interaction", Interaction::ALL.iter().map(|word| word.code()));
        check("reason", Reason::ALL.iter().map(|word| word.code()));
        check("resource-type", ResourceType::all().map(ResourceType::name));
    }

    #[test]
    fn every_kind_of_leaf_is_explained() {
        let text = text();
        for leaf in Leaf::ALL {
            assert!(text.contains(&format!("\n| `{leaf}` |")), "{leaf}");
        }
    }

    #[test]
    fn the_worked_example_holds() {
        let leaves = [bytes("leaf0"), bytes("leaf1")];
        let records = leaves.each_ref().map(|leaf| Record::decode(leaf).expect("a record"));
        assert_eq!(records.each_ref().map(Record::encode), leaves);
        assert_eq!(records[1].to_json(1), block("json").trim());
        let hashes = leaves.each_ref().map(|leaf| leaf_hash(leaf));
        assert_eq!(hashes.each_ref().map(|hash| hash.to_vec()), [bytes("hash0"), bytes("hash1")]);
        assert_eq!(root(&hashes).to_vec(), bytes("root"));
        let header = block("header");
        let key = header.lines().find_map(|line| line.strip_prefix("key ")).expect("a key");
        let checkpoint = Checkpoint::open(&block("checkpoint"), &Verifier::parse(key).expect("a key")).expect("signed");
        assert_eq!(checkpoint.tree, Head { size: 2, root: root(&hashes) });
    }

    #[test]
    fn the_list_of_the_example_holds() {
        let leaf = bytes("leaf2");
        let record = Record::decode(&leaf).expect("a record");
        assert_eq!(record.encode(), leaf);
        assert_eq!(record.to_json(2), block("leaf2json").trim());
        assert_eq!((record.disclosed.rows().len(), record.disclosed.patients().len()), (4, 2));
    }
}

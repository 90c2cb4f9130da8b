//! Answers that name many resources, and answers too long to be held back whole (decisions 1 and 34).

use crate::house::{House, PATIENCE, at, source, trace};
use evidence::{Effect, Leaf, Record};
use ledger::{Docket, Ledger, Proof};
use lexicon::{LocalId, ResourceType};

fn id(n: usize) -> LocalId {
    LocalId::new(&format!("canary-{n}")).expect("an id")
}

/// Resources of every tenth patient, and some about nobody.
fn disclose(docket: &mut Docket, resources: std::ops::Range<usize>) {
    let kinds = [ResourceType::from_name("Observation").expect("a type"), ResourceType::PATIENT];
    for n in resources {
        let patient = (!n.is_multiple_of(5)).then(|| id(n / 10));
        docket.disclose(kinds[n % 2], &id(n), patient.as_slice());
    }
}

async fn arrive(ledger: &Ledger, n: u8) -> Docket {
    ledger.arrive(at(1), trace(n), source(1), PATIENCE).await.expect("a seat")
}

fn leaves(book: &[Record]) -> Vec<Leaf> {
    book.iter().map(|record| record.leaf).collect()
}

fn rows(record: &Record) -> usize {
    record.disclosed.rows().len()
}

#[tokio::test]
async fn a_search_answer_of_500_resources_is_one_leaf() {
    let house = House::new();
    let (ledger, scribe) = house.open();
    let mut docket = arrive(&ledger, 1).await;
    disclose(&mut docket, 0..500);
    let receipt = docket.close(at(2), [1; 32]).await.expect("durable");
    assert_eq!(receipt.index(), 2);
    drop(ledger);
    scribe.join();
    let book = house.book();
    assert_eq!(leaves(&book)[2..], [Leaf::Closed, Leaf::Shut]);
    assert_eq!((rows(&book[2]), book[2].patients, book[2].segment), (500, Some(50), None));
    assert_eq!(book[2].disclosed.patients().len(), 50);
    let first = book[2].disclosed.rows()[1];
    assert!(
        book[2].disclosed.rows().iter().filter(|row| row.patient == first.patient).count() == 8,
        "pairs stay pairs"
    );
    let bytes = std::fs::read(house.path("book")).expect("book");
    assert!(!bytes.windows(6).any(|window| window == b"canary"));
}

/// The same resource has the same pseudonym in a read's record and in a search's list.
#[tokio::test]
async fn a_list_and_a_read_name_alike() {
    let house = House::new();
    let (ledger, scribe) = house.open();
    let mut read = arrive(&ledger, 1).await;
    read.resource(ResourceType::PATIENT, &id(3));
    read.patient(&id(3));
    let _receipt = read.close(at(2), [1; 32]).await.expect("durable");
    let mut search = arrive(&ledger, 2).await;
    search.disclose(ResourceType::PATIENT, &id(3), &[id(3)]);
    let _receipt = search.close(at(2), [1; 32]).await.expect("durable");
    drop(ledger);
    scribe.join();
    let book = house.book();
    assert_eq!(book[2].resource, book[3].disclosed.resources().next());
    assert_eq!(book[2].patient, book[3].disclosed.patients().first().copied());
}

/// A resource of several patients has a row for each of them, and is one resource.
#[tokio::test]
async fn f9_a_resource_of_several_patients_names_them_all() {
    let house = House::new();
    let (ledger, scribe) = house.open();
    let mut docket = arrive(&ledger, 1).await;
    let kind = ResourceType::from_name("Observation").expect("a type");
    docket.disclose(kind, &id(1), &[id(3), id(4)]);
    docket.disclose(kind, &id(2), &[id(4)]);
    docket.disclose(kind, &id(5), &[]);
    let _receipt = docket.began(at(2), [1; 32]).await.expect("durable");
    let _receipt = docket.disclosing(at(2), [1; 32]).await.expect("durable");
    let _receipt = docket.close(at(2), [1; 32]).await.expect("durable");
    drop(ledger);
    scribe.join();
    let book = house.book();
    let named = &book[3].disclosed;
    let pairs: Vec<_> = named.rows().iter().map(|row| (row.resource, row.patient)).collect();
    let [a, b] = named.patients()[..] else { panic!("two patients") };
    let [one, same, two, three] = pairs[..] else { panic!("{} rows", pairs.len()) };
    assert_eq!((one.1, same.1, two.1, three.1), (Some(a.mac), Some(b.mac), Some(b.mac), None));
    assert!(one.0 == same.0 && one.0 != two.0 && two.0 != three.0);
    assert_eq!((named.different(), book[4].patients, book[4].returned), (3, Some(2), Some(3)));
}

#[tokio::test]
async fn a_list_beyond_a_leaf_goes_on_before_it() {
    let house = House::new();
    let (ledger, scribe) = house.open();
    let mut docket = arrive(&ledger, 1).await;
    disclose(&mut docket, 0..2000);
    let receipt = docket.close(at(2), [1; 32]).await.expect("durable");
    drop(ledger);
    scribe.join();
    let book = house.book();
    let closed = usize::try_from(receipt.index()).expect("small");
    assert_eq!((book[closed].leaf, book[closed].continued), (Leaf::Closed, None), "the receipt is the last leaf's");
    let before = &book[2..closed];
    assert!(before.iter().all(|leaf| leaf.leaf == Leaf::Disclosing && leaf.continued == Some(true)));
    assert_eq!(book[2..=closed].iter().map(rows).sum::<usize>(), 2000);
    assert_eq!(book[closed].patients, Some(200));
}

#[tokio::test]
async fn a_long_answer_is_begun_disclosed_and_closed() {
    let house = House::new();
    let (ledger, scribe) = house.open();
    let mut docket = arrive(&ledger, 1).await;
    docket.draft().status = Some(200);
    let receipt = docket.began(at(2), [1; 32]).await.expect("durable");
    assert_eq!((*receipt.binds(), receipt.proof()), ([1; 32], Proof::Record));
    for (n, resources) in [(2, 0..2000), (3, 2000..2100)] {
        disclose(&mut docket, resources);
        let receipt = docket.disclosing(at(3), [n; 32]).await.expect("durable");
        assert_eq!(*receipt.binds(), [n; 32]);
    }
    let receipt = docket.close(at(4), [9; 32]).await.expect("durable");
    drop(ledger);
    scribe.join();
    let book = house.book();
    let kinds = leaves(&book);
    assert_eq!(kinds[..3], [Leaf::Opened, Leaf::Opened, Leaf::Began]);
    assert_eq!((&kinds[3..8], &kinds[8..]), (&[Leaf::Disclosing; 5][..], &[Leaf::Closed, Leaf::Shut][..]));
    assert_eq!(receipt.index(), 8);
    let told = |r: &Record| (r.segment, r.continued, r.answer.is_some());
    assert_eq!(told(&book[2]), (None, None, true));
    assert!(book[3..6].iter().all(|leaf| told(leaf) == (Some(1), Some(true), false)));
    assert_eq!([6, 7].map(|n| told(&book[n])), [(Some(1), None, true), (Some(2), None, true)]);
    assert_eq!((book[3..7].iter().map(rows).sum::<usize>(), rows(&book[7]), rows(&book[8])), (2000, 100, 0));
    assert!(book[2..9].iter().all(|record| record.trace == Some(trace(1))));
    assert_eq!((book[2].status, book[8].status), (Some(200), Some(200)), "who and why stands at both ends");
    assert_eq!((book[8].segment, book[8].returned, book[8].patients), (Some(2), Some(2100), Some(210)));
}

#[tokio::test]
async fn a_long_answer_that_is_dropped_says_how_far_it_was() {
    let house = House::new();
    let (ledger, scribe) = house.open();
    let mut docket = arrive(&ledger, 1).await;
    let _began = docket.began(at(2), [1; 32]).await.expect("durable");
    disclose(&mut docket, 0..10);
    let _segment = docket.disclosing(at(3), [2; 32]).await.expect("durable");
    disclose(&mut docket, 10..20);
    drop(docket);
    drop(ledger);
    scribe.join();
    let book = house.book();
    assert_eq!((book[4].leaf, book[4].segment, rows(&book[4])), (Leaf::Abandoned, Some(1), 0));
    assert!(book.iter().all(|record| record.leaf != Leaf::Interrupted));
    drop(house.open());
    assert!(house.book().iter().all(|record| record.leaf != Leaf::Interrupted), "it was closed");
}

/// What a killed process leaves: the folder, copied while the answers are under way.
#[tokio::test]
async fn an_answer_that_a_crash_cut_off_is_interrupted_at_the_next_start() {
    let house = House::new();
    let (ledger, scribe) = house.open();
    let mut whole = arrive(&ledger, 3).await;
    let _began = whole.began(at(2), [1; 32]).await.expect("durable");
    let _closed = whole.close(at(3), [3; 32]).await.expect("durable");
    let (mut first, mut second) = (arrive(&ledger, 1).await, arrive(&ledger, 2).await);
    let _began = first.began(at(2), [1; 32]).await.expect("durable");
    let _began = second.began(at(2), [1; 32]).await.expect("durable");
    disclose(&mut second, 0..10);
    let _segment = second.disclosing(at(3), [2; 32]).await.expect("durable");
    let copy = tempfile::tempdir().expect("folder");
    for file in ["book", "checkpoint"] {
        std::fs::copy(house.path(file), copy.path().join(file)).expect("copied");
    }
    drop((first, second, ledger));
    scribe.join();

    let settings = ledger::Settings { directory: copy.path().into(), ..house.settings() };
    for _ in 0..2 {
        let settings = ledger::Settings { directory: copy.path().into(), ..house.settings() };
        let (ledger, scribe) = Ledger::open(settings, house.keys(), at(9)).expect("opens");
        drop(ledger);
        scribe.join();
    }
    let reader = ledger::Reader::open(&settings.directory).expect("a book");
    let book: Vec<_> = reader.map(|entry| entry.expect("whole").record().expect("a record")).collect();
    let interrupted: Vec<_> = book.iter().filter(|record| record.leaf == Leaf::Interrupted).collect();
    assert_eq!(
        interrupted.iter().map(|record| (record.trace, record.effect)).collect::<Vec<_>>(),
        [(Some(trace(1)), Some(Effect::None)), (Some(trace(2)), Some(Effect::None))],
        "each once, and the closed one not"
    );
    ledger::verify(&settings.directory, ledger::Against::default()).expect("and the book is whole");
}

#[tokio::test]
async fn tags_of_bodies_are_the_same_after_a_restart() {
    let house = House::new();
    let mut tags = Vec::new();
    for n in 0..2 {
        let (ledger, scribe) = house.open();
        let docket = arrive(&ledger, n).await;
        tags.push(docket.etag(b"{\"id\":\"1\"}"));
        assert_ne!(docket.etag(b"{\"id\":\"2\"}"), tags[0]);
        drop((docket, ledger));
        scribe.join();
    }
    assert_eq!(tags[0], tags[1]);
}

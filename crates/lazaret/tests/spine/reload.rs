//! SIGHUP replaces the rules, or leaves them as they are; the deny list acts without one. Each reload is in the book.

use crate::caller::Caller;
use crate::house::House;

const FORBID: &str = "@id(\"nobody-today\")\n@reason(\"policy.forbidden\")\nforbid (principal, action == Lazaret::Action::\"read\", resource);\n";

/// Asks until the status is no longer `was`: a reload is quick, and nobody promises when.
async fn until_not(caller: &Caller, token: &str, was: u16) -> crate::caller::Answer {
    for _ in 0..20_000 {
        let answer = caller.get("/fhir/Patient/p001", Some(token)).await;
        if answer.status != was {
            return answer;
        }
    }
    panic!("still {was}");
}

fn generations(house: &House) -> usize {
    house.records().iter().filter(|record| record["leaf"] == "generation").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_policy_replaces_the_rules_and_a_bad_one_does_not() {
    let house = House::up();
    let caller = Caller::of(&house);
    let token = house.token("nurse");
    let new = house.data.join("policies/new.cedar");
    let before = caller.get("/fhir/Patient/p001", Some(&token)).await;
    assert_eq!(before.status, 200);
    assert_eq!(generations(&house), 1);

    std::fs::write(&new, "permit (principal, action").expect("written");
    house.signal("-HUP");
    while !house.log().contains("not reloaded") {
        tokio::task::yield_now().await;
    }
    assert!(house.log().contains("new.cedar"), "the fault is named: {}", house.log());
    assert_eq!(caller.get("/fhir/Patient/p001", Some(&token)).await.status, 200);
    assert_eq!(generations(&house), 1, "what did not load is no generation");

    std::fs::write(&new, FORBID).expect("written");
    house.signal("-HUP");
    let refused = until_not(&caller, &token, 200).await;
    let (old, new_record) = (house.record_of(before.trace()), house.record_of(refused.trace()));
    assert_eq!(generations(&house), 2);
    assert_ne!(old["generation"], new_record["generation"]);

    std::fs::remove_file(&new).expect("removed");
    house.signal("-HUP");
    let again = until_not(&caller, &token, refused.status).await;
    assert_eq!(again.status, 200);
    assert_eq!(house.record_of(again.trace())["generation"], old["generation"], "the same rules have the same hash");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deny_list_acts_by_itself() {
    let house = House::up();
    let caller = Caller::of(&house);
    let (nurse, support) = (house.token("nurse"), house.token("support"));
    assert_eq!(caller.get("/fhir/Patient/p001", Some(&nurse)).await.status, 200);
    std::fs::write(house.data.join("deny.list"), "sub dev nurse-1\n").expect("written");
    let refused = until_not(&caller, &nurse, 200).await;
    assert_eq!((refused.status, refused.reason().as_str()), (401, "credential.invalid"));
    assert_eq!(house.record_of(refused.trace())["reason"], "credential.revoked");
    assert_eq!(caller.get("/fhir/Patient/p001", Some(&support)).await.status, 200, "others are not touched");
    // A list that is gone, or that means nobody we know, changes nothing: who is denied stays denied.
    std::fs::remove_file(house.data.join("deny.list")).expect("removed");
    house.signal("-HUP");
    while !house.log().contains("not reloaded") {
        tokio::task::yield_now().await;
    }
    assert_eq!(caller.get("/fhir/Patient/p001", Some(&nurse)).await.status, 401);
    std::fs::write(house.data.join("deny.list"), "sub Dev nurse-1\n").expect("written");
    while !house.log().contains("no issuer is named `Dev`") {
        tokio::task::yield_now().await;
    }
    assert_eq!(caller.get("/fhir/Patient/p001", Some(&nurse)).await.status, 401);
    std::fs::write(house.data.join("deny.list"), "# nobody\n").expect("written");
    assert_eq!(until_not(&caller, &nurse, 401).await.status, 200);
}

/// Care relationships of a file are part of the rules: they come with a reload, and a file with a fault changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_relationship_file_comes_with_a_reload() {
    let house = House::up();
    let caller = Caller::of(&house);
    let token = house.token("nurse");
    let (manifest, file) = (house.data.join("lazaret.toml"), house.data.join("care-teams.csv"));
    let before = caller.get("/fhir/Patient/p011", Some(&token)).await;
    assert_eq!(before.status, 404);
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    let named = text.replace("deny = ", "relationship_file = \"care-teams.csv\"\ndeny = ");
    assert_ne!(text, named);
    std::fs::write(&manifest, named).expect("written");
    std::fs::write(&file, "care_team,patient,member,from,until\nnight,p011,Practitioner/nurse-1,2026-02-30,\n")
        .expect("written");
    house.signal("-HUP");
    while !house.log().contains("relationship file, line 2: from is not a day") {
        tokio::task::yield_now().await;
    }
    assert_eq!(caller.get("/fhir/Patient/p011", Some(&token)).await.status, 404);
    std::fs::write(&file, "care_team,patient,member,from,until\nnight,p011,Practitioner/nurse-1,,\n").expect("written");
    house.signal("-HUP");
    while !house.log().contains("reloaded\n") || generations(&house) < 2 {
        tokio::task::yield_now().await;
    }
    let after = caller.get("/fhir/Patient/p011", Some(&token)).await;
    assert_eq!(after.status, 200);
    let (old, new) = (house.record_of(before.trace()), house.record_of(after.trace()));
    assert_ne!(old["generation"], new["generation"], "the file is part of the generation's hash");
    assert!(new.to_string().contains("file+query:CareTeam"), "{new}");
    let explained = house.lazaret(&["explain", "--as", "nurse", "Patient/p011"]);
    assert!(String::from_utf8_lossy(&explained.stdout).starts_with("200 permitted"));
}

//! Credits from the command line: an admin gives, a user looks, a script reads.

use super::bench::{Bench, PASSWORD};
use serde_json::json;

#[test]
fn credits_are_given_looked_at_and_added_up() {
    let bench = Bench::with_alice();
    let purse = bench.json("credits show");
    assert_eq!((&purse["balance"], &purse["per_hour"]), (&json!(1000), &json!(0)));
    assert_eq!(purse["empty_at"], json!(null));
    bench
        .run_with(
            "register bobby --email bobby@example.org --password-stdin",
            PASSWORD,
        )
        .expect(0);
    let refused = bench.run("credits adjust bobby --by 5 --reason gift");
    refused.expect(4);
    bench.run("credits show alice").expect(5);
    bench.run("credits statement --all").expect(0);
    let own = bench.json("credits statement --all");
    assert_eq!(own.as_array().unwrap().len(), 1, "only one's own: {own}");
    bench.run_with("login alice --password-stdin", PASSWORD).expect(0);
    let given = bench.json("credits adjust alice bobby --by 250.5 --reason monthly");
    assert_eq!(
        given,
        json!([{"user": "alice", "balance": 1250.5}, {"user": "bobby", "balance": 1250.5}])
    );
    let refused = bench.run("credits adjust alice bobby --by -1251 --reason all-or-none");
    refused.expect(6);
    for wrong in ["0", "10001", "-10000.001"] {
        bench
            .run(&format!("credits adjust bobby --by {wrong} --reason x"))
            .expect(2);
    }
    bench.run("credits adjust bobby --by 1.2345 --reason x").expect(2);
    bench.run("credits adjust nobody --by 1 --reason x").expect(5);
    let all = bench.json("credits statement --all --kind adjustment");
    assert_eq!(all.as_array().unwrap().len(), 2, "{all}");
    assert_eq!(
        (&all[0]["by"], &all[0]["reason"]),
        (&json!("alice"), &json!("monthly"))
    );
    let csv = bench.run("credits statement bobby --csv");
    assert!(csv.out.starts_with("id,time,user,kind"), "{}", csv.out);
    assert!(
        csv.out
            .contains("\"bobby\",adjustment,250.5,0,,,,\"alice\",\"monthly\""),
        "{}",
        csv.out
    );
    let report = bench.json("credits verify");
    assert_eq!((&report["sound"], &report["entries"]), (&json!(true), &json!(4)));
}

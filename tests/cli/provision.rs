//! A new machine's first boot, on the command line: what is read, from where, and what is refused.

use super::bench::Bench;

const CREATE: &str = "vm create web-1 --image tiny --no-wait";

#[test]
fn a_document_comes_from_a_file_or_a_pipe_and_is_checked() {
    let bench = Bench::with_alice();
    std::fs::write(bench.path("broken.yaml"), "#cloud-config\npackages: [vim\n").unwrap();
    bench
        .run(&format!("{CREATE} --user-data broken.yaml"))
        .expect(2)
        .says(&["user-data: line 3, column 1"]);
    bench
        .run_with(&format!("{CREATE} --user-data -"), "#cloud-config\na: 1\na: 2\n")
        .expect(2)
        .says(&["line 3, column 1", "a second time"]);
    bench
        .run_with(&format!("{CREATE} --user-data -"), "words\n")
        .expect(2)
        .says(&["#cloud-config"]);
    std::fs::write(bench.path("long"), "x".repeat(65 * 1024)).unwrap();
    bench
        .run(&format!("{CREATE} --user-data long"))
        .expect(2)
        .says(&["64 KiB"]);
    bench
        .run(&format!("{CREATE} --user-data absent"))
        .expect(2)
        .says(&["--user-data absent"]);
    bench
        .run_with(&format!("{CREATE} --user-data - --password-stdin"), "x\n")
        .expect(2)
        .says(&["name a file"]);
    assert_eq!(bench.json("op list"), serde_json::json!([]));
}

#[test]
fn bad_values_are_named_with_their_reason() {
    let bench = Bench::with_alice();
    bench
        .run(&format!(
            "{CREATE} --locale x_ --timezone Nowhere/At.All --package=-y --run ="
        ))
        .expect(2)
        .says(&["locale:", "time zone:", "package: `-y`", "has no cloud-init"]);
    assert_eq!(bench.json("op list"), serde_json::json!([]));
}

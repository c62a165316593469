//! CSV.

use super::*;
use mastra_core::ErrorKind;
use mastra_sync::source::files::{Csv, FileOptions};

async fn read(content: impl AsRef<[u8]>) -> Vec<String> {
    let (_folder, path) = file("c.csv", content);
    all(&Csv::new(FileOptions::new(path).id_field("id"))).await
}

#[tokio::test]
async fn quotes_line_breaks_and_endings() {
    let text = "\u{feff}id,\"full \"\"name\"\"\"\r\n1,\"a \"\"b\"\"\r\nc\"\r\n\r\n2,\"x,y\"\n3,plain\"quote\n4,ünï𝄞\r5,last";
    let records = [
        r#"1={"full \"name\"":"a \"b\"\r\nc","id":"1"}"#,
        r#"2={"full \"name\"":"x,y","id":"2"}"#,
        r#"3={"full \"name\"":"plain\"quote","id":"3"}"#,
        r#"4={"full \"name\"":"ünï𝄞","id":"4"}"#,
        r#"5={"full \"name\"":"last","id":"5"}"#,
    ];
    let sorted = |items: Vec<String>| -> Vec<(String, serde_json::Value)> {
        let split =
            |item: &String| item.split_once('=').map(|(id, data)| (id.to_owned(), serde_json::from_str(data).unwrap())).unwrap();
        items.iter().map(split).collect()
    };
    assert_eq!(sorted(read(text).await), sorted(records.map(str::to_owned).to_vec()));
}

#[tokio::test]
async fn bad_rows_fail_alone_with_their_id_where_it_can_be_read() {
    let mut content = Vec::from("id,name\n1,a,b\n2\n,nobody\n");
    content.extend_from_slice(b"3,caf\xe9\n4,ok\n");
    let items = read(content).await;
    assert_eq!(items[0], "!1: the row has another number of fields than the header (fields=3, columns=2, file=c.csv, line=2)");
    assert_eq!(items[1], "!2: the row has another number of fields than the header (fields=1, columns=2, file=c.csv, line=3)");
    assert_eq!(items[2], "!: the id is blank (file=c.csv, line=4)");
    assert_eq!(items[3], "!3: the row is not UTF-8 (column=name, file=c.csv, line=5)");
    assert_eq!(items[4], r#"4={"id":"4","name":"ok"}"#);
    assert_eq!(items.len(), 5);
}

#[tokio::test]
async fn a_stray_quote_costs_its_line_and_not_the_file() {
    let rows: String = (3..1_000).map(|id| format!("{id},name\n")).collect();
    let items = read(format!("id,name\n1,ok\n2,\"stray\n{rows}")).await;
    assert_eq!(items[1], "!: a quote is not closed (file=c.csv, line=3)");
    assert_eq!(items[2], r#"3={"id":"3","name":"name"}"#);
    assert_eq!(items.len(), 2 + 997);
    let (_folder, path) = file("c.csv", format!("id,name\n1,ok\n2,\"stray\n{rows}"));
    let bounded = all(&Csv::new(FileOptions::new(path).id_field("id").line_bytes(1_000))).await;
    assert_eq!(bounded[1], "!: the row is too long, or a quote in it is not closed (file=c.csv, line=3)");
    assert_eq!(bounded[2..], items[2..]);
}

#[tokio::test]
async fn a_row_past_the_bound_fails_and_the_next_is_read() {
    let giant = "z".repeat(700_000);
    let (_folder, path) = file("c.csv", format!("id,name\n1,{giant}\n2,ok\n3,\"{giant}\"\n4,ok\n"));
    let items = all(&Csv::new(FileOptions::new(path).id_field("id").line_bytes(1_000))).await;
    let failed = |line| format!("!: the row is too long, or a quote in it is not closed (file=c.csv, line={line})");
    assert_eq!(items, [failed(2), r#"2={"id":"2","name":"ok"}"#.into(), failed(4), r#"4={"id":"4","name":"ok"}"#.into()]);
}

#[tokio::test]
async fn values_are_texts_unless_asked_otherwise() {
    let (_folder, path) = file("c.csv", "id;n;b;e;t\n007;1.5;true;;07\n");
    let plain = Csv::new(FileOptions::new(&path).id_field("id")).delimiter(b';');
    assert_eq!(all(&plain).await, [r#"007={"b":"true","e":"","id":"007","n":"1.5","t":"07"}"#]);
    assert_eq!(all(&plain.clone().infer()).await, [r#"007={"b":true,"e":null,"id":"007","n":1.5,"t":"07"}"#]);
    for delimiter in [b'"', b'\n', 0xe9] {
        let error = pages(&plain.clone().delimiter(delimiter), Position::start()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn the_header_has_to_tell_columns_apart() {
    let refused = async |content: &str| {
        let (_folder, path) = file("c.csv", content);
        pages(&Csv::new(FileOptions::new(path).id_field("id")), Position::start()).await.unwrap_err().to_string()
    };
    assert_eq!(refused("id,a,a\n1,2,3\n").await, "the header names a column twice (column=a, file=c.csv)");
    assert_eq!(refused("name,a\n1,2\n").await, "the header has no column of the id field's name (field=id, file=c.csv)");
    assert_eq!(refused("id,\"a\n1,2\n").await, "the header cannot be read: a quote is not closed (file=c.csv)");
    assert_eq!(read("id,,name\n1,2,3\n").await, [r#"1={"column_2":"2","id":"1","name":"3"}"#]);
    for empty in ["", "\n\n", "id,name\n", "\u{feff}"] {
        assert!(read(empty).await.is_empty(), "{empty:?}");
    }
}

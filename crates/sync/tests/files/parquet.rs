//! Parquet.

#![allow(clippy::single_range_in_vec_init, reason = "a list of row groups, of which there may be one")]

use super::*;
use ::parquet::{
    basic::{Compression, ZstdLevel},
    data_type::{
        ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType, Int32Type, Int64Type,
    },
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};
use mastra_core::ErrorKind;
use mastra_sync::source::files::{FileOptions, Parquet};
use std::sync::Arc;

/// Writes ids and names, a row group for each range.
fn write(path: &Path, groups: &[std::ops::Range<i64>], compression: Compression) {
    let schema = "message rows { required int64 id; optional binary name (UTF8); }";
    let properties = WriterProperties::builder().set_compression(compression).build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer =
        SerializedFileWriter::new(file, Arc::new(parse_message_type(schema).unwrap()), Arc::new(properties)).unwrap();
    for group in groups {
        let ids: Vec<i64> = group.clone().collect();
        let (levels, names): (Vec<i16>, Vec<_>) =
            ids.iter().map(|id| (i16::from(id % 3 != 0), ByteArray::from(format!("n{id}").as_str()))).unzip();
        let names: Vec<ByteArray> =
            names.into_iter().zip(&levels).filter(|(_, level)| **level == 1).map(|(name, _)| name).collect();
        let mut rows = writer.next_row_group().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&ids, None, None).unwrap();
        column.close().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&names, Some(&levels), None).unwrap();
        column.close().unwrap();
        rows.close().unwrap();
    }
    writer.close().unwrap();
}

fn source(path: &Path) -> Parquet {
    Parquet::new(FileOptions::new(path).id_field("id").page_items(4))
}

fn expected(ids: std::ops::Range<i64>) -> Vec<String> {
    let name = |id: i64| if id % 3 == 0 { "null".to_owned() } else { format!("\"n{id}\"") };
    ids.map(|id| format!("{id}={{\"id\":{id},\"name\":{}}}", name(id))).collect()
}

#[tokio::test]
async fn rows_are_read_in_pages_and_from_every_cursor() {
    let folder = tempfile::tempdir().unwrap();
    let level = ZstdLevel::default();
    let compressions = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::LZ4_RAW,
        Compression::ZSTD(level),
    ];
    for (index, compression) in compressions.into_iter().enumerate() {
        let path = folder.path().join(format!("{index}.parquet"));
        write(&path, &[0..3, 3..3, 3..10, 10..11], compression);
        let source = source(&path);
        let read = pages(&source, Position::start()).await.unwrap();
        assert_eq!(shown(&read), expected(0..11), "{compression:?}");
        assert_eq!(read.iter().map(|page| page.items.len()).collect::<Vec<_>>(), [4, 4, 3]);
        for (index, page) in read.iter().enumerate() {
            assert_eq!(rest(&source, page.cursor.as_deref().unwrap()).await.0, shown(&read[index + 1..]));
        }
    }
    let whole = all(&Parquet::new(FileOptions::new(folder.path()).id_field("id"))).await;
    assert_eq!(whole, (0..5).flat_map(|_| expected(0..11)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_rewritten_file_is_read_anew_and_under_the_reader_it_is_no_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    write(&path, &[0..9], Compression::SNAPPY);
    let source = source(&path);
    let cursor = pages(&source, Position::start()).await.unwrap()[0].cursor.clone().unwrap();
    assert_eq!(rest(&source, &cursor).await.0, expected(4..9));
    write(&path, &[1..10], Compression::SNAPPY);
    assert_eq!(rest(&source, &cursor).await.0, expected(1..10));
    let replace = || {
        write(&path.with_extension("new"), &[1..10], Compression::SNAPPY);
        std::fs::rename(path.with_extension("new"), &path).unwrap();
    };
    let error = interrupted(&source, replace).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Conflict, true));
}

#[tokio::test]
async fn what_is_no_parquet_is_said_to_be_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    write(&path, &[0..1_000], Compression::UNCOMPRESSED);
    let mut bytes = std::fs::read(&path).unwrap();
    for damaged in [&b""[..], b"PAR1", b"no such thing at all", &bytes[..bytes.len() - 9]] {
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(pages(&source(&path), Position::start()).await.unwrap_err().kind(), ErrorKind::Corrupt);
    }
    bytes[10..2_000].fill(0xff);
    std::fs::write(&path, &bytes).unwrap();
    assert!(pages(&source(&path), Position::start()).await.is_err());
}

#[tokio::test]
async fn values_keep_their_digits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.parquet");
    let schema = "message rows {
        required int32 day (DATE);
        required int64 at (TIMESTAMP(MICROS, true));
        required int64 u (INTEGER(64, false));
        required int32 price (DECIMAL(9, 2));
        required fixed_len_byte_array(16) big (DECIMAL(38, 4));
        required float f;
        required double d;
        optional binary raw;
        required group tags (LIST) { repeated group list { required binary element (UTF8); } }
    }";
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = SerializedFileWriter::new(file, Arc::new(parse_message_type(schema).unwrap()), Default::default()).unwrap();
    let mut rows = writer.next_row_group().unwrap();
    macro_rules! column {
        ($type:ty, $values:expr, $definitions:expr, $repetitions:expr) => {{
            let mut column = rows.next_column().unwrap().unwrap();
            column.typed::<$type>().write_batch(&$values, $definitions, $repetitions).unwrap();
            column.close().unwrap();
        }};
    }
    column!(Int32Type, [-1, 20_000, 0], None, None);
    column!(Int64Type, [1_700_000_000_123_456, -1, 0], None, None);
    column!(Int64Type, [-1, 5, 0], None, None);
    column!(Int32Type, [-105, 5, 0], None, None);
    let big = |value: i128| FixedLenByteArray::from(value.to_be_bytes().to_vec());
    column!(FixedLenByteArrayType, [big(12_345_678_901_234_567_890_123_456_789), big(-1), big(0)], None, None);
    column!(FloatType, [0.1, 1e30, 0.0], None, None);
    column!(DoubleType, [0.1, f64::NAN, 0.0], None, None);
    column!(ByteArrayType, [ByteArray::from(vec![0, 255])], Some(&[0, 0, 1]), None);
    column!(ByteArrayType, [ByteArray::from("a"), ByteArray::from("ä")], Some(&[1, 1, 0, 0]), Some(&[0, 1, 0, 0]));
    rows.close().unwrap();
    writer.close().unwrap();

    let read = pages(&Parquet::new(&path), Position::start()).await.unwrap();
    let Item::Raw(data) = &read[0].items[0] else { panic!("{:?}", read[0].items[0]) };
    assert_eq!((&data["day"], &data["at"]), (&"1969-12-31".into(), &"2023-11-14T22:13:20.123456Z".into()));
    assert_eq!((&data["u"], data["price"].to_string()), (&u64::MAX.into(), "-1.05".to_owned()));
    // A number where numbers keep all digits, else a text: rounded never.
    assert_eq!(data["big"].to_string().trim_matches('"'), "1234567890123456789012345.6789");
    assert_eq!((data["f"].to_string(), data["d"].to_string()), ("0.1".to_owned(), "0.1".to_owned()));
    assert_eq!((&data["raw"], &data["tags"]), (&serde_json::Value::Null, &serde_json::json!(["a", "ä"])));
    let items = shown(&read);
    assert_eq!(items[1], "!: the value is not a number or infinite, as no number in JSON (column=d, file=v.parquet, row=2)");
    assert_eq!(items[2], "!: the value is binary, which JSON cannot hold (column=raw, file=v.parquet, row=3)");
}

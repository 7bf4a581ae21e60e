// The service of the bench as volo-thrift needs it.
namespace rs peers

struct Record {
    1: required i64 id,
    2: required string name,
    3: required double score,
    4: required bool active,
    5: required list<i32> tags,
}

service Echo {
    string echo_text(1: string text),
    string nap(1: string text),
    string work(1: string text),
    binary echo_blob(1: binary bytes),
    list<Record> echo_records(1: list<Record> records),
}
